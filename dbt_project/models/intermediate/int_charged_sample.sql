{{ config(materialized='table') }}
{%- do uses(['is_uscc']) %}
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
        case attribution_status when 'disputed' then sampled_uscc else producer_uscc end as party_code,
        case attribution_status when 'disputed' then sampled_party_id else producer_party_id end as party_id
    from final
    where (attribution_status = 'stated' and not is_producer_masked) or attribution_status = 'disputed'
)

select
    coalesce(bridge.enterprise_id, bridge.subject_id, charged.party_id) as subject_id,
    bridge.enterprise_id,
    charged.charged_as,
    charged.party_name,
    case when stats.is_uscc(charged.party_code) then charged.party_code end as party_uscc,
    -- A household is often a person by name; what stands here of it is a hash.
    coalesce(charged.party_code like '92%', false) or coalesce(charged.party_name ~ '^[0-9a-f]{32}$', false)
        as is_household,
    charged.sample_id,
    charged.sample_no,
    charged.sample_domain,
    charged.delivery_id,
    charged.described_in_id,
    charged.sampling_kind,
    charged.sampled_on,
    charged.division_code,
    charged.category_code,
    charged.product_name,
    charged.final_result,
    charged.is_reinspected
from charged
left join {{ ref('bridge_party_enterprise') }} as bridge on charged.party_id = bridge.party_id
where
    charged.party_id is not null
    and coalesce(charged.party_name !~ '[一-龥][*×xX]+[一-龥]', true)
