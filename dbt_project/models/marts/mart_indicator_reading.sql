{#- What offices report of indicators, tasks and aims, as known now: data, not code. Ranks stand with the set that they
    were ranked in, for that changes every year. -#}

select
    reading.reading_id::text as reading_id,
    reading.subject_code::text as subject_code,
    reading.subject_kind::text as subject_kind,
    subject.label_zh::text as subject_label_zh,
    subject.label_en::text as subject_label_en,
    reading.measure_code::text as measure_code,
    reading.division_code::text as division_code,
    reading.in_scope::boolean as in_scope,
    reading.period_start_on::date as period_start_on,
    reading.period_end_on::date as period_end_on,
    reading.value::numeric as value,
    reading.unit::text as unit,
    reading.numerator::numeric as numerator,
    reading.denominator::numeric as denominator,
    reading.rank::integer as rank,
    reading.ranked_count::integer as ranked_count,
    reading.score::numeric as score,
    reading.national_mean::numeric as national_mean,
    (reading.score - reading.national_mean)::numeric as score_gap,
    reading.owner_unit::text as owner_unit,
    reading.document::text as document,
    reading.remark::text as remark,
    reading.published_on::date as published_on,
    -- A result of 2021 that came in July 2022 was not there at the end of either year.
    (reading.published_on - reading.period_end_on)::integer as lag_days,
    reading.delivery_id::bigint as delivery_id,
    reading.part::text as part,
    reading.file_row::integer as file_row,
    {{ publication_id() }} as publication_id
from {{ ref('fct_indicator_reading') }} as reading
inner join {{ ref('reading_subject') }} as subject on reading.subject_code = subject.subject_code
where
    reading.known_from_on <= {{ known_at() }}
    and (reading.known_before_on is null or reading.known_before_on > {{ known_at() }})
