{{ config(
    pre_hook="{{ forget_touched_spot_checks('sample_id') }}",
    indexes=[
        {'columns': ['sample_id', 'delivery_id'], 'unique': true},
        {'columns': ['sample_domain', 'sampling_kind', 'sampled_on']},
    ],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

accepted as (
    {{ accepted_spot_checks('sample_id') }}
),

staged as (
    select
        accepted.*,
        quarantined.row_no is not null as is_quarantined,
        corrected.corrected_on
    from accepted
    left join quarantined
        on accepted.delivery_id = quarantined.delivery_id and accepted.row_no = quarantined.row_no
    left join corrected
        on accepted.delivery_id = corrected.delivery_id and accepted.row_no = corrected.row_no
),

described as (
    -- What all rows of a sample say alike: the first row that says it.
    select
        sample_id,
        sample_domain,
        delivery_id,
        origin_id,
        issued_on,
        count(distinct row_no) as row_count,
        count(distinct row_no) filter (where is_quarantined) as quarantined_row_count,
        -- Known when the last of its rows is corrected; while one stands, so does the sample.
        case when bool_and(corrected_on is not null) then max(corrected_on) end as corrected_on,
        bool_or(in_scope) as in_scope,
        bool_or(is_tableware) as is_tableware,
        bool_or(record_domain = 'foreign_alert') as is_foreign_alert,
        bool_or(final_result_code = 'fail') filter (where not is_quarantined) as has_failure,
        bool_or(final_result_code = 'pass') filter (where not is_quarantined) as has_pass,
        bool_or(initial_result_code = 'fail') filter (where not is_quarantined) as has_initial_failure,
        bool_or(reinspection_result_code is not null) filter (where not is_quarantined) as is_reinspected,
        count(distinct item_name) filter (where item_result_code = 'fail' and not is_quarantined)
            as failed_item_count,
        max(notified_on) as notified_on,
        {% for column in [
            'sample_no', 'product_name', 'producer_name', 'producer_uscc', 'sampled_name', 'sampled_uscc',
            'division_code', 'division_basis', 'sampled_place', 'category_code', 'category_text', 'subcategory_text',
            'sampled_on', 'sampled_on_basis', 'sampling_kind', 'sampling_kind_basis', 'task_text', 'notice_no',
            'published_on', 'unjudged_reason',
        ] -%}
        (array_agg({{ column }} order by is_quarantined, row_no) filter (where {{ column }} is not null))[1]
            as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from staged
    group by sample_id, sample_domain, delivery_id, origin_id, issued_on
),

placed as (
    select
        described.*,
        lag(delivery_id) over versions is not null as has_earlier,
        lead(delivery_id) over versions is not null as has_later
    from described
    window versions as (partition by sample_id order by issued_on, origin_id)
),

standing as (
    -- Rows that had the key of another sample by mistake give way: that sample's own version counts again.
    select *
    from placed
    where corrected_on is null or has_later or not has_earlier
),

judged as (
    select
        standing.*,
        case
            when quarantined_row_count > 0 then 'quarantined'
            when is_foreign_alert then 'foreign_alert'
            -- An item without a standard takes nothing from a sample that fails on another.
            when unjudged_reason = 'no_standard' and has_failure then null
            when unjudged_reason is not null then unjudged_reason
            when coalesce(has_failure, false) or coalesce(has_pass, false) then null
            else 'no_result'
        end as reason
    from standing
)

select
    sample_id,
    delivery_id,
    origin_id,
    sample_domain,
    issued_on as known_from_on,
    -- Half-open; equal dates give an empty interval, so the later arrival counts. What its correction gave another key
    -- ends with it.
    least(lead(issued_on) over (partition by sample_id order by issued_on, origin_id), corrected_on) as known_before_on,
    sample_no,
    product_name,
    producer_name,
    producer_uscc,
    sampled_name,
    sampled_uscc,
    sampled_place,
    coalesce(division_code, '370100') as division_code,
    division_basis,
    in_scope,
    category_code,
    category_text,
    subcategory_text,
    is_tableware,
    sampled_on,
    sampled_on_basis,
    sampling_kind,
    sampling_kind_basis,
    task_text,
    notice_no,
    reason is null as is_judged,
    reason as unjudged_reason,
    case
        when reason is not null then null
        when has_failure then 'fail'
        else 'pass'
    end as final_result,
    case
        when reason is not null then null
        when has_initial_failure then 'fail'
        else 'pass'
    end as initial_result,
    coalesce(is_reinspected, false) as is_reinspected,
    failed_item_count,
    -- A failure can still be contested from the day that the party, else the public, learnt of it.
    case
        when reason is null and has_failure and not coalesce(is_reinspected, false)
            then coalesce(notified_on, published_on, issued_on)
    end as contestable_from_on,
    row_count,
    quarantined_row_count
from judged
