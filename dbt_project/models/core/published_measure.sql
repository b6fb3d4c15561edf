{{ config(materialized='view') }}
{#- Which readings may stand for a measure: published values of the city. Mart and trace read it alike. -#}

with kind as (
    select distinct
        indicator_id,
        target_kind
    from {{ ref('dim_indicator') }}
)

select
    reading.*,
    measure.measure_code as of_measure,
    {{ is_of_a_date('kind.target_kind') }} as is_of_a_date,
    kind.target_kind in ('level', 'level_held') as is_level
from {{ ref('fct_indicator_reading') }} as reading
inner join kind on reading.subject_code = kind.indicator_id
inner join {{ ref('reading_measure') }} as measure
    on
        reading.subject_code = measure.indicator_id
        -- Without a measure, or with one that we do not know, nobody says that it is defined as ours.
        and case
            when exists (
                select 1 from {{ ref('reading_measure') }} as known
                where known.indicator_id = reading.subject_code and known.measure_code = reading.measure_code
            ) then measure.measure_code = reading.measure_code
            else measure.is_default
        end
where reading.in_scope and reading.division_code = '370100' and reading.value is not null
