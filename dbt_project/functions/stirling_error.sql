{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 60}) }}
-- ln Gamma(n+1) - [ (n + 1/2) ln n - n + ln(2 pi)/2 ], the error of Stirling's formula, for n > 0 (fractional too).
-- Loader 2000, "Fast and accurate computation of binomial probabilities". Absolute error < 2e-14.
-- lgamma() would be shorter, but exists from PostgreSQL 18 on only, and subtracting large lgammas costs digits.
declare
    m float8 := n;
    rising float8 := 1;
    r float8;
begin
    -- Below 16 the series is not exact enough: step up, Gamma(n+1) = Gamma(m+1) / ((n+1)(n+2)...m).
    while m < 16 loop
        m := m + 1;
        rising := rising * m;
    end loop;
    r := 1 / (m * m);
    r := (1.0::float8/12 - (1.0::float8/360 - (1.0::float8/1260 - (1.0::float8/1680 - (1.0::float8/1188 - r * 691.0::float8/360360) * r) * r) * r) * r) / m;
    if m = n then
        return r;
    end if;
    return r + (m + 0.5) * ln(m) - m - (n + 0.5) * ln(n) + n - ln(rising);
end
