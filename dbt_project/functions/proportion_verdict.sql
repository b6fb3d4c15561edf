{{ config(meta={'language': 'plpgsql', 'strict': false, 'cost': 3000}) }}
-- The verdict on a proportion against a target (domain 8.2 and 14), x conforming of n, both may be fractional
-- (effective sample sizes). target_pct in percent points 0..100; operator '>=' or '>' (the plan's 以上 is >=).
-- alpha is ONE side (.025): the exact binomial tail decides, because at p = T Wilson's rule accuses falsely in
-- up to 8.2 % of the samples. Attainment compares counts in numeric, 100 x >= T n, never a rounded rate.
--   no_data                nothing was counted
--   insufficient_sample    n < min_n
--   met_proven             P(X >= x | n, T) <= alpha
--   not_met_proven         P(X <= x | n, T) <= alpha
--   met_not_proven / not_met_not_proven   by attainment
--   not_assessable         no target, or counts that cannot be (x outside 0..n, NaN)
-- A wrong operator, alpha or target is a mistake in a definition, not in data, and raises an error.
declare
    target float8;
begin
    if operator is null or operator not in ('>=', '>') then
        raise exception 'proportion_verdict: operator must be >= or >, not %', coalesce(operator, 'null')
            using errcode = 'invalid_parameter_value';
    elsif alpha is null or not (alpha > 0 and alpha < 0.5) then
        raise exception 'proportion_verdict: alpha must be one side, between 0 and 0.5, not %', coalesce(alpha::text, 'null')
            using errcode = 'invalid_parameter_value';
    elsif target_pct is not null and not (target_pct >= 0 and target_pct <= 100) then
        raise exception 'proportion_verdict: target_pct must be in percent points 0..100, not %', target_pct
            using errcode = 'invalid_parameter_value';
    end if;

    if n is null or x is null or n = 0 then
        return 'no_data';
    elsif target_pct is null or not (n > 0 and n <= 1e12 and x >= 0 and x <= n) then
        return 'not_assessable';
    elsif n < min_n then
        return 'insufficient_sample';
    end if;
    -- Divided in numeric, so that 97.9 becomes the double nearest to .979.
    target := (target_pct / 100)::float8;
    if {{ function('binomial_upper_tail').include(database=false) }}(x::float8, n::float8, target) <= alpha::float8 then
        return 'met_proven';
    elsif {{ function('binomial_lower_tail').include(database=false) }}(x::float8, n::float8, target) <= alpha::float8 then
        return 'not_met_proven';
    elsif 100 * x > target_pct * n or (operator = '>=' and 100 * x = target_pct * n) then
        return 'met_not_proven';
    end if;
    return 'not_met_not_proven';
end
