{{ config(
    pre_hook="{{ forget_touched_keys('satisfaction_surveys', 'response_id') }}",
    indexes=[{'columns': ['response_id', 'delivery_id'], 'unique': true}],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

staged as (
    select
        staged.*,
        quarantined.row_no is not null as is_quarantined,
        corrected.corrected_on
    from {{ ref('stg_satisfaction_surveys') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join corrected
        on staged.delivery_id = corrected.delivery_id and staged.row_no = corrected.row_no
    where staged.delivery_id = any({{ accepted_deliveries('satisfaction_surveys') }})
    {{ only_touched_keys('satisfaction_surveys', 'response_id') }}
),

-- The same respondent twice in one delivery: the first row counts, the others are duplicates.
first_row as (
    select
        staged.*,
        min(row_no) over (partition by response_id, delivery_id) as counted_row_no,
        -- Each row of the file has this item once.
        count(*) filter (where item_code = 'overall') over (partition by response_id, delivery_id) as row_count
    from staged
),

scored as (
    select
        response_id,
        delivery_id,
        origin_id,
        issued_on,
        part,
        row_no,
        file_row,
        respondent_id,
        wave,
        industry_code,
        industry_text,
        coalesce(division_code, '370100') as division_code,
        coalesce(assessment_unit_code, '370100') as assessment_unit_code,
        division_basis,
        in_scope,
        surveyed_on,
        surveyed_on_basis,
        is_marked_invalid,
        is_quarantined,
        corrected_on,
        scale_min,
        scale_max,
        published_index,
        count(*) as items_asked,
        count(answer) as items_answered,
        greatest(max(row_count) - 1, 0) as duplicate_count,
        count(answer) >= 3 and min(answer) = max(answer) as is_straight_line,
        -- GB/T 19038, ACSI: 100 · Σ W (x − min) / ((max − min) · Σ W) over the answered items.
        100 * sum(coalesce(item_weight, 1) * (answer - scale_min))
        / nullif((scale_max - scale_min) * sum(coalesce(item_weight, 1)) filter (where answer is not null), 0)
            as score,
        100 * sum(coalesce(item_weight, 1) * answer)
        / nullif(scale_max * sum(coalesce(item_weight, 1)) filter (where answer is not null), 0)
            as share_of_maximum,
        max(answer) filter (where item_code = 'overall') as overall_answer
    from first_row
    where row_no = counted_row_no
    group by
        response_id, delivery_id, origin_id, issued_on, part, row_no, file_row, respondent_id, wave, industry_code,
        industry_text, division_code, assessment_unit_code, division_basis, in_scope, surveyed_on,
        surveyed_on_basis, is_marked_invalid,
        is_quarantined, corrected_on, scale_min, scale_max, published_index
)

select
    response_id,
    delivery_id,
    origin_id,
    row_no,
    part,
    file_row,
    issued_on as known_from_on,
    -- A respondent without a number has another key in the file that corrects the row.
    least(
        lead(issued_on) over (partition by response_id order by issued_on, origin_id), corrected_on
    ) as known_before_on,
    respondent_id,
    wave,
    industry_code,
    industry_text,
    division_code,
    assessment_unit_code,
    division_basis,
    in_scope,
    surveyed_on,
    surveyed_on_basis,
    items_asked,
    items_answered,
    case
        when is_quarantined then 'quarantined'
        when is_marked_invalid then 'marked_invalid'
        -- Two of three items at least (domain: a respondent's score is over answered items).
        when 3 * items_answered < 2 * items_asked or items_answered = 0 then 'too_few_answers'
        when industry_code is null then 'unknown_industry'
    end as excluded_reason,
    -- Flags, not exclusions: who is content with all three items answers alike in good faith.
    is_straight_line,
    duplicate_count,
    score,
    share_of_maximum,
    case
        when overall_answer is not null
            then 100.0 * (overall_answer >= scale_max - 1)::integer
    end as top_two_box,
    case
        when overall_answer is not null
            then 100.0 * (overall_answer = scale_max)::integer
    end as top_box,
    published_index
from scored
