{{ config(meta={'language': 'sql', 'strict': true, 'cost': 300}) }}
-- A random walk with drift through equally spaced y, `steps` after the last: {value, standard error, degrees of freedom}.
-- Drift is the mean step, its own error is counted: variance s^2 (h + h^2 / m) for m steps. NULL below two steps.
with step as (
    select walked.y - lag(walked.y) over (order by walked.place) as size
    from unnest(y) with ordinality as walked (y, place)
    where walked.y is not null
),
fitted as (
    select
        count(step.size) as m,
        avg(step.size) as drift,
        var_samp(step.size) as variance
    from step
)
select case when m > 1 then array[
    (select walked.y from unnest(y) with ordinality as walked (y, place)
     where walked.y is not null order by walked.place desc limit 1) + steps * drift,
    sqrt(variance * (steps + steps * steps / m)),
    m - 1
] end
from fitted
