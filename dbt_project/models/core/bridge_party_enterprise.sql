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

first_place as (
    select
        party_id,
        min(place) as place
    from {{ ref('party_candidate') }}
    group by party_id
),

weighed as (
    select
        candidate.party_id,
        min(candidate.rule) as rule,
        max(candidate.score) as score,
        count(*) filter (where candidate.rule <> 'model' or candidate.score >= threshold.automatic_from) as sure_count,
        count(*) filter (where candidate.rule <> 'model' or candidate.score >= threshold.review_from) as likely_count,
        (array_agg(candidate.enterprise_id order by candidate.candidate_no))[1] as enterprise_id
    from {{ ref('party_candidate') }} as candidate
    inner join first_place using (party_id, place)
    cross join threshold
    group by candidate.party_id
)

select
    party.party_id,
    party.name_key,
    party.uscc,
    case
        when decision.decision_id is not null then decision.enterprise_id
        when weighed.sure_count = 1 then weighed.enterprise_id
    end as enterprise_id,
    case
        when decision.enterprise_id is not null or (decision.decision_id is null and weighed.sure_count = 1) then 'linked'
        when decision.decision_id is not null then 'unlinked'
        when weighed.likely_count > 0 then 'review'
        when party.is_name_comparable then 'unlinked'
        else 'unmatchable'
    end as link_status,
    case
        when decision.decision_id is not null then 'reviewer'
        when weighed.likely_count > 0 then weighed.rule
    end as link_rule,
    case when decision.decision_id is null and weighed.likely_count > 0 then weighed.score end as score,
    decision.decision_id
from {{ ref('dim_party') }} as party
left join decision on party.party_id = decision.party_id
left join weighed on party.party_id = weighed.party_id
