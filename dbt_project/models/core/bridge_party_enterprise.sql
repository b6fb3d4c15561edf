{{ config(materialized='table', indexes=[{'columns': ['party_id'], 'unique': true}]) }}
{#- Stands in until parties are linked: the code decides, nothing else. -#}

with party as (
    select distinct
        party_id,
        enterprise_name_key as name_key,
        uscc
    from {{ ref('fct_enterprise_title') }}
    where party_id is not null
),

registered as (
    select distinct on (identifier)
        identifier,
        enterprise_id
    from {{ ref('dim_enterprise') }}
    where identifier in (select uscc from party)
    order by identifier, valid_from_on
)

select
    party.party_id,
    party.name_key,
    party.uscc,
    registered.enterprise_id,
    case when registered.enterprise_id is not null then 'linked' else 'unlinked' end as link_status,
    case when registered.enterprise_id is not null then 'uscc' end as link_rule,
    null::numeric as score
from party
left join registered on party.uscc = registered.identifier
