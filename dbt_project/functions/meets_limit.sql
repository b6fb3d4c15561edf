{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 300}) }}
-- Whether a result keeps a limit, both as `measurement` gives them; NULL where that cannot be told: other units, a
-- result that is only bounded (<0.5 against ≤0.1), a limit without a sign, text. Masses per mass and per volume compare across their prefixes.
declare
    factors constant jsonb := '{"g/kg": [1, 1e-3], "mg/kg": [1, 1e-6], "μg/kg": [1, 1e-9], "ng/kg": [1, 1e-12],
        "g/100g": [1, 1e-2], "mg/100g": [1, 1e-5], "mg/g": [1, 1e-3], "μg/g": [1, 1e-6],
        "g/L": [2, 1], "mg/L": [2, 1e-3], "μg/L": [2, 1e-6], "ng/L": [2, 1e-9], "g/100mL": [2, 10], "mg/mL": [2, 1],
        "mg/100mL": [2, 1e-2], "μg/mL": [2, 1e-3]}';
    result_state text := result ->> 'state';
    limit_state text := permitted ->> 'state';
    sign text := result ->> 'comparator';
    bound text := permitted ->> 'comparator';
    scale numeric := 1;
    measured numeric := (result ->> 'value')::numeric;
    allowed numeric := (permitted ->> 'value')::numeric;
begin
    if limit_state = 'not_allowed' then
        return case
            when result_state = 'not_detected' then true
            when result_state in ('number', 'subsamples') and coalesce(sign, '') not in ('<', '≤') then measured = 0
        end;
    end if;
    if result_state = 'not_detected' then
        return case when limit_state = 'number' and bound in ('≤', '<') then true end;
    end if;
    if result ->> 'unit' is distinct from permitted ->> 'unit' then
        if factors -> (result ->> 'unit') ->> 0 is distinct from factors -> (permitted ->> 'unit') ->> 0
            or factors -> (result ->> 'unit') is null
        then
            return null;
        end if;
        scale := (factors -> (result ->> 'unit') ->> 1)::numeric / (factors -> (permitted ->> 'unit') ->> 1)::numeric;
    end if;
    measured := measured * scale;
    if limit_state = 'plan' and result_state = 'subsamples' then
        -- GB 4789.1: of n subsamples at most c above m, none above M; without M, m is the bound of all but c.
        return (
            select count(*) filter (where one * scale > (permitted ->> 'm')::numeric) <= (permitted ->> 'c')::integer
                and count(*) filter (where one * scale > (permitted ->> 'M')::numeric) = 0
            from (select value::numeric as one from jsonb_array_elements_text(result -> 'values')) as subsamples
        );
    elsif result_state <> 'number' then
        return null;
    elsif limit_state = 'range' then
        return case when sign is null then measured between allowed and (permitted ->> 'high')::numeric end;
    elsif limit_state <> 'number' then
        return null;
    elsif bound is null then
        return null;  -- 99% may be the most or the least
    elsif bound in ('≤', '<') then
        return case
            when sign in ('>', '≥') then case when measured > allowed or (sign = '>' and measured = allowed) then false end
            when sign in ('<', '≤') then case when measured <= allowed then true end
            when bound = '<' then measured < allowed
            else measured <= allowed
        end;
    else
        return case
            when sign in ('<', '≤') then case when measured < allowed or (sign = '<' and measured = allowed) then false end
            when sign in ('>', '≥') then case when measured >= allowed then true end
            when bound = '>' then measured > allowed
            else measured >= allowed
        end;
    end if;
end
