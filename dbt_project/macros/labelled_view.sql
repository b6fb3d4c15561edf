{#- Beside each mart a view with Chinese names, for tools that ignore comments: named as the mart's description begins, its
    columns as their labels. Made with the table, so that it is swapped, granted and dropped with it. Its comments say
    unit and whether values may be added up. -#}
{% macro labelled_view() %}
    {%- set view = adapter.quote(model.description.split(' · ')[0].split('：')[0]) %}
    create view {{ this.schema }}.{{ view }} as
    select
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }} as {{ adapter.quote(column.config.meta.label_zh) }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ this }};
    comment on view {{ this.schema }}.{{ view }} is {{ quoted_text(model.description ~ ' · ' ~ this.identifier) }};
        {%- for column in model.columns.values() %}
            {%- set meta = column.config.meta %}
            {%- set notes = [column.description, column.name] %}
            {%- if meta.unit %}{% do notes.append('单位 unit: ' ~ meta.unit) %}{% endif %}
            {%- if meta.additive is defined %}{% do notes.append('可加总 additive' if meta.additive else '不可加总 not additive') %}{% endif %}
    comment on column {{ this.schema }}.{{ view }}.{{ adapter.quote(meta.label_zh) }} is {{ quoted_text(notes | join(' · ')) }};
        {%- endfor %}
{% endmacro %}


{% macro quoted_text(text) %}'{{ text | replace("'", "''") }}'{% endmacro %}
