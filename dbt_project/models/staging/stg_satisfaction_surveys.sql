{{ config(
    pre_hook="{{ forget_landed_deliveries('satisfaction_surveys') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['response_id']},
    ],
) }}
{%- do uses(['cell_value', 'parse_date', 'parse_number']) %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        period_start_on,
        period_end_on,
        meta,
        stats.parse_number(meta ->> 'scale_min') as scale_min,
        stats.parse_number(meta ->> 'scale_max') as scale_max,
        stats.parse_number(meta ->> 'published_index') as published_index
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('satisfaction_surveys') }})
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        delivery.origin_id,
        delivery.issued_on,
        delivery.period_start_on,
        delivery.period_end_on,
        delivery.scale_min,
        delivery.scale_max,
        delivery.published_index,
        delivery.meta,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {{ cleaned('raw_row.respondent_id') }} as respondent_id,
        coalesce({{ cleaned('raw_row.wave') }}, delivery.meta ->> 'wave') as wave_text,
        coalesce({{ cleaned('raw_row.industry') }}, delivery.meta ->> 'industry') as industry_text,
        coalesce({{ cleaned('raw_row.division') }}, delivery.meta ->> 'division') as division_text,
        {{ cleaned('raw_row.surveyed_on') }} as surveyed_on_text,
        {{ cleaned('raw_row.is_valid') }} as is_valid_text,
        {{ cleaned('raw_row.overall') }} as overall,
        {{ cleaned('raw_row.expectation') }} as expectation,
        {{ cleaned('raw_row.ideal') }} as ideal
    from {{ source('raw', 'satisfaction_surveys') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('satisfaction_surveys') }})
),

typed as (
    select
        cells.*,
        stats.parse_date(surveyed_on_text) as surveyed_date,
        industry_alias.industry_code,
        {{ division_name_in('division_text') }} as division_name,
        coalesce(division_text ~ '济南' or meta ->> 'division' ~ '济南', false) as names_city,
        coalesce({{ code_word('is_valid_text') }} in (
            select alias from {{ ref('survey_validity_alias') }} where not is_valid
        ), false) as is_marked_invalid
    from cells
    left join {{ ref('service_industry_alias') }} as industry_alias
        on {{ code_word('cells.industry_text') }} = industry_alias.alias
),

placed as (
    select
        named_place.*,
        {{ stated_division_code('names_city') }} as division_code,
        {{ stated_unit_code('names_city') }} as assessment_unit_code
    from (
        select
            typed.*,
            {{ further_division_name_in('division_text', 'division_name') }} as further_division_name
        from typed
    ) as named_place
    -- A survey's own district column names districts of the city: 市中区 alone is enough there.
    {{- join_division('named_place', 'true') }}
),

answers as (
    select
        placed.*,
        item.item_no,
        item.item_code,
        item.answer_text,
        stats.parse_number(item.answer_text) as answer_number
    from placed
    cross join lateral (
        values
            (1::smallint, 'overall', overall),
            (2::smallint, 'expectation', expectation),
            (3::smallint, 'ideal', ideal)
    ) as item (item_no, item_code, answer_text)
    -- Only what the questionnaire asked counts as unanswered.
    where item.item_no = 1 or coalesce(placed.meta -> 'present_columns' ? item.item_code, true)
)

select
    delivery_id,
    row_no,
    item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    {#- A respondent without a number is the row itself: two of them are two people. #}
    case
        when respondent_id is null then {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
        else {{ hash_id(["'respondent'", 'coalesce(wave_text, period_end_on::text, origin_id::text)',
            'industry_text', 'respondent_id']) }}
    end as response_id,
    respondent_id,
    coalesce(wave_text, to_char(coalesce(surveyed_date, period_end_on, issued_on), 'YYYY')) as wave,
    coalesce(surveyed_date, period_end_on, issued_on) as surveyed_on,
    surveyed_on_text,
    case
        when surveyed_date is not null then 'file'
        when period_end_on is not null then 'period'
        else 'delivery'
    end as surveyed_on_basis,
    surveyed_on_text is null or surveyed_date is not null as is_surveyed_on_readable,
    industry_text,
    industry_code,
    division_text,
    division_code,
    assessment_unit_code,
    case
        when division_text is null then 'unknown'
        when division_code is null then 'elsewhere'
        else 'file'
    end as division_basis,
    division_code is not null as in_scope,
    is_marked_invalid,
    item_code,
    answer_text,
    {#- Sentinels such as -1 and 98 mean "no answer" only where they are not on the scale. #}
    case
        when answer_number between scale_min and scale_max then answer_number
    end as answer,
    answer_text is not null
    and (answer_number is null or answer_number not between scale_min and scale_max)
    and {{ code_word('answer_text') }} not in (select token from {{ ref('missing_answer') }}) as is_answer_off_scale,
    scale_min,
    scale_max,
    stats.parse_number(meta -> 'item_weights' ->> item_code) as item_weight,
    published_index,
    has_surplus_fields
from answers
