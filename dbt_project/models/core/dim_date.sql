{{ config(materialized='table') }}

with day as (
    select
        day::date as date_on,
        -- Notices say weekdays off and weekends worked; of years without one nobody knows.
        case
            when day between known.first_on and known.last_on
                then coalesce(exception.is_business_day, extract(isodow from day) < 6)
        end as is_business_day,
        exception.occasion_zh
    from generate_series('2015-01-01'::timestamp, '2030-12-31'::timestamp, interval '1 day') as day
    left join {{ ref('public_holiday') }} as exception on day = exception.date_on
    cross join (
        select
            date_trunc('year', min(date_on)) as first_on,
            date_trunc('year', max(date_on)) + interval '1 year - 1 day' as last_on
        from {{ ref('public_holiday') }}
    ) as known
)

select
    date_on,
    extract(year from date_on)::integer as year_number,
    extract(quarter from date_on)::integer as quarter_number,
    extract(month from date_on)::integer as month_number,
    date_trunc('year', date_on)::date as year_start_on,
    date_trunc('quarter', date_on)::date as quarter_start_on,
    date_trunc('month', date_on)::date as month_start_on,
    (date_trunc('month', date_on) + interval '1 month - 1 day')::date as month_end_on,
    is_business_day,
    -- Of two days the difference is how many business days the later one is behind the earlier.
    case
        when is_business_day is not null then count(*) filter (where is_business_day) over (order by date_on)
    end::integer as business_day_number,
    occasion_zh
from day
