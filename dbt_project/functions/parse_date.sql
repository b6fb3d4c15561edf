{{ config(meta={'strict': true, 'cost': 400}) }}
-- What a delivery of a plan's years may date. One expression, so that PostgreSQL puts it in the caller's place.
select {{ function('parse_date_since').include(database=false) }}(value, 1990)
