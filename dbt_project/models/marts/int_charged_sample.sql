{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{%- do uses(['normalize_name', 'is_uscc']) %}
{#- Samples with a final conclusion, and whom each is charged to: the stated producer; where the producer says that it
    is not theirs, the party that it was sampled from. A failure that can still be contested charges nobody yet; a masked
    name, or none, is nobody's. One row a sample, however many items fail. -#}

with final as (
    select sample.*
    from {{ ref('fct_sample') }} as sample
    inner join {{ ref('pass_rate_measure') }} as measure on sample.sample_domain = measure.sample_domain
    inner join {{ ref('dim_indicator') }} as definition
        on
            measure.measure_code = definition.headline_measure
            and {{ definition_in_force('definition', known_at()) }}
    where
        sample.is_judged
        -- Of monitoring and rapid tests nothing is concluded.
        and sample.sampling_kind not in ('risk_monitoring', 'rapid_test')
        and sample.sampled_on <= {{ as_of() }}
        and sample.known_from_on <= {{ known_at() }}
        and (sample.known_before_on is null or sample.known_before_on > {{ known_at() }})
        and (
            sample.final_result = 'pass'
            or sample.is_reinspected
            or sample.contestable_from_on + definition.objection_days <= {{ known_at() }}
        )
),

charged as (
    select
        final.*,
        case attribution_status when 'disputed' then 'sampled_unit' else 'producer' end as charged_as,
        case attribution_status when 'disputed' then sampled_name else producer_name end as party_name,
        case attribution_status when 'disputed' then sampled_uscc else producer_uscc end as party_code
    from final
    where (attribution_status = 'stated' and not is_producer_masked) or attribution_status = 'disputed'
),

keyed as (
    select
        charged.*,
        stats.normalize_name(party_name) as party_name_key,
        case when stats.is_uscc(party_code) then party_code end as party_uscc
    from charged
    where party_name !~ '[一-龥][*×xX]+[一-龥]'
    {{ computed_once() }}
)

select
    coalesce(bridge.enterprise_id, {{ party_id('keyed.party_name_key', 'keyed.party_uscc') }}) as subject_id,
    bridge.enterprise_id,
    keyed.charged_as,
    keyed.party_name,
    keyed.party_uscc,
    -- A household is often a person by name; what stands here of it is a hash.
    coalesce(keyed.party_code like '92%', false) or keyed.party_name ~ '^[0-9a-f]{32}$' as is_household,
    keyed.sample_id,
    keyed.sample_no,
    keyed.sample_domain,
    keyed.delivery_id,
    keyed.described_in_id,
    keyed.sampling_kind,
    keyed.sampled_on,
    keyed.division_code,
    keyed.category_code,
    keyed.product_name,
    keyed.final_result,
    keyed.is_reinspected
from keyed
left join {{ ref('bridge_party_enterprise') }} as bridge
    on {{ party_id('keyed.party_name_key', 'keyed.party_uscc') }} = bridge.party_id
where keyed.party_name_key is not null or keyed.party_uscc is not null
