{{ config(materialized='table', indexes=[{'columns': ['party_id'], 'unique': true}]) }}
{#- Stands in until parties are linked by more: the code decides, without one a name, present or former, that only one
    enterprise ever bore. -#}

with party as (
    select distinct
        party_id,
        enterprise_name_key as name_key,
        uscc
    from {{ ref('fct_enterprise_title') }}
    where party_id is not null
),

by_code as (
    select distinct
        party.party_id,
        registered.enterprise_id
    from party
    inner join {{ ref('dim_enterprise') }} as registered on party.uscc = registered.identifier
),

by_name as (
    select
        party.party_id,
        min(registered.enterprise_id::text)::uuid as enterprise_id
    from party
    inner join {{ ref('dim_enterprise') }} as registered on party.name_key = registered.normalized_name
    where party.uscc is null
    group by party.party_id
    having count(distinct registered.enterprise_id) = 1
)

select
    party.party_id,
    party.name_key,
    party.uscc,
    coalesce(by_code.enterprise_id, by_name.enterprise_id) as enterprise_id,
    case when coalesce(by_code.enterprise_id, by_name.enterprise_id) is not null then 'linked' else 'unlinked' end
        as link_status,
    case
        when by_code.enterprise_id is not null then 'uscc'
        when by_name.enterprise_id is not null then 'name'
    end as link_rule,
    null::numeric as score
from party
left join by_code on party.party_id = by_code.party_id
left join by_name on party.party_id = by_name.party_id
