{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 300}) }}
-- ln [ x^a y^b / B(a, b) ] with y = 1 - x, for 0 < x < 1, a > 0, b > 0: the prefactor of the incomplete beta,
-- and the beta density times x(1-x). By Loader's saddle-point form, so that nothing large is subtracted:
-- the value is good to 1e-14 absolute plus 1e-15 relative up to a + b = 1e12.
-- As a logarithm, because exp() below -745 aborts the query: the caller decides.
declare
    n float8 := a + b;
begin
    return 0.5 * (ln(a) + ln(b) - ln(n) - 1.8378770664093453)      -- ln(2 pi)
        + {{ function('stirling_error').include(database=false) }}(n)
        - {{ function('stirling_error').include(database=false) }}(a)
        - {{ function('stirling_error').include(database=false) }}(b)
        - {{ function('binomial_deviance').include(database=false) }}(a, n * x)
        - {{ function('binomial_deviance').include(database=false) }}(b, n * y);
end
