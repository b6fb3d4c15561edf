{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 600}) }}
-- What names that mean one enterprise share: brackets, the spelling of the form and of a place of ours are evened out,
-- notes in brackets and a label before the name go. Not evened out: anything that another enterprise may be told by, such
-- as 公司 and 有限公司, 集团, 山东 and 济南, numbers, trades. NULL for what is no name or one with characters withheld
-- (长*实业): those equal nothing, not even themselves.
declare
    front text;
    rest text;
    inner_place text;
begin
    value := {{ function('normalize_name').include(database=false) }}(value);
    if value is null
        or length(value) < 4
        or value ~ '[*×✕╳☓●◯■□▇█?�#…某]|\.{2,}|_{2,}|[一-鿿]X+[一-鿿]|[0-9A-F]{16}'
        -- ○ is a zero between numerals, else a character withheld.
        or value ~ '(^|[^零〇○一二三四五六七八九十0-9])○'
        or value !~ '[一-鿿].*[一-鿿].*[一-鿿].*[一-鿿]'
        or value ~ ('^\(?(未(知|注明|标[注示明]|提供)|无标[注示]?|不详|不明|自制|自产|自产自销|散装|个人|农户|见(包装|标签)|同上|现场制作|'
            || '无|生产企业|企业名称|待查|待定|待补)+.{0,3}\)?$')
    then
        return null;
    end if;
    -- A label before the one name of a cell; a cell with two stays as it is.
    if value ~ '^[^:]{2,8}:[^:]+$' then
        value := regexp_replace(value, '^\(?(实际)?(生产|制造|加工|分装|灌装|出品|委托|受委托|被委托|被?抽[样检查]|受检)[^:]{0,5}:', '');
    end if;
    value := regexp_replace(
        value,
        '\((分装|委托|受委托|被委托|委托加工|生产|加工|制造|代号[^()]*|批号[^()]*|个体|个体工商户|个人独资|(特殊)?普通合伙|有限合伙)\)$', ''
    );
    value := replace(replace(value, '有限责任公司', '有限公司'), '股份公司', '股份有限公司');
    value := regexp_replace(replace(value, '山东省', '山东'), '济南市(?!中)|济南市(?=中区)', '济南', 'g');
    -- X(济南)有限公司 is 济南X有限公司, where nothing else stands at the front.
    if value ~ '\(' and value !~ '^(山东|济南|章丘|长清|济阳|莱芜|平阴|商河|历下|历城|槐荫|天桥|钢城|市中区)' then
        inner_place := substring(value from '\(((?:山东)?(?:济南)?(?:(?:章丘|济阳|长清|莱芜|平阴|商河)[市区县]?)?)\)');
        if inner_place <> '' then
            value := inner_place || regexp_replace(value, '\(' || inner_place || '\)', '');
        end if;
    end if;
    value := replace(replace(value, '(', ''), ')', '');
    -- The narrowest place at the front says the others.
    front := substring(
        value from '^(?:山东)?(?:济南)?(?:莱芜市?(?=莱城区|钢城区))?'
            || '((?:章丘|济阳|长清|莱芜|平阴|商河)[市区县]?|(?:历下|历城|槐荫|天桥|钢城|莱城|市中)区|济南(?!市?中区))'
    );
    if front is not null then
        rest := substr(value, position(front in value) + length(front));
        if length(rest) >= 3 then
            value := case when right(front, 1) in ('市', '县')
                or (right(front, 1) = '区' and front ~ '^(章丘|济阳|长清|莱芜)') then left(front, -1) else front end || rest;
        end if;
    end if;
    if value like '山东济南%' then
        value := substr(value, 3);
    end if;
    return value;
end
