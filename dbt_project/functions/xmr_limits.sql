{{ config(meta={'language': 'sql', 'strict': true, 'cost': 300}) }}
-- Limits of an XmR chart (domain 9.5): {mean, mean moving range, lower, upper, near lower, near upper}. Moving ranges of
-- 3.267 times their mean or more are left out, once; where the mean is 0 nothing is. NULL below two points.
with moved as (
    select abs(point.y - lag(point.y) over (order by point.place)) as range
    from unnest(y) with ordinality as point (y, place)
    where point.y is not null
),
first_mean as (
    select avg(range) as value from moved
),
screened as (
    select avg(moved.range) as value
    from moved
    cross join first_mean
    where moved.range < 3.267 * first_mean.value or first_mean.value = 0
),
middle as (
    select avg(point.y) as value from unnest(y) as point (y)
)
select case when screened.value is not null then array[
    middle.value, screened.value,
    middle.value - 2.66 * screened.value, middle.value + 2.66 * screened.value,
    middle.value - 2 * 2.66 / 3 * screened.value, middle.value + 2 * 2.66 / 3 * screened.value
] end
from middle
cross join screened
