{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 100}) }}
-- Is a normalised code without hyphen an organisation code by GB 11714-1997: eight characters 0-9 A-Z (A = 10 ... Z = 35,
-- without gaps, unlike the unified code) and the check that makes the weighted sum a multiple of 11, where X is 10.
declare
    value_of constant bytea := '\x00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000010203040506070809000000000000000a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223';
    bytes bytea;
begin
    if code !~ '^[0-9A-Z]{8}[0-9X]$' then
        return false;
    end if;
    bytes := convert_to(code, 'UTF8');
    return (
        get_byte(value_of, get_byte(bytes, 0)) * 3
        + get_byte(value_of, get_byte(bytes, 1)) * 7
        + get_byte(value_of, get_byte(bytes, 2)) * 9
        + get_byte(value_of, get_byte(bytes, 3)) * 10
        + get_byte(value_of, get_byte(bytes, 4)) * 5
        + get_byte(value_of, get_byte(bytes, 5)) * 8
        + get_byte(value_of, get_byte(bytes, 6)) * 4
        + get_byte(value_of, get_byte(bytes, 7)) * 2
        + case when get_byte(bytes, 8) = 88 then 10 else get_byte(value_of, get_byte(bytes, 8)) end
    ) % 11 = 0;
end
