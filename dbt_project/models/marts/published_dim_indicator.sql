{{ config(alias='dim_indicator') }}
{#- The dimension under the name that BI joins; marts are published as a whole, dimensions too. -#}

select * from {{ ref('dim_indicator') }}
