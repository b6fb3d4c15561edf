{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 100}) }}
-- A plain decimal number, else NULL: optional sign, optional thousands separators in groups of three, a point.
-- Full-width digits and the minus sign U+2212 are read. Percent signs, units, exponents, brackets, comparison
-- signs ('<0.05') are not: what they mean is the column's business. NULL too: NaN, Infinity, 0x1F, 1_000, '5.',
-- and more than 60 characters, which are no measurement and could overflow.
begin
    if length(value) > 60 then
        return null;
    end if;
    if value !~ '^[0-9]+([.][0-9]+)?$' then  -- nearly every cell passes; only the others are worked on
        -- Not NFKC here: it would read 10³ as 103.
        value := btrim(translate(value,
            U&'\FF10\FF11\FF12\FF13\FF14\FF15\FF16\FF17\FF18\FF19\FF0E\FF0C\FF0B\FF0D\2212\00A0\3000\0009\000A\000D\FEFF\200B',
            '0123456789.,+--     '));
        if value !~ '^[-+]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+|(?=[.]))([.][0-9]+)?$' then
            return null;
        end if;
        value := replace(value, ',', '');
    end if;
    return value::numeric;  -- the shape is stricter than the cast
end
