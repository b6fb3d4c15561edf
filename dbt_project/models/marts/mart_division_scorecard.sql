{{ config(
    indexes=[{'columns': ['measure_code', 'hierarchy', 'division_basis', 'period_type', 'period_start_on']}],
    pre_hook="set local enable_nestloop = off",
) }}
{%- do uses([
    'clopper_pearson', 'proportion_verdict', 'normal_quantile', 'binomial_lower_tail', 'binomial_upper_tail',
    'rank_intervals',
]) %}
{#- No nested loops: the planner expects one row of each step, and would do the next again for each of thousands. -#}
{%- set group = 'measure_code, hierarchy, division_basis, period_type, period_start_on' %}
{#- Pass rates of divisions against the city's, by funnel limits instead of ranks (domain 8.4): z = (p - p0) / s with
    s^2 = p0 q0 / n; where n q0 < 5 the exact binomial tail decides. phi = mean(z^2) above (I - 1) / I says that units
    differ by more than chance: tau^2 between them widens the adjusted limits and shrinks each rate towards the city's. -#}

with cell as (
    select
        counted.*,
        definition.target_value,
        definition.target_operator,
        definition.alpha,
        definition.min_n,
        definition.finality_lag_days,
        definition.headline_measure,
        100 * counted.passed_count / counted.judged_count as value,
        coalesce(counted.unit_code <> '370100', false) as is_compared,
        max(counted.passed_count / counted.judged_count) filter (where counted.unit_code is null) over (
            partition by {{ group }}
        ) as p0
    from {{ ref('int_division_cell') }} as counted
    inner join {{ ref('dim_indicator') }} as definition
        on counted.indicator_id = definition.indicator_id and {{ definition_in_force('definition', known_at()) }}
),

compared as (
    -- Statistics in float8: exact numerics of fifty digits would cost ten times as much, and decide nothing here.
    select
        counted.*,
        judged_count * (1 - p0) < 5 as is_exact,
        p0 * (1 - p0) / judged_count as variance,
        (1 - failed_count / judged_count - p0) / sqrt(nullif(p0 * (1 - p0) / judged_count, 0)) as z
    from (
        select
            {{ group }},
            unit_code,
            judged_count::float8 as judged_count,
            (judged_count - passed_count)::float8 as failed_count,
            alpha::float8 as alpha,
            p0::float8 as p0
        from cell
        where is_compared
    ) as counted
),

dispersed as (
    select
        compared.*,
        count(*) over of_group as unit_count,
        avg(z * z) over of_group as phi,
        -- Weights are 1 / s^2, and s^2 differ only by n.
        greatest(
            (sum(z * z) over of_group - (count(*) over of_group - 1)) * p0 * (1 - p0)
            / nullif(
                sum(judged_count) over of_group
                - sum(judged_count * judged_count) over of_group / sum(judged_count) over of_group, 0
            ),
            case when count(*) over of_group > 1 then 0 end
        ) as tau_square
    from compared
    window of_group as (partition by {{ group }})
),

flagged as (
    select
        dispersed.*,
        tail.probability as tail_probability,
        z / sqrt(1 + tau_square / nullif(variance, 0)) as adjusted_z,
        limits.alert_z,
        limits.alarm_z,
        {% for strength, probability in [('alert', 'dispersed.alpha'), ('alarm', '0.001')] -%}
        case
            when is_exact then tail.probability <= {{ probability }}
            else abs(z) > limits.{{ strength }}_z
        end as is_{{ strength }}{{ "," if not loop.last }}
        {% endfor %}
    from dispersed
    cross join lateral (
        select
            -stats.normal_quantile(dispersed.alpha) as alert_z,
            -stats.normal_quantile(0.001::float8) as alarm_z
    ) as limits
    cross join lateral (
        -- The tail on the side of the city's rate that the unit is on.
        select
            case
                when p0 in (0, 1) then null
                when z < 0 then stats.binomial_upper_tail(failed_count, judged_count, 1 - p0)
                else stats.binomial_lower_tail(failed_count, judged_count, 1 - p0)
            end as probability
    ) as tail
),

ranked as (
    -- Only units with enough samples are placed at all, and only in years.
    select
        {{ group }},
        array_agg(unit_code order by unit_code) as unit_codes,
        array_agg(passed_count::float8 order by unit_code) as passed,
        array_agg(judged_count::float8 order by unit_code) as judged,
        min(alpha) as alpha
    from cell
    where is_compared and judged_count >= min_n and period_type = 'year' and measure_code = headline_measure
    group by {{ group }}
),

rank_interval as materialized (
    -- Bases mostly hold the same counts.
    select
        passed,
        judged,
        alpha,
        stats.rank_intervals(passed, judged, alpha::float8) as ranks
    from (
        select distinct
            passed,
            judged,
            alpha
        from ranked
    ) as distinct_counts
),

placed as (
    select
        {{ group }},
        unit.unit_code,
        rank() over (partition by {{ group }} order by unit.passed / unit.judged desc) as rank,
        rank_interval.ranks[2 * unit.place - 1] as rank_low,
        rank_interval.ranks[2 * unit.place] as rank_high
    from ranked
    inner join rank_interval using (passed, judged, alpha)
    cross join lateral unnest(ranked.unit_codes, ranked.passed, ranked.judged)
        with ordinality as unit (unit_code, passed, judged, place)
),

interval_share as (
    select
        passed_count,
        judged_count,
        alpha,
        stats.clopper_pearson(passed_count::float8, judged_count::float8, (2 * alpha)::float8) as share
    from (
        select distinct
            passed_count,
            judged_count,
            alpha
        from cell
    ) as distinct_counts
)

select
    cell.measure_code::text as measure_code,
    cell.indicator_id::text as indicator_id,
    cell.hierarchy::text as hierarchy,
    cell.division_basis::text as division_basis,
    cell.period_type::text as period_type,
    cell.period_start_on::date as period_start_on,
    cell.period_end_on::date as period_end_on,
    cell.period_label_zh::text as period_label_zh,
    coalesce(cell.unit_code, '370100')::text as division_code,
    case
        when cell.unit_code is null then 'city'
        when cell.unit_code = '370100' then 'unallocated'
        else division.kind
    end::text as unit_kind,
    case when cell.unit_code = '370100' then '市级/未分配' else division.label_zh end::text as unit_label_zh,
    case
        when cell.unit_code = '370100' then 'Municipal or unallocated'
        else division.label_en
    end::text as unit_label_en,
    cell.passed_count::bigint as numerator,
    cell.judged_count::bigint as denominator,
    cell.value::numeric as value,
    (100 * interval_share.share[1])::numeric as interval_low,
    (100 * interval_share.share[2])::numeric as interval_high,
    case
        when cell.target_operator = '>' then 100 * cell.passed_count > cell.target_value * cell.judged_count
        else 100 * cell.passed_count >= cell.target_value * cell.judged_count
    end::boolean as is_attained,
    stats.proportion_verdict(
        cell.passed_count, cell.judged_count, cell.target_value, cell.target_operator, cell.alpha, cell.min_n
    )::text as verdict,
    (100 * cell.p0)::numeric as city_value,
    flagged.z::numeric as z,
    flagged.tail_probability::numeric as tail_probability,
    case
        when flagged.unit_code is null or flagged.z is null then 'not_assessable'
        when not flagged.is_alert then 'no_different'
        when flagged.is_alarm then case when flagged.z < 0 then 'alarm_low' else 'alarm_high' end
        when flagged.z < 0 then 'alert_low'
        else 'alert_high'
    end::text as funnel,
    -- Beyond what units differ anyway: never more than the plain flag says.
    case
        when flagged.unit_code is null or flagged.z is null then 'not_assessable'
        when not flagged.is_alert or abs(flagged.adjusted_z) <= flagged.alert_z then 'no_different'
        when flagged.is_alarm and abs(flagged.adjusted_z) > flagged.alarm_z
            then case when flagged.z < 0 then 'alarm_low' else 'alarm_high' end
        when flagged.z < 0 then 'alert_low'
        else 'alert_high'
    end::text as funnel_adjusted,
    {% for name, z, spread in [
        ('alert', 'alert_z', 'flagged.variance'), ('alarm', 'alarm_z', 'flagged.variance'),
        ('adjusted_alert', 'alert_z', '(flagged.variance + flagged.tau_square)'),
    ] -%}
    case
        when flagged.variance > 0 then greatest(100 * (flagged.p0 - flagged.{{ z }} * sqrt({{ spread }})), 0)
    end::numeric as {{ name }}_low,
    case
        when flagged.variance > 0 then least(100 * (flagged.p0 + flagged.{{ z }} * sqrt({{ spread }})), 100)
    end::numeric as {{ name }}_high,
    {% endfor -%}
    flagged.phi::numeric as phi,
    (100 * sqrt(flagged.tau_square))::numeric as tau_pp,
    case
        when flagged.tau_square > 0 then
            100 * (
                flagged.judged_count - flagged.failed_count
                + (flagged.p0 * (1 - flagged.p0) / flagged.tau_square - 1) * flagged.p0
            ) / (flagged.judged_count + flagged.p0 * (1 - flagged.p0) / flagged.tau_square - 1)
        when flagged.tau_square = 0 then cell.value
    end::numeric as shrunk_value,
    placed.rank::integer as rank,
    placed.rank_low::integer as rank_low,
    placed.rank_high::integer as rank_high,
    flagged.unit_count::integer as unit_count,
    {{ data_status(
        'cell.value', 'cell.period_end_on <= ' ~ as_of(), known_at(), 'cell.period_end_on', 'cell.finality_lag_days',
        'coalesce(city.contestable_count + city.pending_count, 0)'
    ) }}::text as data_status,
    {{ publication_id() }} as publication_id
from cell
inner join interval_share using (passed_count, judged_count, alpha)
left join flagged using ({{ group }}, unit_code)
left join placed using ({{ group }}, unit_code)
left join {{ ref('dim_division') }} as division on coalesce(cell.unit_code, '370100') = division.division_code
-- While results of the city are open, any division may be where they are.
left join {{ ref('mart_pass_rate') }} as city
    on
        city.breakdown = 'city'
        and city.value_basis = 'computed'
        and cell.measure_code = city.measure_code
        and cell.period_type = city.period_type
        and cell.period_start_on = city.period_start_on
