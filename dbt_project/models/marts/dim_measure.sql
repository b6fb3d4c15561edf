{#- What the measure codes mean. -#}

select
    measure_code::text as measure_code,
    indicator_id::text as indicator_id,
    label_zh::text as label_zh,
    label_en::text as label_en
from {{ ref('pass_rate_measure') }}

union all

select
    measure_code::text as measure_code,
    indicator_id::text as indicator_id,
    label_zh::text as label_zh,
    label_en::text as label_en
from {{ ref('satisfaction_measure') }}

union all

select
    measure_code::text as measure_code,
    indicator_id::text as indicator_id,
    label_zh::text as label_zh,
    label_en::text as label_en
from {{ ref('reading_measure') }}
