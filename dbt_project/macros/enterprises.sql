{#- Enterprises that touched extracts hold or held, and those that share a 15-digit number with one of them: such a
    number may join two histories, or part them when the extract that said so is withdrawn. -#}
{% macro touched_enterprises() -%}
    {%- set staged = ref('stg_enterprise_registry') -%}
    with recursive pair as (
        select distinct
            enterprise_id,
            registration_id
        from {{ staged }}
        where registration_id is not null
    ),
    edge as (
        select
            enterprise_id as one,
            registration_id as other
        from pair
        union all
        select
            registration_id,
            enterprise_id
        from pair
    ),
    concerned as (
        select enterprise_id from ({{ touched_keys('enterprise_registry', 'enterprise_id') }}) as touched
        union
        select edge.other
        from concerned
        inner join edge on concerned.enterprise_id = edge.one
    )
    select enterprise_id from concerned
{%- endmacro %}

{% macro forget_touched_enterprises() -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where enterprise_id in ({{ touched_enterprises() }})
    {%- else -%} select 1
    {%- endif -%}
{%- endmacro %}

{% macro only_touched_enterprises() -%}
    {%- if is_incremental() %} and staged.enterprise_id in ({{ touched_enterprises() }}) {%- endif -%}
{%- endmacro %}
