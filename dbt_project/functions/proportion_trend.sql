{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1000}) }}
-- Chi-squared for trend in x of n over equal steps (domain 8.5): {chi2, sign of the slope}; the sign is 0 where it
-- changes when one point is left out. NULL below three points, and where the denominator is 0: nothing varies.
declare
    chi2 float8;
    way float8;
    other float8;
    here float8[];
begin
    here := {{ function('trend_sums').include(database=false) }}(n, x, 0);
    if here is null or cardinality(n) < 3 then
        return null;
    end if;
    chi2 := here[1];
    way := sign(here[2]);
    for left_out in 1 .. cardinality(n) loop
        other := ({{ function('trend_sums').include(database=false) }}(n, x, left_out))[2];
        if other is null or sign(other) <> way then
            way := 0;
        end if;
    end loop;
    return array[chi2, way];
end
