{{ config(
    pre_hook="{{ forget_touched_keys('enterprise_titles', 'title_record_id') }}",
    indexes=[
        {'columns': ['title_record_id', 'delivery_id', 'is_quarantined'], 'unique': true},
        {'columns': ['party_id']},
    ],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

stated as (
    -- The same title twice in one delivery: the last row stands.
    select distinct on (staged.title_record_id, staged.delivery_id, quarantined.row_no is not null)
        staged.*,
        corrected.corrected_on,
        quarantined.row_no is not null as is_quarantined
    from {{ ref('stg_enterprise_titles') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join corrected
        on staged.delivery_id = corrected.delivery_id and staged.row_no = corrected.row_no
    where staged.delivery_id = any({{ accepted_deliveries('enterprise_titles') }})
        {{ only_touched_keys('enterprise_titles', 'title_record_id') }}
    order by
        staged.title_record_id, staged.delivery_id, quarantined.row_no is not null, staged.row_no desc
)

select
    stated.title_record_id,
    stated.delivery_id,
    stated.origin_id,
    stated.row_no,
    stated.part,
    stated.file_row,
    stated.issued_on as known_from_on,
    -- What is held back replaces nothing, and is replaced by what says the same.
    least(
        lead(stated.issued_on) over (
            partition by stated.title_record_id, stated.is_quarantined order by stated.issued_on, stated.origin_id
        ),
        stated.corrected_on
    ) as known_before_on,
    stated.is_quarantined,
    {{ party_id('stated.enterprise_name_key', 'case when stated.is_uscc_valid then stated.uscc end') }} as party_id,
    stated.enterprise_name,
    stated.enterprise_name_key,
    case when stated.is_uscc_valid then stated.uscc end as uscc,
    stated.title_code,
    stated.title_family as family,
    stated.level_code,
    level.level_order,
    stated.level_basis,
    stated.status_code,
    stated.is_grant,
    stated.batch_text,
    stated.list_year,
    stated.certificate_no,
    stated.recognised_on,
    stated.recognised_on_basis,
    stated.valid_from_on,
    stated.valid_from_on_basis,
    stated.valid_before_on,
    stated.valid_before_on_basis,
    stated.ended_on,
    stated.ended_on_basis,
    stated.division_code,
    stated.division_basis,
    stated.in_scope,
    stated.document
from stated
left join {{ ref('title_level') }} as level on stated.level_code = level.level_code
