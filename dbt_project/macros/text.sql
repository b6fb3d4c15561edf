{#- Null tokens live in the seed `null_token`; rendered as a literal, because a join per column would cost more than
    the typing itself. dbt reads the word null in a seed as a missing value, in any case of letters: so it stands here. -#}
{% macro null_tokens() -%}
    {%- set seed = ref('null_token') -%}
    {%- if execute -%}
        array['null', 'NULL', 'Null'
        {%- for token in run_query("select token from " ~ seed ~ " order by 1").columns[0].values() -%}
            , '{{ token }}'
        {%- endfor -%} ]::text[]
    {%- else -%} '{}'::text[]
    {%- endif -%}
{%- endmacro %}

{#- The cell as a value: normalised, and NULL where it says that there is none. -#}
{% macro cleaned(column) -%} stats.cell_value({{ column }}, {{ null_tokens() }}) {%- endmacro %}

{#- Names of Jinan's divisions as one alternation, longest first, for finding a division in an address. -#}
{% macro division_pattern() -%}
    {%- set seed = ref('division_name') -%}
    {%- if execute -%}
        '({{ run_query("select name from " ~ seed ~ " group by name order by length(name) desc, name")
            .columns[0].values() | join('|') }})'
    {%- else -%} '(历下区)'
    {%- endif -%}
{%- endmacro %}

{#- Spelling of a code word: no spaces, no closing punctuation, lower case. -#}
{% macro code_word(expression) -%} lower(regexp_replace({{ expression }}, '[\s。.;；]+', '', 'g')) {%- endmacro %}

{#- A deterministic identifier over parts, NULL distinct from empty. -#}
{% macro hash_id(parts) -%}
    md5(concat_ws(chr(31){% for part in parts %}, coalesce({{ part }}::text, chr(30)){% endfor %}))::uuid
{%- endmacro %}

{#- Ends a CTE whose expressions are computed once a row. Without it PostgreSQL puts each call wherever its result is
    named, and a cell is cleaned several times. Typed, because a plain 0 is cast, and a cast ends parallel plans. -#}
{% macro computed_once() -%} offset bigint '0' {%- endmacro %}
