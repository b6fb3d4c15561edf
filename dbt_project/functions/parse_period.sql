{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 800}) }}
-- The days that a cell names, as a half-open range, else NULL. Documents include the last day: 有效期至2024-12-06 is
-- valid on that day, so upper() is the first day without.
--   a day                                  whatever stats.parse_date reads
--   2021  2021年  2021年度  2021年末  截至2021年底        a year
--   2021年上半年  2021H1                    a half
--   2021年第3季度  2021年三季度  2021Q3      a quarter
--   2021年12月  2021-12  2021.12            a month; not 202112, which may be a day of 2020
--   2021年1-9月                             months of one year
--   A至B  A到B  A~B  A—B  A - B             from the first day of A to the last of B, of the shapes above
declare
    pieces text[];
    piece text;
    day date;
    parts text[];
    y int;
    m int;
    found daterange;
    whole daterange;
begin
    day := {{ function('parse_date').include(database=false) }}(value);
    if day is not null then
        return daterange(day, day + 1);
    end if;
    value := {{ function('clean_text').include(database=false) }}(value);
    if value is null or length(value) > 60 then
        return null;
    end if;
    value := regexp_replace(value, '^截[至止]到? ?', '');
    -- A hyphen parts two dates only where a year follows it: 2020-2022年, 2021.12.07-2024.12.06.
    pieces := regexp_split_to_array(value, U&' ?(?:[至到~]|[\2010\2012-\2015\2212]+| - |-(?=(?:19|20)[0-9]{2}(?:[./年]|$))) ?');
    if cardinality(pieces) > 2 then
        return null;
    end if;
    foreach piece in array pieces loop
        day := {{ function('parse_date').include(database=false) }}(piece);
        piece := replace(piece, ' ', '');
        found := null;
        if day is not null then
            found := daterange(day, day + 1);
        elsif piece ~ '^(19[0-9]{2}|20[0-9]{2}|2100)' then
            y := substr(piece, 1, 4)::int;
            piece := regexp_replace(substr(piece, 5), '[末底]$', '');
            if y < 1990 then
                return null;
            elsif piece in ('', '年', '年度') then
                found := daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1));
            elsif piece ~* '^(年?[上下]半年|年?H[12])$' then
                m := case when piece ~ '[上1]' then 1 else 7 end;
                found := daterange(make_date(y, m, 1), (make_date(y, m, 1) + interval '6 months')::date);
            elsif piece ~* '^年?[-_]?(Q[1-4]|第?[1-4一二三四]季度?)$' then
                m := 3 * ((strpos('1一2二3三4四', substring(piece from '[1-4一二三四]')) + 1) / 2) - 2;
                found := daterange(make_date(y, m, 1), (make_date(y, m, 1) + interval '3 months')::date);
            else
                parts := coalesce(
                    regexp_match(piece, '^[-./年](1[0-2]|0?[1-9])()(?:月份?)?$'),
                    regexp_match(piece, '^年(1[0-2]|[1-9])月?-(1[0-2]|[1-9])月份?$'));
                if parts is not null then
                    m := parts[1]::int;
                    day := make_date(y, coalesce(nullif(parts[2], '')::int, m), 1);
                    if day >= make_date(y, m, 1) then
                        found := daterange(make_date(y, m, 1), (day + interval '1 month')::date);
                    end if;
                end if;
            end if;
        end if;
        if found is null then
            return null;
        end if;
        if whole is null then
            whole := found;
        elsif upper(found) > lower(whole) then
            whole := daterange(lower(whole), upper(found));
        else
            return null;
        end if;
    end loop;
    return whole;
end
