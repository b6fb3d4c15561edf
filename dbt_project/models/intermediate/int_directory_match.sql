{#- Random inspections, and the members of directories that they are of: by the code, else by the name where an
    inspection has no code that is right. One row per inspection and version of a directory that holds it. -#}

with member as (
    select
        {{ hash_id(['directory_kind', 'office', 'snapshot_id', 'snapshot_on']) }} as snapshot_key,
        inspection_record_id as member_record_id,
        object_key,
        name_key,
        division_code,
        category_text
    from {{ ref('fct_inspection_directory') }}
    where
        directory_kind = 'object'
        and known_from_on <= {{ known_at() }}
        and (known_before_on is null or known_before_on > {{ known_at() }})
),

inspection as (
    select *
    from {{ ref('fct_inspection') }}
    where
        is_counted
        and draw_method = 'random'
        and dated_on <= {{ as_of() }}
        and known_from_on <= {{ known_at() }}
        and (known_before_on is null or known_before_on > {{ known_at() }})
)

select
    inspection.inspection_record_id,
    member.snapshot_key,
    member.member_record_id,
    member.object_key,
    member.division_code,
    member.category_text
from inspection
inner join member on inspection.object_key = member.object_key
union
select
    inspection.inspection_record_id,
    member.snapshot_key,
    member.member_record_id,
    member.object_key,
    member.division_code,
    member.category_text
from inspection
inner join member on inspection.name_key = member.name_key and inspection.object_key = inspection.name_key
