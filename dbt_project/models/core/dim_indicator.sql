{{ config(materialized='table') }}
{#- A version holds from its day until the next one's; the first one also before, for periods that are older than it.
    `definition_in_force` joins by that. -#}

select
    *,
    lead(valid_from_on) over (partition by indicator_id order by definition_version) as valid_before_on
from {{ ref('indicator') }}
