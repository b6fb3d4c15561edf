{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1500}) }}
-- Regularised incomplete beta function I_x(a, b) = P(Beta(a, b) <= x); a, b may be fractional.
-- Error < 1e-12 against scipy for a + b up to 100,000. Never aborts by underflow or overflow.
begin
    return {{ function('incomplete_beta_xy').include(database=false) }}(x, 1 - x, a, b);
end
