{#- Divisions and zones in a year, out of 1000 points (DB3701/T 20-2021; its weights and grades are not public: ours, in
    seeds, are assumed). Points follow the rate shrunk towards the city's, or the city's where units differ by chance
    alone: nobody gains or loses by a small sample. What is not assessed leaves the total, which is scaled to the rest. -#}

with assessed as (
    select
        measure_code,
        division_code,
        period_start_on,
        denominator::numeric as observed_count,
        value,
        case when tau_pp > 0 then shrunk_value else city_value end as scored_value
    from {{ ref('mart_division_scorecard') }}
    where hierarchy = 'assessment' and division_basis = 'as_is' and period_type = 'year'
        and unit_kind not in ('city', 'unallocated')
    union all
    select
        'CSI_0_100' as measure_code,
        division_code,
        period_start_on,
        respondent_count as observed_count,
        value,
        scored_value
    from {{ ref('int_division_satisfaction') }}
),

unit as (
    -- Who is assessed: every unit that is in force in the year, with data or without.
    select
        division.division_code,
        division.label_zh,
        division.label_en,
        division.kind,
        period.period_start_on,
        period.period_end_on
    from {{ ref('dim_division') }} as division
    inner join {{ ref('int_calendar_period') }} as period
        on
            period.period_type = 'year'
            and (division.valid_from_on is null or division.valid_from_on <= period.period_end_on)
    where division.successor_code is null and division.kind in ('district', 'county', 'assessment_zone')
        and period.period_start_on in (select assessed.period_start_on from assessed)
),

minimum as (
    select
        measure.measure_code,
        definition.min_n
    from (
        select
            measure_code,
            indicator_id
        from {{ ref('pass_rate_measure') }}
        union all
        select
            measure_code,
            indicator_id
        from {{ ref('satisfaction_measure') }}
    ) as measure
    inner join {{ ref('dim_indicator') }} as definition
        on measure.indicator_id = definition.indicator_id and {{ definition_in_force('definition', known_at()) }}
),

scored as (
    select
        unit.*,
        weight.measure_code,
        weight.basis,
        weight.max_points,
        weight.zero_at,
        weight.full_at,
        coalesce(assessed.observed_count, 0) as observed_count,
        assessed.value,
        case when assessed.observed_count >= minimum.min_n then assessed.scored_value end as scored_value,
        case
            when assessed.observed_count >= minimum.min_n then
                weight.max_points
                * greatest(0, least(1, (assessed.scored_value - weight.zero_at) / (weight.full_at - weight.zero_at)))
        end as points
    from unit
    cross join {{ ref('assessment_weight') }} as weight
    inner join minimum using (measure_code)
    left join assessed using (measure_code, division_code, period_start_on)
),

totalled as (
    select
        scored.*,
        sum(max_points) filter (where points is not null) over of_unit as assessed_points,
        sum(max_points) over of_unit as all_points,
        1000 * sum(points) over of_unit / sum(max_points) filter (where points is not null) over of_unit as score
    from scored
    window of_unit as (partition by division_code, period_start_on)
)

select
    totalled.period_start_on::date as period_start_on,
    totalled.period_end_on::date as period_end_on,
    totalled.division_code::text as division_code,
    totalled.label_zh::text as division_label_zh,
    totalled.label_en::text as division_label_en,
    totalled.kind::text as unit_kind,
    totalled.measure_code::text as measure_code,
    totalled.basis::text as basis,
    totalled.max_points::numeric as max_points,
    totalled.observed_count::bigint as observed_count,
    totalled.value::numeric as value,
    totalled.scored_value::numeric as scored_value,
    totalled.points::numeric as points,
    totalled.score::numeric as score,
    (100 * coalesce(totalled.assessed_points, 0) / totalled.all_points)::numeric as coverage_pct,
    case
        when veto.division_code is not null then 'D'
        when totalled.assessed_points >= 0.8 * totalled.all_points then (
            select grade.grade
            from {{ ref('assessment_grade') }} as grade
            where totalled.score >= grade.min_score
            order by grade.min_score desc
            limit 1
        )
        else 'not_assessable'
    end::text as grade,
    (veto.division_code is not null)::boolean as is_vetoed,
    veto.reason_zh::text as veto_reason_zh,
    veto.reason_en::text as veto_reason_en,
    {{ publication_id() }} as publication_id
from totalled
left join {{ ref('assessment_veto') }} as veto
    on
        totalled.division_code = veto.division_code
        and extract(year from totalled.period_start_on) = veto.assessment_year
