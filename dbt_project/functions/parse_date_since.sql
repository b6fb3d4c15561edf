{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 400}) }}
-- A date of first_year or later, from the shapes that deliveries have, else NULL; the source text is kept beside it,
-- so NULL is findable.
--   2020-10-18  2020/8/9  2020.08.15  2016—05—03  20200706  2020年9月9日     years first_year..2100, days that exist
--   42100                        Excel serial, 20000..60000 (1900 system), its date in the same years; fraction = time
--   ... 15:21:56, T15:21, +08:00 optional time. Another zone than +08:00 is refused: 16:00Z is the next day here
--   购进日期：2020/9/9, 购进日期2020/9/9    a label that ends in 日期
--   2020-10-18（购进日期）          a remark in brackets, without digits and not about a lot (批)
-- NULL: two dates, lot numbers, yymmdd (140801 may be either), today, infinity, J2451187, 2021-02-30.
-- By arithmetic and make_date, not by a cast: a text cast obeys DateStyle and knows words like 'today'.
declare
    parts text[];
    y int;
    m int;
    d int;
    last_day int;
begin
    if value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then  -- nearly every cell
        y := substr(value, 1, 4)::int;
        m := substr(value, 6, 2)::int;
        d := substr(value, 9, 2)::int;
    else
        if length(value) > 60 then
            return null;
        end if;
        -- A raised or circled digit is a footnote's; NFKC would read 2020-10-1¹ as the 11th.
        if value ~ U&'[\00B2\00B3\00B9\2070-\209F\2460-\24FF]' then
            return null;
        end if;
        value := {{ function('clean_text').include(database=false) }}(value);
        if value ~ '^[0-9]{5}([.][0-9]{1,17})?$' then
            d := substr(value, 1, 5)::int;
            if d between 20000 and 60000 and d >= make_date(first_year, 1, 1) - date '1899-12-30' then
                return date '1899-12-30' + d;
            end if;
            return null;
        end if;
        value := regexp_replace(value, '^[^0-9:]*日期 ?:? ?(?=[0-9])', '');
        value := regexp_replace(value, ' ?(\([^0-9批()]*\)|\[[^][0-9批]*\]|【[^0-9批】]*】)$', '');
        value := regexp_replace(value,
            '(?<=[0-9日])[ T]?([01]?[0-9]|2[0-4]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( ?[+]08:?00)?$', '');
        if value ~ '^[0-9]{8}$' then
            parts := array[substr(value, 1, 4), substr(value, 5, 2), substr(value, 7, 2)];
        else
            parts := regexp_match(value, U&'^([0-9]{4}) ?[-\2010\2012-\2015\2212] ?([0-9]{1,2}) ?[-\2010\2012-\2015\2212] ?([0-9]{1,2})$');
            if parts is null then
                parts := coalesce(
                    regexp_match(value, '^([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})$'),
                    regexp_match(value, '^([0-9]{4})[.] ?([0-9]{1,2})[.] ?([0-9]{1,2})$'),
                    regexp_match(value, '^([0-9]{4}) ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?[日号]$'));
            end if;
        end if;
        if parts is null then
            return null;
        end if;
        y := parts[1]::int;
        m := parts[2]::int;
        d := parts[3]::int;
    end if;
    if y not between first_year and 2100 or m not between 1 and 12 or d < 1 then
        return null;
    end if;
    last_day := case
        when m = 2 then case when y % 4 = 0 and (y % 100 <> 0 or y % 400 = 0) then 29 else 28 end
        when m in (4, 6, 9, 11) then 30
        else 31 end;
    if d > last_day then
        return null;
    end if;
    return make_date(y, m, d);
end
