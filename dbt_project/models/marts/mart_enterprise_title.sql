{#- What each enterprise holds today: a title and level once, with the certificate that runs longest. -#}

with held as (
    select
        title.*,
        count(*) over holding as certificate_count,
        row_number() over (
            partition by title.holder_id, title.title_code, title.level_code
            order by title.valid_before_on desc nulls first, title.valid_from_on desc, title.title_record_id
        ) as place
    from {{ ref('title_validity') }} as title
    where {{ is_known('title', known_at()) }}
        and {{ title_is_here('title', as_of()) }}
        and {{ title_is_valid('title', as_of()) }}
        and title.holder_id is not null
    window holding as (partition by title.holder_id, title.title_code, title.level_code)
)

select
    held.holder_id::uuid as holder_id,
    held.enterprise_id::uuid as enterprise_id,
    held.link_status::text as link_status,
    held.enterprise_name::text as enterprise_name,
    held.uscc::text as uscc,
    held.division_code::text as division_code,
    held.title_code::text as title_code,
    known_title.label_zh::text as title_label_zh,
    known_title.label_en::text as title_label_en,
    held.family::text as family,
    held.level_code::text as level_code,
    level.label_zh::text as level_label_zh,
    level.label_en::text as level_label_en,
    held.status_code::text as status_code,
    held.batch_text::text as batch_text,
    held.list_year::integer as list_year,
    held.certificate_no::text as certificate_no,
    held.certificate_count::bigint as certificate_count,
    held.recognised_on::date as recognised_on,
    held.valid_from_on::date as valid_from_on,
    (held.valid_before_on - 1)::date as valid_to_on,
    held.valid_before_on_basis::text as valid_to_basis,
    (held.valid_before_on - 1 - {{ as_of() }})::integer as days_to_expiry,
    coalesce(held.valid_before_on - 1 - {{ as_of() }} <= 90, false)::boolean as expires_within_90_days,
    coalesce(held.valid_before_on - 1 - {{ as_of() }} <= 180, false)::boolean as expires_within_180_days,
    {{ as_of() }} as as_of_on,
    {{ known_at() }} as known_at_on,
    {{ publication_id() }} as publication_id
from held
left join {{ ref('enterprise_title') }} as known_title on held.title_code = known_title.title_code
left join {{ ref('title_level') }} as level on held.level_code = level.level_code
where held.place = 1
