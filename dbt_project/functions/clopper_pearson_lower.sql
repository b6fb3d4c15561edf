{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 12000}) }}
-- Lower Clopper-Pearson end: the p with P(X >= x | n, p) = tail, for 0 <= x <= n, 0 < tail < 1/2, as a
-- fraction 0..1. Newton on ln I_p(x, n-x+1) over ln p: concave and increasing (b = n-x+1 >= 1), so that after
-- the first step it approaches from the left and cannot overshoot. Relative error < 1e-11, absolute < 1e-13.
declare
    a float8 := x;
    b float8 := n - x + 1;
    z float8;
    p float8;
    value float8;
    next_p float8;
begin
    if x < 1e-100 then
        return 0;
    elsif x = n then
        return exp(greatest(ln(tail) / n, -690));
    end if;
    -- Start at Wilson's end, which is close; for fractional x far below 1 it cancels to nothing.
    z := - {{ function('normal_quantile').include(database=false) }}(tail);
    p := (2 * x + z * z - z * sqrt(z * z + 4 * x * (1 - x / n))) / (2 * (n + z * z));
    p := greatest(p, x / n / 1e6);
    for i in 1..100 loop
        value := {{ function('incomplete_beta_xy').include(database=false) }}(p, 1 - p, a, b);
        if value <= 0 then
            p := (p + x / n) / 2;  -- underflow: go back towards the estimate
            continue;
        end if;
        -- d ln I / d ln p = kernel / ((1-p) I). The step in ln p is capped: far from the root exp() could underflow.
        next_p := p * exp(greatest(-2::float8, least(2::float8,
            value / exp({{ function('log_beta_kernel').include(database=false) }}(p, 1 - p, a, b))
            * (1 - p) * (ln(tail) - ln(value)))));
        if next_p >= 1 then
            next_p := (p + 1) / 2;
        end if;
        if next_p < 1e-280 then
            return 0;
        end if;
        -- Convergence is quadratic: a step of 1e-9 leaves an error of rounding only.
        exit when abs(next_p - p) <= 1e-9 * next_p;
        p := next_p;
    end loop;
    return next_p;
end
