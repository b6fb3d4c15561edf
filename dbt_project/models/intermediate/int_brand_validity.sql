{#- Certificates and bases at a moment. Their dates are those that are known by then; their status is what the latest
    document of before the day said, for a document tells the status of its own day. Of days before the first document
    the dates tell, unless it already finds them ended: since when nobody says. -#}

with moment as (
    select distinct
        on_date,
        known_at_on
    from {{ ref('int_brand_moment') }}
),

known as (
    select
        moment.on_date,
        moment.known_at_on,
        record.brand_record_id,
        record.record_kind,
        record.brand_uid,
        record.base_key,
        record.enterprise_id,
        record.certificate_no,
        record.counts_from_on,
        record.valid_before_on
    from moment
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    where
        record.record_kind in ('certificate', 'quality_base')
        and not record.is_quarantined
        and record.in_scope
        and coalesce(record.brand_uid::text, record.base_key) is not null
)

select
    known.*,
    stated.status_code,
    stated.known_from_on as status_from_on,
    coalesce(known.on_date < known.valid_before_on, true)
    and (
        not coalesce({{ has_ended('stated.status_code') }}, false)
        -- An expiry is told by its date.
        or (
            stated.status_code = 'expired'
            and stated.known_from_on > known.on_date
            and known.valid_before_on is not null
        )
    ) as is_valid
from known
cross join lateral (
    select
        version.status_code,
        version.known_from_on
    from {{ ref('brand_record') }} as version
    where
        version.brand_record_id = known.brand_record_id
        and not version.is_quarantined
        and version.known_from_on <= known.known_at_on
        and (version.corrected_on is null or version.corrected_on > known.known_at_on)
    order by
        version.known_from_on <= known.on_date desc,
        case when version.known_from_on <= known.on_date then version.known_from_on end desc,
        version.known_from_on,
        version.origin_id desc
    limit 1
) as stated
