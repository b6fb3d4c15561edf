{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1500}) }}
-- P(T <= t) of Student's t with df > 0 degrees of freedom (fractional too), by the incomplete beta:
-- P(T > t) = I_{df/(df+t^2)}(df/2, 1/2) / 2 for t > 0. Absolute error < 1e-12.
-- df above 1e12 is normal to within 1e-12. df below 1e-6 or not a number: NaN.
declare
    ratio float8;
    tail float8;
begin
    if not (df >= 1e-6) or df = 'NaN' or t = 'NaN' then
        return 'NaN';
    elsif df > 1e12 then
        return {{ function('normal_cdf').include(database=false) }}(t);
    elsif t = 0 then
        return 0.5;
    elsif abs(t) > 1e150 then
        tail := 0;  -- t*t would overflow; below 1e-15 unless df < 0.1
    elsif abs(t) < 1e-150 then
        tail := 0.5;  -- t*t would underflow
    else
        ratio := t * t / df;
        -- Both x and 1-x from the ratio, neither by subtraction.
        tail := 0.5 * {{ function('incomplete_beta_xy').include(database=false) }}(
            1 / (1 + ratio), ratio / (1 + ratio), df / 2, 0.5);
    end if;
    return case when t < 0 then tail else 1 - tail end;
end
