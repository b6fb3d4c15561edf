{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 50}) }}
-- Loader's bd0: k ln(k/m) + m - k for k > 0, m > 0; without the cancellation that ruins it where k is near m.
-- Relative error about 1e-15. Loader 2000, with his series written out: |v| < .1, so nine terms are enough.
declare
    v float8;
    w float8;
begin
    if abs(k - m) >= 0.1 * (k + m) then
        -- Difference of logarithms, not ln(k/m): the quotient may overflow where m is tiny.
        return k * (ln(k) - ln(m)) + m - k;
    end if;
    v := (k - m) / (k + m);
    if abs(v) < 1e-9 then
        return (k - m) * v;  -- the next term is below rounding, and v*v must not underflow (which aborts the query)
    end if;
    w := v * v;
    return (k - m) * v + 2 * k * v * w * (1.0::float8/3 + w * (1.0::float8/5 + w * (1.0::float8/7 + w * (1.0::float8/9
        + w * (1.0::float8/11 + w * (1.0::float8/13 + w * (1.0::float8/15 + w * (1.0::float8/17 + w / 19))))))));
end
