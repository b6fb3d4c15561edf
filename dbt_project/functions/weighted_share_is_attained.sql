{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 500}) }}
-- Whether sum(W x / n) / sum(W) reaches target_pct, in whole fractions: a divided rate is rounded, and
-- .15 * 97/100 + .70 * 196/200 + .15 * 396/400 is exactly .98 (domain 14). weights, conforming (x) and counted (n) are
-- the strata in one order, target in percent points 0..100, operator '>=' or '>'. NULL where no stratum counts.
declare
    share_numerator numeric := 0;  -- sum(W x / n) = share_numerator / share_denominator
    share_denominator numeric := 1;
    whole numeric := 0;
begin
    if operator not in ('>=', '>') then
        raise exception 'weighted_share_is_attained: operator must be >= or >, not %', operator
            using errcode = 'invalid_parameter_value';
    end if;
    for i in 1 .. coalesce(array_length(weights, 1), 0) loop
        if weights[i] is null or not (counted[i] > 0) then
            continue;
        end if;
        share_numerator := share_numerator * counted[i] + weights[i] * conforming[i] * share_denominator;
        share_denominator := share_denominator * counted[i];
        whole := whole + weights[i];
    end loop;
    if whole = 0 then
        return null;
    end if;
    if operator = '>' then
        return 100 * share_numerator > target_pct * whole * share_denominator;
    end if;
    return 100 * share_numerator >= target_pct * whole * share_denominator;
end
