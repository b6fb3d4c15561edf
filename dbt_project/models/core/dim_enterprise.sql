{{ config(
    pre_hook="{{ forget_touched_enterprises() }}",
    indexes=[
        {'columns': ['enterprise_id', 'valid_from_on'], 'unique': true},
        {'columns': ['identifier']},
    ],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

-- A 15-digit number beside a unified or organisation code is another name of that enterprise; beside two, of neither.
same_as as (
    select
        staged.registration_id,
        min(staged.enterprise_id::text)::uuid as enterprise_id
    from {{ ref('stg_enterprise_registry') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    where staged.registration_id is not null
        and quarantined.row_no is null
        and staged.delivery_id = any({{ accepted_deliveries('enterprise_registry') }})
    group by staged.registration_id
    having count(distinct staged.enterprise_id) = 1
),

stated as (
    select
        coalesce(same_as.enterprise_id, staged.enterprise_id) as enterprise_id,
        staged.issued_on,
        staged.origin_id,
        staged.delivery_id,
        staged.row_no,
        staged.attributes_hash
    from {{ ref('stg_enterprise_registry') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join same_as on staged.enterprise_id = same_as.registration_id
    where quarantined.row_no is null
        and staged.delivery_id = any({{ accepted_deliveries('enterprise_registry') }})
        {{ only_touched_enterprises() }}
),

-- What was seen of an enterprise on a day: of two extracts of that day the later arrival, of two rows the first.
-- Keys and hash only: the windows below sort a million of them in memory, with all attributes on disk.
observed as (
    select distinct on (enterprise_id, issued_on)
        enterprise_id,
        issued_on,
        delivery_id,
        row_no,
        attributes_hash
    from stated
    order by enterprise_id, issued_on, origin_id desc, row_no
),

compared as (
    select
        observed.*,
        lag(attributes_hash) over by_day as hash_before,
        lag(issued_on) over by_day as seen_before_on,
        max(issued_on) over (partition by enterprise_id) as seen_last_on
    from observed
    window by_day as (partition by enterprise_id order by issued_on)
),

-- Who is missing in an extract has not ceased to exist: an interval ends where other attributes are seen, not before.
changed as (
    select
        enterprise_id,
        delivery_id,
        row_no,
        issued_on as valid_from_on,
        lead(issued_on) over by_day as valid_before_on,
        lead(seen_before_on, 1, seen_last_on) over by_day as observed_last_on
    from compared
    where hash_before is distinct from attributes_hash
    window by_day as (partition by enterprise_id order by issued_on)
)

select
    changed.enterprise_id,
    staged.identifier_scheme,
    staged.identifier,
    staged.organisation_code,
    staged.registration_no,
    staged.enterprise_name,
    staged.normalized_name,
    staged.former_names,
    staged.established_on,
    staged.deregistered_on,
    staged.enterprise_type,
    staged.capital_text,
    staged.capital_amount,
    staged.capital_currency,
    staged.status_code,
    staged.division_code,
    staged.assessment_unit_code,
    staged.division_basis,
    staged.in_scope,
    staged.industry_code,
    substring(staged.industry_code from '[0-9][0-9]') as industry_division_code,
    staged.address,
    changed.valid_from_on,
    changed.valid_before_on,
    changed.observed_last_on,
    staged.delivery_id,
    staged.row_no
from changed
inner join {{ ref('stg_enterprise_registry') }} as staged
    on changed.delivery_id = staged.delivery_id and changed.row_no = staged.row_no
