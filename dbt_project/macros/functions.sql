{#
  How a file under functions/ becomes a PostgreSQL function.

  dbt's default closes every scalar body with LANGUAGE SQL and knows neither STRICT nor PARALLEL. Both
  matter here: one function that is not parallel safe makes every query over it serial (staging 41 s instead
  of 21 s for 1,000,000 rows), and most bodies are plpgsql because there an argument is evaluated once.

  A function says what it is at the head of its own file:
      {{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 500}) }}
  In the file and not in _functions.yml, because state:modified leaves `meta` out of its comparison but
  compares the raw text: so a changed language or strictness rebuilds the function and what uses it.
    language  sql | plpgsql (default sql)
    strict    true: NULL in, NULL out, body not entered (default false)
    parallel  safe | restricted | unsafe (default safe)
    cost      planner's estimate in units of cpu_operator_cost (default: PostgreSQL's own, 100)
  Volatility is dbt's own config (`volatility: deterministic` is IMMUTABLE), set for all in dbt_project.yml.
#}
{% macro postgres__scalar_function_body_sql() %}
    {%- set meta = model.config.get('meta') or {} -%}
    {%- set language = (meta.get('language') or 'sql') | lower -%}
    {%- set parallel = (meta.get('parallel') or 'safe') | lower -%}
    {%- if language not in ('sql', 'plpgsql') -%}
        {% do exceptions.raise_compiler_error("function " ~ model.name ~ ": language must be sql or plpgsql, not " ~ language) %}
    {%- endif -%}
    {%- if parallel not in ('safe', 'restricted', 'unsafe') -%}
        {% do exceptions.raise_compiler_error("function " ~ model.name ~ ": parallel must be safe, restricted or unsafe, not " ~ parallel) %}
    {%- endif -%}
    {%- set unknown = meta.keys() | reject('in', ['language', 'strict', 'parallel', 'cost']) | list -%}
    {%- if unknown -%}
        {% do exceptions.raise_compiler_error("function " ~ model.name ~ ": unknown meta " ~ unknown | join(', ')) %}
    {%- endif -%}
    $baotu${{ model.compiled_code }}
    $baotu$
    LANGUAGE {{ language }}
    {{ 'STRICT' if meta.get('strict') else 'CALLED ON NULL INPUT' }}
    PARALLEL {{ parallel | upper }}
    {%- if meta.get('cost') %}
    COST {{ meta.get('cost') }}
    {%- endif %}
{% endmacro %}


{#
  `stats.name`, without the database: dbt's own function() bakes the database's name into the body, and a
  dump restored under another name would then fail at the first call. function() must still be called, it is
  what tells dbt the order of creation and what depends on what; so bodies write
      {{ function('incomplete_beta').include(database=false) }}
#}
