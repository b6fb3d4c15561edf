{{ config(materialized='table', indexes=[{'columns': ['party_id'], 'unique': true}]) }}
{%- do uses(['normalize_name', 'is_uscc']) %}
{#- Which enterprise a named party is: by its code, else by a name that one enterprise alone has. -#}

with named as (
    select distinct
        producer_name as party_name,
        producer_uscc as code
    from {{ ref('fct_sample') }}
    where producer_name is not null and not is_producer_masked
    union
    select distinct
        sampled_name as party_name,
        sampled_uscc as code
    from {{ ref('fct_sample') }}
    where sampled_name is not null
),

party as (
    select distinct
        {{ party_id('name_key', 'uscc') }} as party_id,
        name_key,
        uscc
    from (
        select
            stats.normalize_name(party_name) as name_key,
            case when stats.is_uscc(code) then code end as uscc
        from named
    ) as keyed
    where name_key is not null or uscc is not null
),

coded as (
    select distinct on (identifier)
        identifier,
        enterprise_id
    from {{ ref('dim_enterprise') }}
    where identifier in (select uscc from party)
    order by identifier, valid_from_on
),

alone as (
    select
        normalized_name,
        min(enterprise_id::text)::uuid as enterprise_id
    from {{ ref('dim_enterprise') }}
    where normalized_name in (select name_key from party where uscc is null)
    group by normalized_name
    having count(distinct enterprise_id) = 1
)

select
    party.party_id,
    party.name_key,
    party.uscc,
    coalesce(coded.enterprise_id, alone.enterprise_id) as enterprise_id,
    case
        when coalesce(coded.enterprise_id, alone.enterprise_id) is null then 'unlinked'
        else 'linked'
    end as link_status,
    case
        when coded.enterprise_id is not null then 'uscc'
        when alone.enterprise_id is not null then 'name'
    end as link_rule,
    null::numeric as score
from party
left join coded on party.uscc = coded.identifier
left join alone on party.uscc is null and party.name_key = alone.normalized_name
