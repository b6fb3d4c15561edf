{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 200}) }}
-- First and last day of a period as offices write it, {start, end}, both days in it, else NULL: 2021, 2021年, 2021年度,
-- 2019H2, 2019年下半年, 2021Q3, 2021年第三季度, 2021-08, 2021年8月. What baotu.periods reads of a title or a sidecar; a test
-- holds the two to one table of cases. 2020年第8期 is the number of an issue and no period.
declare
    rest text;
    months integer;
    part integer := 1;
begin
    value := upper(regexp_replace(normalize(value, nfkc), '\s', '', 'g'));
    if value !~ '^20[0-9][0-9]' then
        return null;
    end if;
    rest := substr(value, 5);
    if rest ~ '^年?(度)?$' then
        months := 12;
    elsif rest ~ '^(年|[-_./])(1[0-2]|0?[1-9])(月份?)?$' then
        months := 1;
        part := substring(rest from '[0-9]+')::integer;
    elsif rest ~ '^年?[-_]?(Q[1-4一二三四](季度?)?|第?[1-4一二三四]季度?)$' then
        months := 3;
        part := position(translate(substring(rest from '[1-4一二三四]'), '一二三四', '1234') in '1234');
    elsif rest ~ '^年?[-_]?(H[12]|[上下]半年)(度)?$' then
        months := 6;
        part := case when rest ~ '[2下]' then 2 else 1 end;
    else
        return null;
    end if;
    return array[
        make_date(left(value, 4)::integer, months * part - months + 1, 1),
        (make_date(left(value, 4)::integer, months * part - months + 1, 1)
            + make_interval(months => months) - interval '1 day')::date
    ];
end
