{{ config(meta={'language': 'plpgsql', 'strict': false, 'cost': 1500}) }}
-- The verdict on a mean against a target by its standard error (domain 5.3 and 14, indicator I07). mean, se and
-- target in one unit (index points 0..100). df: degrees of freedom of Student's t, NULL = normal (every deciding
-- n is 100 or more). operator '>=' or '>'. alpha is ONE side (.025). Verdict values as in proportion_verdict.
-- se NULL (one answer, no variance to be had) or df <= 0: insufficient_sample. se = 0: all answers alike; that
-- is no proof (it is Wald's [100, 100] again), so the verdict is met_not_proven or not_met_not_proven.
declare
    ratio float8;
    is_attained boolean;
    p_upper float8;
    p_lower float8;
begin
    if operator is null or operator not in ('>=', '>') then
        raise exception 'mean_verdict: operator must be >= or >, not %', coalesce(operator, 'null')
            using errcode = 'invalid_parameter_value';
    elsif alpha is null or not (alpha > 0 and alpha < 0.5) then
        raise exception 'mean_verdict: alpha must be one side, between 0 and 0.5, not %', coalesce(alpha::text, 'null')
            using errcode = 'invalid_parameter_value';
    end if;

    if mean is null or n is null or n = 0 then
        return 'no_data';
    elsif target is null or n < 0 or mean = 'NaN' or target = 'NaN' or se = 'NaN' or se < 0 or df = 'NaN' then
        return 'not_assessable';
    elsif n < min_n or se is null or df <= 0 then
        return 'insufficient_sample';
    end if;
    is_attained := mean > target or (operator = '>=' and mean = target);
    -- Clamped and rounded in numeric: a quotient beyond float8's range, large or small, would abort.
    if se > 0 then
        if abs(mean - target) >= 1000000 * se then
            ratio := sign(mean - target) * 1000000;
        else
            ratio := round((mean - target) / se, 20)::float8;
        end if;
        if df is null then
            p_upper := {{ function('normal_cdf').include(database=false) }}(-ratio);
            p_lower := {{ function('normal_cdf').include(database=false) }}(ratio);
        else
            p_upper := {{ function('student_t_cdf').include(database=false) }}(-ratio, df::float8);
            p_lower := {{ function('student_t_cdf').include(database=false) }}(ratio, df::float8);
        end if;
        if p_upper <= alpha::float8 then
            return 'met_proven';
        elsif p_lower <= alpha::float8 then
            return 'not_met_proven';
        end if;
    end if;
    return case when is_attained then 'met_not_proven' else 'not_met_not_proven' end;
end
