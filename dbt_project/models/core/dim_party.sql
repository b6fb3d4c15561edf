{{ config(materialized='table', indexes=[{'columns': ['party_id'], 'unique': true}, {'columns': ['name_key']}]) }}
{%- do uses(['normalize_name', 'name_variant', 'branch_parent', 'is_uscc']) %}
{#- Everybody whom a delivery names, as it is written: each name with each code. -#}

with named as (
    {% for role, fact, party, name, code, day in [
        ('producer', 'fct_sample', 'producer_party_id', 'producer_name', 'producer_uscc', 'sampled_on'),
        ('sampled', 'fct_sample', 'sampled_party_id', 'sampled_name', 'sampled_uscc', 'sampled_on'),
        ('titled', 'fct_enterprise_title', 'party_id', 'enterprise_name', 'uscc', 'recognised_on'),
        ('brand_holder', 'fct_brand_record', 'party_id', 'party_name', 'holder_uscc', 'counts_from_on'),
        ('inspected', 'fct_inspection', 'party_id', 'enterprise_name', 'enterprise_uscc', 'dated_on'),
    ] -%}
    select
        {{ party }} as party_id,
        '{{ role }}' as role,
        min({{ name }}) as party_name,
        min({{ code }}) as code,
        min({{ day }}) as first_seen_on,
        max({{ day }}) as last_seen_on
    from {{ ref(fact) }}
    where {{ party }} is not null
    group by {{ party }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

party as (
    select
        party_id,
        min(party_name) as party_name,
        stats.normalize_name(min(party_name)) as name_key,
        min(code) filter (where stats.is_uscc(code)) as uscc,
        string_agg(distinct role, ' ' order by role) as roles,
        min(first_seen_on) as first_seen_on,
        max(last_seen_on) as last_seen_on
    from named
    group by party_id
)

select
    party_id,
    party_name,
    name_key,
    uscc,
    -- Who has this code, in the register or not.
    case when uscc is not null then {{ hash_id(["'enterprise'", "'ORG'", 'substr(uscc, 9, 9)']) }} end
        as code_enterprise_id,
    roles,
    first_seen_on,
    last_seen_on,
    stats.name_variant(name_key) as variant_key,
    -- The head enterprise of a branch or workshop.
    stats.branch_parent(name_key) as head_key,
    stats.name_variant(stats.branch_parent(name_key)) as head_variant_key,
    -- Characters withheld (长*实业), a slash, 自产自销: nobody can say who that is. A hash is the name of a household.
    stats.name_variant(name_key) is not null or name_key ~ '^[0-9A-F]{32}$' as is_name_comparable
from party
