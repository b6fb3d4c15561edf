{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 120}) }}
-- A name of an enterprise, brand or base as it is compared: NFKC (full-width letters and brackets to ASCII), one kind
-- of bracket, upper case, no white space and no invisible characters anywhere. Words are not touched: 集团 or 有限公司
-- make another legal person. Nothing left: NULL.
begin
    if name is not nfkc normalized then
        name := normalize(name, nfkc);
    end if;
    -- collate "C": ASCII letters only, so that the result is the same in every database.
    return nullif(upper(translate(name,
        U&'[]{}〔〕【】〖〗\0020\0009\000A\000B\000C\000D\0085\00A0\1680\2028\2029\3000\200B\200C\200D\2060\FEFF',
        '()()()()()') collate "C"), '');
end
