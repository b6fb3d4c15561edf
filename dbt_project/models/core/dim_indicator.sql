{{ config(materialized='table') }}

select * from {{ ref('indicator') }}
