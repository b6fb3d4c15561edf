{{ config(materialized='view') }}
{#- Codes of each enterprise by scheme, from its history: a code holds until another of its scheme is seen. What an
    extract leaves out ends no code. -#}

with stated as (
    select
        enterprise.enterprise_id,
        code.scheme,
        code.identifier,
        enterprise.valid_from_on,
        enterprise.observed_last_on,
        lag(code.identifier) over (
            partition by enterprise.enterprise_id, code.scheme order by enterprise.valid_from_on
        ) as identifier_before
    from {{ ref('dim_enterprise') }} as enterprise
    cross join lateral (
        values
            (
                case when enterprise.identifier_scheme in ('USCC', 'OTHER') then enterprise.identifier_scheme end,
                enterprise.identifier
            ),
            ('ORG', enterprise.organisation_code),
            ('REG15', enterprise.registration_no)
    ) as code (scheme, identifier)
    where code.scheme is not null and code.identifier is not null
),

numbered as (
    select
        *,
        count(*) filter (where identifier_before is distinct from identifier) over (
            partition by enterprise_id, scheme order by valid_from_on
        ) as run
    from stated
),

held as (
    select
        enterprise_id,
        scheme,
        identifier,
        run,
        min(valid_from_on) as valid_from_on,
        max(observed_last_on) as observed_last_on
    from numbered
    group by enterprise_id, scheme, identifier, run
)

select
    enterprise_id,
    scheme,
    identifier,
    valid_from_on,
    lead(valid_from_on) over (partition by enterprise_id, scheme order by run) as valid_before_on,
    observed_last_on
from held
