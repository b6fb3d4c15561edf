{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1500}) }}
-- P(X <= k) for X ~ Binomial(n, p) = I_{1-p}(n - k, k + 1), fractional k and n allowed (domain 8.3).
-- p is a fraction 0..1. Small tails keep their relative precision: nothing is subtracted from 1.
begin
    if not (p >= 0 and p <= 1) or k = 'NaN' or not (n >= 0 and n <= 1e12) then
        return 'NaN';
    elsif k < 0 then
        return 0;
    elsif k >= n then
        return 1;
    end if;
    return {{ function('incomplete_beta_xy').include(database=false) }}(1 - p, p, n - k, k + 1);
end
