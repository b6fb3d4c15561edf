{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 100}) }}
-- 8.2*10^2 → 820, 10^5 → 100000, 1,234.5 → 1234.5. Internal to stats: the shape was checked by the caller.
declare
    parts text[] := regexp_match(replace(value, ',', ''), '^([0-9.]+)?(?:\*?10\^([-+]?[0-9]+))?$');
begin
    if parts[2] is null then
        return parts[1]::numeric;
    end if;
    return trim_scale(coalesce(parts[1], '1')::numeric * power(10::numeric, parts[2]::integer));
end
