{{ config(meta={'language': 'plpgsql', 'cost': 80}) }}
-- clean_text, and NULL for a token that means "no value": one call, so that the cell is normalised once.
begin
    value := {{ function('clean_text').include(database=false) }}(value);
    if value = any(null_tokens) then
        return null;
    end if;
    return value;
end
