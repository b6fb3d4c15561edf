{{ config(materialized='table', indexes=[{'columns': ['party_id'], 'unique': true}, {'columns': ['enterprise_id']}]) }}
{#- Which enterprise a party is: what a reviewer decided, else its code, else the first rule that finds one enterprise
    and no other, else the model where it is sure. What it is not sure of waits for review. -#}

with decision as (
    {{ link_decisions() }}
),

threshold as (
    select
        automatic_from,
        review_from
    from {{ ref('link_threshold') }}
),

-- What the model holds for less likely says nothing.
usable as (
    select
        candidate.*,
        candidate.rule like 'model%' as is_by_model,
        candidate.rule not like 'model%' or candidate.score >= threshold.automatic_from as is_sure
    from {{ ref('party_candidate') }} as candidate
    cross join threshold
    where candidate.rule not like 'model%' or candidate.score >= threshold.review_from
),

first_place as (
    select
        party_id,
        min(place) as place
    from usable
    group by party_id
),

rival as (
    select distinct party_id from usable
    where rule = 'model'
),

weighed as (
    select
        usable.party_id,
        min(usable.rule) as rule,
        max(usable.score) as score,
        count(*) filter (where usable.is_sure) as sure_count,
        -- A branch that is nearly written like another enterprise is not simply its head's.
        min(usable.rule) = 'branch' and bool_or(rival.party_id is not null) as has_rival,
        (array_agg(usable.enterprise_id order by usable.candidate_no))[1] as enterprise_id
    from usable
    inner join first_place using (party_id, place)
    left join rival on usable.party_id = rival.party_id
    group by usable.party_id
),

judged as (
    select
        party.party_id,
        party.name_key,
        party.uscc,
        party.code_enterprise_id,
        case
            when decision.decision_id is not null then decision.enterprise_id
            -- A code that the register does not have says another enterprise than any name can.
            when weighed.sure_count = 1 and not weighed.has_rival and (weighed.rule = 'code' or party.uscc is null)
                then weighed.enterprise_id
        end as enterprise_id,
        case
            when decision.decision_id is not null then 'unlinked'
            when weighed.party_id is not null then 'review'
            when party.is_name_comparable or party.uscc is not null then 'unlinked'
            else 'unmatchable'
        end as status_without,
        case when decision.decision_id is not null then 'reviewer' else weighed.rule end as link_rule,
        case when decision.decision_id is null then weighed.score end as score,
        decision.decision_id
    from {{ ref('dim_party') }} as party
    left join decision on party.party_id = decision.party_id
    left join weighed on party.party_id = weighed.party_id
)

select
    party_id,
    name_key,
    uscc,
    enterprise_id,
    -- By which it is counted once: the enterprise, else its code, else how it is written.
    coalesce(enterprise_id, code_enterprise_id, party_id) as subject_id,
    case when enterprise_id is not null then 'linked' else status_without end as link_status,
    link_rule,
    score,
    decision_id
from judged
