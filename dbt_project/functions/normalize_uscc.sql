{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 100}) }}
-- A unified social credit code as it is compared: NFKC (full-width to ASCII), upper case, no white space and no
-- invisible characters anywhere. O and I are NOT turned into 0 and 1: that would invent a key; the row goes to
-- quarantine with a suggestion. Nothing left: NULL.
begin
    if code is not nfkc normalized then
        code := normalize(code, nfkc);
    end if;
    -- collate "C": ASCII letters only, so that the result is the same in every database.
    return nullif(upper(translate(code,
        U&'\0020\0009\000A\000B\000C\000D\0085\00A0\1680\2028\2029\3000\200B\200C\200D\2060\FEFF', '') collate "C"), '');
end
