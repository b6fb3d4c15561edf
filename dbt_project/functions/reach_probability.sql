{{ config(meta={'language': 'sql', 'strict': true, 'cost': 1500}) }}
-- P(value >= target) for a forecast {value, standard error, degrees of freedom}: Student's t. Without any spread it is
-- 1 or 0.
select case
    when forecast[2] > 0 then {{ function('student_t_cdf').include(database=false) }}(
        (forecast[1] - target) / forecast[2], forecast[3]
    )
    else (forecast[1] >= target)::integer::float8
end
