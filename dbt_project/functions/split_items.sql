{{ config(meta={'language': 'plpgsql', 'cost': 400}) }}
-- The items that one row names: [{"name", "result", "limit"}, …], texts as sent; NULL when the row is one item as it
-- stands. Cells are cut at ║ ‖ ∥ ∣ | ¦ ; ； and line breaks, names alone at 、 too, and only where the pieces line up:
-- as many results and limits as names, or none. [] says that they do not: the caller keeps one item and says so.
-- `combined` holds name, result and limit in one cell, in the order of `piece_order` (of item, result, limit) unless
-- its pieces say themselves which is the limit (≤ …, 不得 …, n= …).
declare
    bars constant text := '[║‖∥∣|¦│┃]+';
    breaks constant text := '\s*(?:[;；]|[\r\n]+)\s*';
    -- A slash within a unit (g/kg, g/100mL) divides nothing.
    slashes constant text := '\s*/\s*(?=[≤≥<>＜＞﹤﹥≦≧±]|不得|不应|不大|不小|不超|不低|未检|n\s*=)|(?<![A-Za-zμ㎏])\s*/\s*'
        || '|\s*/\s*(?=[0-9])(?!(?:1|10|25|50|100|250|500|1000)\s*(?:mL|ml|ML|g|kg|L)(?![A-Za-z]))';
    is_limit constant text := '^\s*(?:[≤≥≦≧]|<=|>=|不得|不应|不允许|不可|禁止|不大于|不小于|不超过|不低于|不高于|应|n\s*=|[0-9.]+\s*±|[0-9.]+\s*[~～]\s*[0-9])';
    names text[];
    results text[];
    limits text[];
    line text;
    pieces text[];
    found jsonb := '[]';
    first integer;
    flat text[];
    dividers constant text := E'║‖∥∣|¦│┃;；、/\r\n';
    masked constant text := E'\uE000\uE001\uE002\uE003\uE004\uE005\uE006\uE007\uE008\uE009\uE00A\uE00B\uE00C\uE00D';
begin
    -- What stands in brackets divides nothing: 大肠菌群(n=5;c=2;m=10;M=100(CFU/g)).
    if item_name ~ '[（(][^）)]*[║‖∥∣|¦│┃;；、/\r\n]' then
        item_name := {{ function('mask_in_brackets').include(database=false) }}(item_name, dividers, masked);
    end if;
    if combined ~ '[（(][^）)]*[;；\r\n]' then
        combined := {{ function('mask_in_brackets').include(database=false) }}(combined, E';；\r\n', E'\uE008\uE009\uE00C\uE00D');
    end if;
    -- A column of items alone that holds triples: the others were never columns of their own.
    if combined is null and item_result is null and item_limit is null and item_name ~ bars
        and cardinality(regexp_split_to_array(regexp_replace(item_name, breaks, '|', 'g'), bars)) % 3 = 0
        and item_name ~ '[0-9]'
    then
        combined := item_name;
        item_name := null;
    end if;
    if combined is not null then
        flat := '{}';
        foreach line in array regexp_split_to_array(btrim(combined, E' \t\r\n　;；'), breaks) loop
            if line = '' then
                continue;
            end if;
            if line ~ bars then
                pieces := regexp_split_to_array(line, '\s*' || bars || '\s*');
            elsif line ~ '^[^:：]+[:：].+[(（][^()（）]+[)）]\s*$' then
                pieces := regexp_match(line, '^([^:：]+)[:：]\s*(.+?)\s*[(（]([^()（）]+)[)）]\s*$');
            elsif cardinality(regexp_split_to_array(line, slashes)) = 3 then
                pieces := regexp_split_to_array(line, slashes);
            else
                pieces := array[line];
            end if;
            if cardinality(pieces) not in (1, 2) and cardinality(pieces) % 3 <> 0 then
                return '[]';
            end if;
            for first in select generate_series(1, cardinality(pieces), 3) loop
                names := array(
                    select translate(piece, masked, dividers)
                    from unnest(pieces[first:first + 2]) with ordinality as cut (piece, place)
                    order by place
                );
                if names[3] is null then
                    found := found || jsonb_build_object('name', names[1],
                        'result', case when names[2] !~ is_limit then names[2] end,
                        'limit', case when names[2] ~ is_limit then names[2] end);
                elsif names[2] ~ is_limit and names[3] !~ is_limit
                    or (piece_order = '{item,limit,result}' and not (names[3] ~ is_limit and names[2] !~ is_limit))
                then
                    found := found || jsonb_build_object('name', names[1], 'result', names[3], 'limit', names[2]);
                else
                    found := found || jsonb_build_object('name', names[1], 'result', names[2], 'limit', names[3]);
                end if;
            end loop;
        end loop;
        return found;
    end if;

    names := regexp_split_to_array(btrim(item_name, E' \t\r\n　;；、'), '(?:' || breaks || ')|(?:\s*' || bars || '\s*)');
    results := regexp_split_to_array(btrim(item_result, E' \t\r\n　;；、'), '(?:' || breaks || ')|(?:\s*' || bars || '\s*)');
    limits := regexp_split_to_array(btrim(item_limit, E' \t\r\n　;；、'), '(?:' || breaks || ')|(?:\s*' || bars || '\s*)');
    if cardinality(names) = 1 then
        -- 、 outside brackets: 导体电阻、绝缘厚度.
        flat := regexp_split_to_array(names[1], '\s*、\s*(?![^(（]*[)）])');
        if cardinality(flat) > 1 and (
            (item_result is null and item_limit is null)
            or (
                coalesce(cardinality(results), cardinality(flat)) in (cardinality(flat), 1)
                and coalesce(cardinality(limits), cardinality(flat)) in (cardinality(flat), 1)
            )
        ) then
            if cardinality(results) = 1 then
                results := regexp_split_to_array(results[1], '\s*[、,，]\s*');
            end if;
            if cardinality(limits) = 1 then
                limits := regexp_split_to_array(limits[1], '\s*[、,，]\s*');
            end if;
            names := flat;
        elsif item_name ~ '/' and cardinality(results) > 1 then
            -- A slash divides names only where the results agree: 苯甲酸/山梨酸 with two of them.
            flat := regexp_split_to_array(names[1], '\s*/\s*(?![^(（]*[)）])');
            if cardinality(flat) = cardinality(results) then
                names := flat;
            end if;
        end if;
    end if;
    if cardinality(names) = 1 then
        return null;  -- several results of one item are its subsamples
    end if;
    if coalesce(cardinality(results), cardinality(names)) <> cardinality(names)
        or coalesce(cardinality(limits), cardinality(names)) <> cardinality(names)
    then
        return '[]';
    end if;
    for first in select generate_series(1, cardinality(names)) loop
        if names[first] <> '' then
            found := found || jsonb_build_object('name', translate(names[first], masked, dividers), 'result', results[first], 'limit', limits[first]);
        end if;
    end loop;
    return found;
end
