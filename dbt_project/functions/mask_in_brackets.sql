{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 500}) }}
-- A text with characters replaced where they stand in brackets, full-width ones too. Internal to stats.
declare
    piece text;
    made text := '';
    depth integer := 0;
begin
    foreach piece in array regexp_split_to_array(value, '') loop
        if piece in ('(', '（') then
            depth := depth + 1;
        elsif piece in (')', '）') then
            depth := greatest(depth - 1, 0);
        end if;
        made := made || case when depth > 0 then translate(piece, replaced, replacements) else piece end;
    end loop;
    return made;
end
