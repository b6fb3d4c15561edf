{{ config(alias='dim_division') }}
{#- The dimension under the name that BI joins; marts are published as a whole, dimensions too. -#}

select * from {{ ref('dim_division') }}
