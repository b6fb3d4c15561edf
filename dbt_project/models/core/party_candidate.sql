{{ config(materialized='table', indexes=[{'columns': ['party_id']}]) }}
{%- do uses(['normalize_name']) %}
{#- Which enterprises of the register a party may be, by which rule: its code, or a name, current or former. -#}

with code_match as (
    select
        party.party_id,
        party.code_enterprise_id as enterprise_id,
        'code' as rule,
        null::text as matched_name,
        1::numeric as score
    from {{ ref('dim_party') }} as party
    where exists (
        select 1 from {{ ref('dim_enterprise') }} as enterprise
        where enterprise.enterprise_id = party.code_enterprise_id
    )
),

name_match as (
    select
        party.party_id,
        name.enterprise_id,
        case
            when key.is_head then 'branch'
            -- In force on some day on which the party was named so; the first name of an enterprise also before that.
            when not name.is_listed_as_former
                and (name.is_first or name.valid_from_on <= party.last_seen_on)
                and coalesce(name.valid_before_on > party.first_seen_on, true)
                then 'exact_name'
            else 'former_name'
        end as rule,
        name.enterprise_name as matched_name,
        1::numeric as score
    from {{ ref('dim_party') }} as party
    cross join lateral (values (party.name_key, false), (party.head_key, true)) as key (name_key, is_head)
    inner join {{ ref('dim_enterprise_name') }} as name on key.name_key = name.normalized_name
    where party.is_name_comparable
),

variant_match as (
    select
        party.party_id,
        name.enterprise_id,
        case when key.is_head then 'branch' else 'variant_name' end as rule,
        name.enterprise_name as matched_name,
        1::numeric as score
    from {{ ref('dim_party') }} as party
    cross join lateral (
        values (party.variant_key, party.name_key, false), (party.head_variant_key, party.head_key, true)
    ) as key (variant_key, name_key, is_head)
    inner join {{ ref('dim_enterprise_name') }} as name
        on key.variant_key = name.variant_key and key.name_key <> name.normalized_name
),

model_match as (
    select
        party.party_id,
        name.enterprise_id,
        -- The maker before the principal whom the cell names too, a branch before its head.
        case
            when matched.evidence ->> 'role' = 'principal' then 'model_principal'
            when matched.evidence ->> 'branch' = 'of the head' then 'model_head'
            else 'model'
        end as rule,
        name.enterprise_name as matched_name,
        matched.probability::numeric as score
    from ({{ name_matches() }}) as matched
    inner join {{ ref('dim_party') }} as party on matched.party_key = party.name_key
    inner join {{ ref('dim_enterprise_name') }} as name on matched.enterprise_key = name.normalized_name
    where party.is_name_comparable
),

found as (
    select * from code_match
    union all
    select * from name_match
    union all
    select * from variant_match
    union all
    select * from model_match
),

best as (
    -- One line for each enterprise that a party may be: by the first rule that finds it.
    select distinct on (found.party_id, found.enterprise_id)
        found.party_id,
        found.enterprise_id,
        rule_order.place,
        found.rule,
        found.matched_name,
        found.score
    from found
    inner join (
        values
            ('code', 1), ('exact_name', 2), ('former_name', 3), ('variant_name', 4), ('branch', 5), ('model', 6),
            ('model_head', 7), ('model_principal', 8)
    ) as rule_order (rule, place) on found.rule = rule_order.rule
    order by found.party_id, found.enterprise_id, rule_order.place, found.score desc
)

select
    party_id,
    enterprise_id,
    place,
    rule,
    matched_name,
    score,
    row_number() over (partition by party_id order by place, score desc, enterprise_id) as candidate_no
from best
