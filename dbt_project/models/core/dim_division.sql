{{ config(materialized='table') }}

select
    division_code,
    label_zh,
    label_en,
    kind,
    valid_from_on,
    valid_before_on,
    successor_code
from {{ ref('division') }}
