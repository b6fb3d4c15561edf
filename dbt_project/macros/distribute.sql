{#- Spread what `distributed_by` and `replicated` name over a Citus cluster, as far as it is there and is not spread yet:
    `dbt run-operation distribute`, once and after each upgrade that built a relation anew (docs/deploy-citus.md). -#}
{% macro distribute() %}
    {%- if run_query("select from pg_extension where extname = 'citus'") | length == 0 -%}
        {{ exceptions.raise_compiler_error("This warehouse has no extension citus: see docs/deploy-citus.md") }}
    {%- endif -%}
    {%- set calls = [] -%}
    {%- for relation in var('replicated') -%}
        {%- do calls.append((relation, "create_reference_table('" ~ relation ~ "')")) -%}
    {%- endfor -%}
    {%- for relation, column in var('distributed_by').items() -%}
        {%- do calls.append((relation, "create_distributed_table('" ~ relation ~ "', '" ~ column ~ "')")) -%}
    {%- endfor -%}
    {%- for relation, call in calls -%}
        {%- do run_query(
            "select " ~ call ~ " where to_regclass('" ~ relation ~ "') is not null"
            ~ " and to_regclass('" ~ relation ~ "') not in (select table_name from citus_tables where citus_table_type"
            ~ " in ('distributed', 'reference'))"
        ) -%}
        {{ log(relation, info=true) }}
    {%- endfor -%}
{% endmacro %}
