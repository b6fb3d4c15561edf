{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 400}) }}
-- The items of a row whose table has a column for each: `items` says which columns (docs/architecture.md, meta), `extra`
-- holds their cells. As split_items gives them, with the unit of the header where it has one; without a result no item.
declare
    item jsonb;
    found jsonb := '[]';
    cell text;
    item_name text;
begin
    for item in select value from jsonb_array_elements(items) loop
        cell := btrim(extra ->> (item ->> 'result_column'), E' \t\r\n　');
        item_name := coalesce(item ->> 'name', extra ->> (item ->> 'name_column'));
        if cell <> '' and cell !~ '^[-/—]+$' and btrim(item_name) <> '' then
            found := found || jsonb_build_object('name', item_name, 'result', cell,
                'limit', coalesce(extra ->> (item ->> 'limit_column'), item ->> 'limit'), 'unit', item ->> 'unit');
        end if;
    end loop;
    return found;
end
