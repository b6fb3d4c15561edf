{{ config(materialized='table') }}

select
    day::date as date_on,
    extract(year from day)::integer as year_number,
    extract(quarter from day)::integer as quarter_number,
    extract(month from day)::integer as month_number,
    date_trunc('year', day)::date as year_start_on,
    date_trunc('quarter', day)::date as quarter_start_on,
    date_trunc('month', day)::date as month_start_on,
    (date_trunc('month', day) + interval '1 month - 1 day')::date as month_end_on
from generate_series('2015-01-01'::timestamp, '2030-12-31'::timestamp, interval '1 day') as day
