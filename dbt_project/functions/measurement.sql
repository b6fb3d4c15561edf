{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 1000}) }}
-- A measured value or a limit: {"state", "comparator", "value", "high", "unit", "values", "n", "c", "m", "M"}, numbers as
-- JSON numbers. state: number; range (value to high); subsamples (values, value the largest); plan (n, c, m, M of
-- GB 4789.1); not_detected; not_allowed; text. Units in one spelling (μg/kg, CFU/g, g/100mL). What is ambiguous stays
-- text: 1.4×10 lacks its exponent, 8.2×104 may be one that lost its height.
declare
    number constant text := '[0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]+)?|[0-9]+(?:[.][0-9]+)?|[.][0-9]+';
    scaled constant text := '(?:(?:' || number || ')(?:\*10\^[-+]?[0-9]{1,2})?|10\^[-+]?[0-9]{1,2})';
    units constant text := '(?:[%‰°μmknM]?[A-Za-z%‰°Ω℃]{1,8}[0-9]?(?:/[0-9]{0,4}[A-Za-zμ]{1,4}[0-9]?){0,2}|%vol|%)';
    cell text := value;
    sign text := '';
    parts text[];
    unit text;
    piece text;
    numbers numeric[] := '{}';
    plan text[];
begin
    if length(cell) > 300 then
        return '{"state": "text"}';
    end if;
    -- Heights first: NFKC would read 10³ as 103.
    cell := regexp_replace(cell, '<sup>\s*([-+0-9]+)\s*</sup>', '^\1', 'gi');
    cell := regexp_replace(cell, '([⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+)', '^\1', 'g');
    cell := translate(cell, '⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹', '-+0123456789');
    cell := translate(normalize(cell, nfkc), E'−–µ〜～≦≧﹤﹥　\u00A0', '--μ~~≤≥<>  ');
    cell := regexp_replace(cell, '([0-9)])\s*[×xXхХ*·]\s*10(?=\^|[^0-9]|$)', '\1*10', 'g');
    -- 1.7×1000, the power written out; n1:34000；n2:44000, subsamples numbered.
    cell := regexp_replace(cell, '([0-9.]+)\s*[×*]\s*1(0{2,8})(?![0-9.])', '\1*10^@\2', 'g');
    cell := replace(replace(replace(replace(replace(replace(replace(cell, '@00000000', '8'), '@0000000', '7'),
        '@000000', '6'), '@00000', '5'), '@0000', '4'), '@000', '3'), '@00', '2');
    cell := regexp_replace(cell, '(?:^|(?<=[;, ]))n[1-9]\s*[:=]\s*(?=[0-9])', '', 'g');
    cell := replace(replace(btrim(cell), '<=', '≤'), '>=', '≥');
    cell := regexp_replace(cell, '^(?:实测值?|检验结果|检测结果|结果|标准值|限量值?|标准要求|限值|单项)[:]?\s*', '');

    if cell ~* '^(?:未检出|未发现|阴性|n\.?d\.?|not detected|检不出)(?:\s*\(.*\))?[。.]?$' then
        return '{"state": "not_detected"}';
    elsif cell ~ '^(?:不得|不应|不允许|不可|禁止|禁用|非法添加|严禁)' then
        return case when cell ~ '检出|使用|添加|含有|禁|有$|加入|存在|非法' then '{"state": "not_allowed"}'
            else '{"state": "text"}' end;
    end if;

    plan := regexp_match(cell, 'n\s*=\s*([0-9]{1,4})\D+c\s*=\s*([0-9]{1,4})\D+?m\s*=\s*(' || scaled || ')(.*)$');
    if plan is not null then
        parts := regexp_match(plan[4], 'M\s*=\s*(' || scaled || ')\s*(\S*)');
        unit := {{ function('canonical_unit').include(database=false) }}(
            coalesce(nullif(parts[2], ''), substring(plan[4] from '^\s*([^\s,;，；]+)'))
        );
        return jsonb_strip_nulls(jsonb_build_object('state', 'plan', 'n', plan[1]::integer, 'c', plan[2]::integer,
            'm', {{ function('scaled_number').include(database=false) }}(plan[3]),
            'M', {{ function('scaled_number').include(database=false) }}(parts[1]), 'unit', unit));
    end if;

    -- The sign, in words or as such; ≤ and 不大于 are one.
    parts := regexp_match(cell, '^(≤|≥|<|>|不大于|不超过|不高于|小于等于|小于|低于|不小于|不低于|大于等于|大于|高于|超过)\s*(.*)$');
    if parts is not null then
        sign := case
            when parts[1] in ('≤', '不大于', '不超过', '不高于', '小于等于') then '≤'
            when parts[1] in ('≥', '不小于', '不低于', '大于等于') then '≥'
            when parts[1] in ('<', '小于', '低于') then '<'
            else '>'
        end;
        cell := parts[2];
    end if;

    -- 103(CFU/g): the unit in brackets.
    cell := regexp_replace(cell, '(?<=[0-9])\s*\((' || units || ')\)$', '\1');
    parts := regexp_match(cell, '^\(?(' || scaled || ')\)?\s*(' || units || ')?(?:\s*\(.{1,20}\))?[。.;,]?$');
    -- 103 CFU/g may be a power that lost its height.
    if parts[1] ~ '^10[2-9]$' and parts[2] ~* '^(cfu|mpn)' then
        return '{"state": "text"}';
    end if;
    if parts is not null then
        return jsonb_strip_nulls(jsonb_build_object('state', 'number', 'comparator', nullif(sign, ''),
            'value', {{ function('scaled_number').include(database=false) }}(parts[1]),
            'unit', {{ function('canonical_unit').include(database=false) }}(parts[2])));
    end if;
    if sign in ('<', '>') and cell ~ '[;,，、/\s][<>]?[0-9]' then
        sign := '';  -- that of the first subsample
    end if;
    if sign = '' then
        parts := regexp_match(cell, '^(' || number || ')\s*(' || units || ')?\s*(±|~|-|至)\s*(' || number || ')\s*(' || units || ')?$');
        if parts is not null then
            numbers := array[
                {{ function('scaled_number').include(database=false) }}(parts[1]),
                {{ function('scaled_number').include(database=false) }}(parts[4])
            ];
            if parts[3] = '±' then
                numbers := array[numbers[1] - numbers[2], numbers[1] + numbers[2]];
            end if;
            return case
                when numbers[1] > numbers[2] then '{"state": "text"}'::jsonb
                else jsonb_strip_nulls(jsonb_build_object('state', 'range', 'value', numbers[1], 'high', numbers[2],
                    'unit', {{ function('canonical_unit').include(database=false) }}(coalesce(parts[5], parts[2]))))
            end;
        end if;

        -- Subsamples: several numbers, the unit at the last or at each.
        unit := substring(cell from '(?:[0-9]|[)])\s*(' || units || ')\)?$');
        if unit is not null then
            cell := replace(cell, unit, '');
        end if;
        parts := regexp_split_to_array(btrim(cell, ' ;,、/()'), '\s*[;、/]\s*|\s*,\s*(?![0-9]{3}(?![0-9]))|\s+');
        if cardinality(parts) between 2 and 20 then
            foreach piece in array parts loop
                if piece !~ ('^[<>]?(?:' || scaled || ')$') then
                    return '{"state": "text"}';
                end if;
                numbers := numbers || {{ function('scaled_number').include(database=false) }}(ltrim(piece, '<>'));
            end loop;
            return jsonb_strip_nulls(jsonb_build_object('state', 'subsamples', 'values', to_jsonb(numbers),
                'value', (select max(one) from unnest(numbers) as one),
                'unit', {{ function('canonical_unit').include(database=false) }}(unit)));
        end if;
    end if;
    return '{"state": "text"}';
end
