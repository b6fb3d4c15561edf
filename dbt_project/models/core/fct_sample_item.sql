{{ config(
    pre_hook="{{ forget_touched_spot_checks('sample_id') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['sample_id']},
    ],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

staged as (
    {{ accepted_spot_checks('sample_id') }}
)

select
    staged.delivery_id,
    staged.row_no,
    staged.item_no,
    staged.sample_id,
    staged.part,
    staged.file_row,
    staged.item_name,
    staged.item_name_text,
    staged.item_result_text,
    staged.item_limit_text,
    staged.item_result_state,
    staged.item_result_comparator,
    staged.item_result_value,
    staged.item_result_unit,
    staged.item_limit_state,
    staged.item_limit_comparator,
    staged.item_limit_value,
    staged.item_limit_unit,
    staged.meets_limit,
    staged.item_result_code,
    staged.initial_result_code,
    staged.reinspection_result_code,
    staged.final_result_code,
    -- The same statement twice in one delivery is one statement.
    row_number() over (
        partition by staged.delivery_id, staged.sample_id, staged.item_name, staged.item_result_text,
        staged.final_result_code
        order by staged.row_no, staged.item_no
    ) > 1 as is_duplicate
from staged
left join quarantined
    on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
where quarantined.row_no is null
