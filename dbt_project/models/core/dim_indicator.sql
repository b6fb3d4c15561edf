{{ config(materialized='table') }}
{#- A version holds from its day until the next one's; the first one also before, for periods that are older than it.
    `definition_in_force` joins by that. -#}

select
    *,
    case when row_number() over versions > 1 then valid_from_on end as in_force_from_on,
    lead(valid_from_on) over versions as valid_before_on
from {{ ref('indicator') }}
window versions as (partition by indicator_id order by definition_version)
