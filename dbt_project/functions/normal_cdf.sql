{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 20}) }}
-- Standard normal distribution function by erfc (PostgreSQL 16+). Relative error about 1e-15 where z > -5,
-- absolute always. Below -37.5 (1e-307) it is 0: halving a denormal would abort the query.
begin
    if z < -37.5 then
        return 0;
    end if;
    return 0.5 * erfc(-z * 0.7071067811865475244);
end
