{{ config(meta={'language': 'plpgsql', 'cost': 300}) }}
-- The day of production and what the cell is: {"date", "basis"}. basis: printed; serial (Excel's count of days);
-- purchase (bought, not made, on that day); two_dates; lot; missing. A serial and six digits (140801) count only if the
-- day lies in the ten years before `issued_on`: they may be lot numbers.
declare
    day date;
    days date[];
begin
    if value is null then
        return '{"basis": "missing"}';
    end if;
    day := {{ function('parse_date').include(database=false) }}(value);
    if is_purchase or value ~ '购进|进货|采购|购买|入库|检疫' then
        return '{"basis": "purchase"}';
    elsif value ~ '^[34][0-9]{4}$' then
        day := date '1899-12-30' + value::integer;
        return case
            when day between issued_on - 3653 and issued_on then jsonb_build_object('date', day, 'basis', 'serial')
            else '{"basis": "lot"}'
        end;
    elsif day is not null then
        return jsonb_build_object('date', day, 'basis', 'printed');
    end if;
    if value ~ '^[0-9]{6}$' and pg_input_is_valid('20' || value, 'date') then
        day := ('20' || value)::date;
        if day between issued_on - 3653 and issued_on then
            return jsonb_build_object('date', day, 'basis', 'printed');
        end if;
        return '{"basis": "lot"}';
    end if;
    -- The same day twice is one; two days are none.
    days := array(
        select distinct {{ function('parse_date').include(database=false) }}(dated[1])
        from regexp_matches(
            regexp_replace(value, '[—–]+', '-', 'g'),
            '(?:^|[^0-9])((?:19|20)[0-9]{2}(?:[-./年][0-9]{1,2}[-./月][0-9]{1,2}日?|[0-9]{4}(?![0-9])))', 'g'
        ) as dated
        where {{ function('parse_date').include(database=false) }}(dated[1]) is not null
    );
    return case cardinality(days)
        when 0 then '{"basis": "lot"}'::jsonb
        when 1 then jsonb_build_object('date', days[1], 'basis', 'printed')
        else '{"basis": "two_dates"}'
    end;
end
