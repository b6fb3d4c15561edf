{{ config(indexes=[{'columns': ['indicator_id', 'period_start_on']}]) }}
{%- do uses(['xmr_limits']) %}
{#- XmR charts of the monthly pass rates (domain 9.5): is a move more than the usual to and fro, and do the limits keep
    the target? Limits are of the first twelve months and stay: limits that follow the data never tell of a change. -#}

with monthly as (
    select
        tracking.*,
        row_number() over series as point_no
    from {{ ref('mart_target_tracking') }} as tracking
    where
        is_current
        and is_headline
        and period_type = 'month'
        and target_kind in ('level', 'level_held')
        and period_end_on <= as_of_on
        and numerator is not null
        and value is not null
    window series as (partition by indicator_id, measure_code, value_basis order by period_start_on)
),

limited as (
    select
        indicator_id,
        measure_code,
        value_basis,
        count(*) < 12 as is_trial,
        stats.xmr_limits(array_agg(value::float8 order by point_no)) as found
    from monthly
    where point_no <= 12
    group by indicator_id, measure_code, value_basis
),

placed as (
    select
        monthly.*,
        limited.is_trial,
        limited.found,
        sign(monthly.value::float8 - limited.found[1]) as side,
        sign(monthly.value - lag(monthly.value) over series) as step,
        case
            when monthly.value > limited.found[4] then 1
            when monthly.value < limited.found[3] then -1
            else 0
        end as outside,
        case
            when monthly.value > limited.found[6] then 1
            when monthly.value < limited.found[5] then -1
            else 0
        end as beyond_near
    from monthly
    inner join limited using (indicator_id, measure_code, value_basis)
    where limited.found is not null
    window series as (
        partition by monthly.indicator_id, monthly.measure_code, monthly.value_basis order by monthly.period_start_on
    )
),

told as (
    select
        placed.*,
        -- A run of seven is seven points on one side; a trend of seven is six steps one way.
        case when abs(sum(side) over seven) = 7 then side else 0 end as run,
        case when abs(sum(step) over six) = 6 then step else 0 end as drift,
        case
            when beyond_near <> 0 and abs(sum(beyond_near) over three) >= 2 then beyond_near
            else 0
        end as near
    from placed
    window
        seven as (
            partition by indicator_id, measure_code, value_basis order by period_start_on
            rows between 6 preceding and current row
        ),
        six as (
            partition by indicator_id, measure_code, value_basis order by period_start_on
            rows between 5 preceding and current row
        ),
        three as (
            partition by indicator_id, measure_code, value_basis order by period_start_on
            rows between 2 preceding and current row
        )
)

select
    indicator_id::text as indicator_id,
    measure_code::text as measure_code,
    value_basis::text as value_basis,
    period_start_on::date as period_start_on,
    period_end_on::date as period_end_on,
    period_label_zh::text as period_label_zh,
    value::numeric as value,
    numerator::numeric as numerator,
    denominator::numeric as denominator,
    data_status::text as data_status,
    found[1]::numeric as mean,
    found[3]::numeric as limit_low,
    found[4]::numeric as limit_high,
    found[5]::numeric as near_limit_low,
    found[6]::numeric as near_limit_high,
    is_trial::boolean as is_trial,
    case
        when outside <> 0 then 'outside_limits'
        when run <> 0 then 'seven_on_one_side'
        when drift <> 0 then 'seven_in_one_direction'
        when near <> 0 then 'two_of_three_beyond_near_limits'
    end::text as special_cause,
    case coalesce(nullif(outside, 0), nullif(run, 0), nullif(drift, 0), nullif(near, 0), 0)
        when 1 then 'improvement'
        when -1 then 'concern'
        else 'common_cause'
    end::text as variation,
    target_value::numeric as target_value,
    case
        when target_value > found[4] then 'consistently_fail'
        when target_value < found[3] then 'consistently_pass'
        else 'hit_and_miss'
    end::text as assurance,
    {{ publication_id() }} as publication_id
from told
