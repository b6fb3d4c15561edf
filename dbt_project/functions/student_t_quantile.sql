{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 12000}) }}
-- Quantile of Student's t with df > 0 degrees of freedom: the t with P(T <= t) = p. Newton on the incomplete
-- beta; relative error < 1e-10 for df >= 1. p = 0 and p = 1, and what lies
-- beyond 1e150, give -Infinity and Infinity; p outside 0..1 NaN.
declare
    tail float8 := least(p, 1 - p);
    t float8;
    value float8;
    slope float8;  -- t times the density at t
    ratio float8;
    step float8;
begin
    if not (p >= 0 and p <= 1) or not (df >= 1e-6) or df = 'NaN' then
        return 'NaN';
    elsif p = 0 then
        return '-Infinity';
    elsif p = 1 then
        return 'Infinity';
    elsif p = 0.5 then
        return 0;
    elsif df > 1e12 then
        return {{ function('normal_quantile').include(database=false) }}(p);
    end if;
    -- Start from the Cauchy or the normal quantile, whichever is wider for these degrees of freedom; ln(tail)
    -- is concave in ln(t), so Newton's second and later points come from the right and cannot overshoot.
    t := - {{ function('normal_quantile').include(database=false) }}(tail);
    if df < 3 then
        t := greatest(t, 1 / tan(pi() * greatest(tail, 1e-149)));
    end if;
    for i in 1..200 loop
        if t > 1e150 then  -- t*t would overflow
            t := 'Infinity';
            exit;
        end if;
        ratio := t * t / df;
        value := 0.5 * {{ function('incomplete_beta_xy').include(database=false) }}(
            1 / (1 + ratio), ratio / (1 + ratio), df / 2, 0.5);
        if value <= 0 then
            t := t / 2;
            continue;
        end if;
        slope := exp({{ function('log_beta_kernel').include(database=false) }}(
            1 / (1 + ratio), ratio / (1 + ratio), df / 2, 0.5));
        if tail > 0.2 then
            -- Near the centre ln(t) runs away; there the distribution function itself is nearly straight.
            step := (value - tail) / slope * t;
            step := greatest(step, -0.9 * t);
        else
            step := t * (exp(greatest(-2::float8, least(2::float8, value / slope * (ln(value) - ln(tail))))) - 1);
        end if;
        t := t + step;
        exit when abs(step) <= 1e-9 * t;
    end loop;
    return case when p < 0.5 then -t else t end;
end
