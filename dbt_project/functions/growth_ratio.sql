{{ config(meta={'language': 'sql', 'strict': true}) }}
-- Eurostat's ratio: yearly growth so far over the growth that the target asks for (domain 9.1). NULL where a value is
-- not positive, where the target asks for no growth, and before any time has passed: put no 0.001 in their place.
select case
    when first_value > 0 and value > 0 and target > 0 and target <> first_value and elapsed > 0 and total > 0
        then (power(value / first_value, 1 / elapsed) - 1) / nullif(power(target / first_value, 1 / total) - 1, 0)
end
