{{ config(materialized='table') }}
{#- Which enterprise a named party is. -#}

select distinct
    party_id,
    party_name_key as name_key,
    holder_uscc as uscc,
    null::uuid as enterprise_id,
    'unlinked' as link_status,
    null::text as link_rule,
    null::numeric as score
from {{ ref('fct_brand_record') }}
where party_id is not null
