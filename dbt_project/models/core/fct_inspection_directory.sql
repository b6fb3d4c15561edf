{{ config(
    pre_hook="{{ forget_touched_keys('random_inspections', 'inspection_record_id') }}",
    indexes=[
        {'columns': ['inspection_record_id', 'delivery_id'], 'unique': true},
        {'columns': ['directory_kind', 'snapshot_on']},
    ],
) }}
{#- Members of the directories that objects and officers are drawn from, as of the day of each version. -#}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

staged as (
    select
        staged.*,
        corrected.corrected_on,
        row_number() over (
            partition by staged.inspection_record_id, staged.delivery_id order by staged.row_no
        ) as place
    from {{ ref('stg_random_inspections') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join corrected
        on staged.delivery_id = corrected.delivery_id and staged.row_no = corrected.row_no
    where
        staged.record_kind in ('object_directory', 'officer_directory')
        and quarantined.row_no is null
        and staged.delivery_id = any({{ accepted_deliveries('random_inspections') }})
        {{ only_touched_keys('random_inspections', 'inspection_record_id') }}
)

select
    inspection_record_id,
    delivery_id,
    origin_id,
    row_no,
    issued_on as known_from_on,
    least(
        lead(issued_on) over (partition by inspection_record_id order by issued_on, origin_id), corrected_on
    ) as known_before_on,
    case record_kind when 'object_directory' then 'object' else 'officer' end as directory_kind,
    office,
    snapshot_id,
    snapshot_on,
    enterprise_name,
    name_key,
    enterprise_uscc,
    object_key,
    case when record_kind = 'object_directory' then coalesce(division_code, '370100') end as division_code,
    category_text,
    case when record_kind = 'officer_directory' then officer_hashes end as officer_hash
from staged
where place = 1
