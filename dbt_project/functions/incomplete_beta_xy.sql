{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1500}) }}
-- Regularised incomplete beta I_x(a, b), where the caller knows y = 1 - x better than the subtraction gives it
-- (x within rounding of 1: a lower binomial tail at p = 1e-5, Student's t at t = 1e-3).
-- Continued fraction of Didonato & Morris 1992 (ACM TOMS 708, also Boost's ibeta_fraction2) by the modified
-- Lentz method, times the saddle-point prefactor. a, b fractional. Error < 1e-12 for a + b up to 100,000.
-- Results below 1e-299 are returned as 0: exp() and every product that underflows would abort the query.
-- Not a number, x outside [0, 1], a or b negative or above 2e12: NaN. a = 0 or b = 0: the limit.
declare
    swapped boolean := false;
    t float8;
    m float8;
    k float8;
    num float8;
    f float8;
    c float8;
    d float8 := 0;
    log_kernel float8;
begin
    -- In PostgreSQL NaN is greater than every number, so the upper bounds catch it.
    if x < 0 or x > 1 or y < 0 or y > 1 or a < 0 or b < 0 or a > 2e12 or b > 2e12 then
        return 'NaN';
    elsif a < 1e-50 or b < 1e-50 then
        return case when a < 1e-50 and b < 1e-50 then 'NaN'::float8 when a < 1e-50 then 1 else 0 end;
    elsif x = 0 then
        return 0;
    elsif y = 0 then
        return 1;
    elsif y < 1e-250 then
        return 1 - {{ this.include(database=false) }}(y, x, b, a);
    elsif x < 1e-250 then
        -- Here I is proportional to x^a; (a+b)*x itself could underflow.
        t := {{ this.include(database=false) }}(1e-250, 1, a, b);
        if t = 0 or ln(t) + a * (ln(x) - ln(1e-250::float8)) < -690 then
            return 0;
        end if;
        return exp(ln(t) + a * (ln(x) - ln(1e-250::float8)));
    end if;

    log_kernel := {{ function('log_beta_kernel').include(database=false) }}(x, y, a, b);
    -- Right of the mean the fraction converges slowly: use I_x(a,b) = 1 - I_y(b,a). When one parameter is tiny and x
    -- is close to its end, the power series below is wanted, whatever the mean.
    if (case when b < 0.1 and y < 0.01 and a * y < 1 then true
            when a < 0.1 and x < 0.01 and b * x < 1 then false
            else a * y < b * x end) then
        swapped := true;
        t := x; x := y; y := t;
        t := a; a := b; b := t;
    end if;
    if log_kernel < -690 then
        return case when swapped then 1 else 0 end;
    end if;

    if x < 0.01 and b * x < 1 and (a < 0.1 or (a + b) * x < 1e-15) then
        -- Power series x^a / (a B) * (1 + a * sum((1-b)(2-b)...(m-b) x^m / (m! (a+m)))). Here the fraction cancels
        -- (tiny a) or its x*x underflows (tiny x).
        t := 1;
        f := 1;
        for i in 1..100 loop
            t := t * (i - b) / i * x;
            exit when abs(t) < 1e-17;
            f := f + a * t / (a + i);
        end loop;
        -- ln(1-x) by its series: ln(y) would carry the rounding of y = 1 - x, times b.
        t := exp(log_kernel + b * x * (1 + x * (1.0::float8/2 + x * (1.0::float8/3 + x * (1.0::float8/4
            + x * (1.0::float8/5 + x * (1.0::float8/6 + x * (1.0::float8/7 + x / 8)))))))) / a * f;
    else
        f := a * (a * y - b * x + 1) / (a + 1);
        c := f;
        <<fraction>>
        begin
            for i in 1..100000 loop
                m := i;
                k := a + 2 * m;
                num := (a + m - 1) / (k - 1) * x * ((a + b + m - 1) / (k - 1) * x) * m * (b - m);
                t := m + m * (b - m) * x / (k - 1) + (a + m) * (a * y - b * x + 1 + m * (1 + y)) / (k + 1);
                d := 1 / (t + num * d);
                c := t + num / c;
                f := f * (c * d);
                exit fraction when abs(c * d - 1) < 4e-16;
            end loop;
            return 'NaN';  -- not seen below 1e12; a verdict takes it as no proof
        end;
        t := exp(log_kernel) / f;
    end if;
    return least(greatest(case when swapped then 1 - t else t end, 0), 1);
end
