{{ config(meta={'language': 'sql', 'strict': true, 'cost': 500}) }}
-- Least squares through (x, y), read at `at`: {value, standard error of a new observation, degrees of freedom} (domain
-- 9.4). Written from the means, avgy + b (at - avgx): the intercept form loses ten digits where x is far from 0.
-- NULL below three points, and where all x are alike. Points without y are left out.
with point as (
    select x.value as x, y.value as y
    from unnest(x) with ordinality as x (value, place)
    inner join unnest(y) with ordinality as y (value, place) using (place)
    where x.value is not null and y.value is not null
),
fitted as (
    select
        count(*) as n,
        avg(point.x) as mean_x,
        avg(point.y) as mean_y,
        regr_slope(point.y, point.x) as slope,
        regr_sxx(point.y, point.x) as sxx
    from point
),
residual as (
    -- Summed as squares: as a difference of sums it may come out below 0.
    select sum(power(point.y - fitted.mean_y - fitted.slope * (point.x - fitted.mean_x), 2)) as sse
    from point
    cross join fitted
)
select case when n > 2 and sxx > 0 then array[
    mean_y + slope * (at - mean_x),
    sqrt(sse / (n - 2) * (1 + 1.0 / n + power(at - mean_x, 2) / sxx)),
    n - 2
] end
from fitted
cross join residual
