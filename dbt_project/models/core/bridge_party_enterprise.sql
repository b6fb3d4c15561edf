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
    inner join (
        select
            party_id,
            min(place) as place
        from usable
        group by party_id
    ) as first_place using (party_id, place)
    left join (
        select distinct party_id from usable
        where rule = 'model'
    ) as rival on usable.party_id = rival.party_id
    group by usable.party_id
),

judged as (
    select
        weighed.*,
        weighed.sure_count = 1 and not weighed.has_rival as is_sure
    from weighed
)

select
    party.party_id,
    party.name_key,
    party.uscc,
    case
        when decision.decision_id is not null then decision.enterprise_id
        when judged.is_sure then judged.enterprise_id
    end as enterprise_id,
    case
        when decision.enterprise_id is not null or (decision.decision_id is null and judged.is_sure) then 'linked'
        when decision.decision_id is not null then 'unlinked'
        when judged.party_id is not null then 'review'
        when party.is_name_comparable then 'unlinked'
        else 'unmatchable'
    end as link_status,
    case when decision.decision_id is not null then 'reviewer' else judged.rule end as link_rule,
    case when decision.decision_id is null then judged.score end as score,
    decision.decision_id
from {{ ref('dim_party') }} as party
left join decision on party.party_id = decision.party_id
left join judged on party.party_id = judged.party_id
