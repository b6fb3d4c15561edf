{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 400}) }}
-- Is a normalised code a registration number by GS15-2006: six digits of the first authority, eight of a sequence, and
-- the check of ISO 7064 MOD 11,10.
declare
    product int := 10;
begin
    if code !~ '^[0-9]{15}$' then
        return false;
    end if;
    for place in 1..14 loop
        product := 2 * coalesce(nullif((product + substr(code, place, 1)::int) % 10, 0), 10) % 11;
    end loop;
    return (product + right(code, 1)::int) % 10 = 1;
end
