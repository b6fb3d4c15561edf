{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 200}) }}
-- Wilson score interval of a proportion: {lower, upper} as fractions 0..1, alpha both sides together.
-- Wilson 1927, written as in Newcombe 1998 and PHEindicatormethods. For display beside other publications;
-- verdicts never use it. NULL where there is no interval (n <= 0, x outside 0..n, alpha outside 0..1).
declare
    z float8;
    half float8;
begin
    if not (n > 0 and n <= 1e12 and x >= 0 and x <= n and alpha > 1e-290 and alpha < 1) then
        return null;
    end if;
    z := - {{ function('normal_quantile').include(database=false) }}(alpha / 2);
    half := z * sqrt(z * z + 4 * x * ((n - x) / n));
    return array[
        case when x = 0 then 0 else greatest((2 * x + z * z - half) / (2 * (n + z * z)), 0) end,
        case when x = n then 1 else least((2 * x + z * z + half) / (2 * (n + z * z)), 1) end
    ];
end
