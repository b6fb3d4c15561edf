{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 150}) }}
-- A name as names are compared: clean_text, one kind of bracket, dash, quote and middle dot, no white space, upper case.
-- Words stay: 有限公司 and 有限责任公司 are two names. Nothing left: NULL.
begin
    value := {{ function('clean_text').include(database=false) }}(value);
    -- The guard is cheaper than the replacement, which few names need.
    if value ~ U&'[^\4E00-\9FFF()0-9A-Z]' then
        value := translate(value,
            U&'[]{}<>\2010\2011\2012\2013\2014\2015\2212\201C\201D\2018\2019\300C\300D\300E\300F\2022\2027\2219\22C5\30FB\300A\300B\3008\3009\3014\3015\3010\3011 ',
            U&'()()()-------""''''""""\00B7\00B7\00B7\00B7\00B7()()()()');
        -- Letters of ASCII only, so that the result is the same in every database.
        value := nullif(upper(value collate "C"), '');
    end if;
    return value;
end
