{{ config(meta={'language': 'sql', 'strict': true, 'cost': 300}) }}
-- {chi-squared for trend, N sum(xI) - X sum(nI)} without the point number `left_out` (0: all). Internal to stats.
with point as (
    select n.value as n, x.value as x, n.place as i
    from unnest(n) with ordinality as n (value, place)
    inner join unnest(x) with ordinality as x (value, place) using (place)
    where n.place <> left_out and n.value is not null and x.value is not null
),
total as (
    select
        sum(point.n) as n, sum(point.x) as x, sum(point.n * i) as ni, sum(point.x * i) as xi, sum(point.n * i * i) as nii
    from point
)
select case
    when x * (n - x) * (n * nii - ni * ni) > 0
        then array[n * power(n * xi - x * ni, 2) / (x * (n - x) * (n * nii - ni * ni)), n * xi - x * ni]
end
from total
