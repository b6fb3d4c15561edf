{{ config(
    pre_hook="{{ forget_touched_keys('random_inspections', 'inspection_record_id') }}",
    indexes=[
        {'columns': ['inspection_record_id', 'delivery_id'], 'unique': true},
        {'columns': ['dated_on']},
    ],
) }}
{#- An enterprise inspected under a task, in every version: one row per inspection and delivery, however many items. -#}

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
    from {{ ref('stg_random_inspections') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join corrected
        on staged.delivery_id = corrected.delivery_id and staged.row_no = corrected.row_no
    where
        staged.record_kind = 'inspection'
        and staged.delivery_id = any({{ accepted_deliveries('random_inspections') }})
        {{ only_touched_keys('random_inspections', 'inspection_record_id') }}
),

described as (
    select
        inspection_record_id,
        delivery_id,
        origin_id,
        issued_on,
        case when bool_and(corrected_on is not null) then max(corrected_on) end as corrected_on,
        count(*) as row_count,
        count(*) filter (where is_quarantined) as quarantined_row_count,
        count(distinct item_name) as item_count,
        bool_or(item_class = 'key') as has_key_item,
        bool_or(item_class = 'general') as has_general_item,
        bool_or(result_code = 'problem') as has_problem,
        max(published_on) as published_on,
        {% for column in [
            'task_no', 'task_name', 'office', 'enterprise_name', 'name_key', 'enterprise_uscc', 'object_key',
            'division_code', 'category_text', 'snapshot_id', 'draw_method', 'draw_seed', 'drawn_on', 'inspected_on',
            'officer_hashes', 'result_code',
        ] -%}
        (array_agg({{ column }} order by is_quarantined, row_no) filter (where {{ column }} is not null))[1]
            as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from staged
    group by inspection_record_id, delivery_id, origin_id, issued_on
)

select
    inspection_record_id,
    delivery_id,
    origin_id,
    issued_on as known_from_on,
    -- Half-open; what its correction gave another key ends with it.
    least(
        lead(issued_on) over (partition by inspection_record_id order by issued_on, origin_id), corrected_on
    ) as known_before_on,
    task_no,
    task_name,
    office,
    enterprise_name,
    {{ party_id('name_key', 'case when stats.is_uscc(enterprise_uscc) then enterprise_uscc end') }} as party_id,
    name_key,
    enterprise_uscc,
    object_key,
    coalesce(division_code, '370100') as division_code,
    category_text,
    snapshot_id,
    draw_method,
    draw_seed,
    drawn_on,
    inspected_on,
    published_on,
    -- The day by which it belongs to a period.
    coalesce(inspected_on, drawn_on) as dated_on,
    string_to_array(officer_hashes, ' ') as officer_hashes,
    cardinality(string_to_array(officer_hashes, ' ')) as officer_count,
    item_count,
    coalesce(has_key_item, false) as has_key_item,
    coalesce(has_general_item, false) as has_general_item,
    case when has_problem then 'problem' else result_code end as result_code,
    -- The latest version decides: one that is held back counts nothing, and brings no earlier one back.
    quarantined_row_count = 0 as is_counted,
    row_count,
    quarantined_row_count
from described
