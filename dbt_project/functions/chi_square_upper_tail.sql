{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 500}) }}
-- P(X >= x) of chi-square with df whole degrees of freedom: the regularised incomplete gamma Q(df/2, x/2), which for
-- whole df is a sum of df/2 positive terms (and a normal tail where df is odd). Relative error < 1e-10 for df up to 2,000.
-- Terms as logarithms: exp() below -745 would abort the query. df below 1 or x not a number: NaN.
declare
    half float8 := x / 2;
    log_term float8;
    total float8 := 0;
begin
    if x = 'NaN' or df < 1 then
        return 'NaN';
    elsif x <= 0 then
        return 1;
    elsif x > 1e12 then
        return 0;
    end if;
    if df % 2 = 0 then
        -- exp(-h) (1 + h + h^2/2! + … )
        log_term := -half;
        for k in 1..df / 2 loop
            if log_term > -700 then
                total := total + exp(log_term);
            end if;
            log_term := log_term + ln(half) - ln(k::float8);
        end loop;
    else
        -- 2 Phi(-sqrt(x)) + exp(-h) sqrt(h) / Gamma(3/2) (1 + h/(3/2) + h^2/(3/2 · 5/2) + … )
        total := 2 * {{ function('normal_cdf').include(database=false) }}(-sqrt(x));
        log_term := -half + 0.5 * ln(half) + 0.12078223763524522;  -- -ln Gamma(3/2)
        for k in 1..(df - 1) / 2 loop
            if log_term > -700 then
                total := total + exp(log_term);
            end if;
            log_term := log_term + ln(half) - ln(k + 0.5);
        end loop;
    end if;
    return least(total, 1);
end
