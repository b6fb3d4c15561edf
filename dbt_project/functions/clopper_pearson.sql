{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 25000}) }}
-- Exact two-sided confidence interval of a proportion: {lower, upper} as fractions 0..1, alpha both sides
-- together (.05 = 95 %). Clopper & Pearson 1934: lower = BetaInv(alpha/2; x, n-x+1),
-- upper = BetaInv(1-alpha/2; x+1, n-x); x = 0 gives 0, x = n gives 1. x, n may be fractional.
-- It agrees with stats.proportion_verdict always: lower > T exactly when "met" is proven at alpha/2.
-- Absolute error < 1e-13. NULL where there is no interval (n <= 0, x outside 0..n, alpha outside 0..1).
begin
    if not (n > 0 and n <= 1e12 and x >= 0 and x <= n and alpha > 1e-290 and alpha < 1) then
        return null;
    end if;
    return array[
        {{ function('clopper_pearson_lower').include(database=false) }}(x, n, alpha / 2),
        1 - {{ function('clopper_pearson_lower').include(database=false) }}(n - x, n, alpha / 2)
    ];
end
