{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1500}) }}
-- P(X >= k) for X ~ Binomial(n, p) = I_p(k, n - k + 1); this identity carries it to fractional k and n
-- (effective sample sizes, domain 8.3). p is a fraction 0..1. Error as of incomplete_beta. NaN: no probability.
begin
    if not (p >= 0 and p <= 1) or k = 'NaN' or not (n >= 0 and n <= 1e12) then
        return 'NaN';
    elsif k <= 0 then
        return 1;
    elsif k > n then
        return 0;
    end if;
    return {{ function('incomplete_beta_xy').include(database=false) }}(p, 1 - p, k, n - k + 1);
end
