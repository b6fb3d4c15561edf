{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 100}) }}
-- A unit in one spelling: ug/kg, µg/kg and the typing error μk/kg are μg/kg; cfu/ml is CFU/mL; %VOL is %vol.
begin
    value := replace(replace(btrim(value, ' ()'), 'µ', 'μ'), '㎏', 'kg');
    value := regexp_replace(value, '^(?:u|μ)[gGkK](?=/)', 'μg');
    value := regexp_replace(value, '^(?:MG|Mg)(?=/)', 'mg');
    value := regexp_replace(value, '^(?:cfu|Cfu|CFU)(?=/|$)', 'CFU');
    value := regexp_replace(value, '^(?:mpn|Mpn|MPN)(?=/|$)', 'MPN');
    value := regexp_replace(value, '(/[0-9]*)(?:ml|ML|Ml)$', '\1mL');
    value := regexp_replace(value, '(/[0-9]*)(?:KG|Kg)$', '\1kg');
    value := regexp_replace(value, '(/[0-9]*)l$', '\1L');
    value := regexp_replace(value, '(/[0-9]*)G$', '\1g');
    return nullif(regexp_replace(value, '^%\s*(?:vol|VOL|Vol)$', '%vol'), '');
end
