{#- What is recorded of brands, as it was known at a day. -#}

{% macro is_known(relation, day) -%}
    {{ relation }}.known_from_on <= {{ day }}
    and ({{ relation }}.known_before_on is null or {{ relation }}.known_before_on > {{ day }})
{%- endmacro %}

{#- Entries of lists: of the city, or exits that name no place and are known by their brand. -#}
{% macro is_listing(record) -%}
    {{ record }}.record_kind = 'cultivation'
    and not {{ record }}.is_quarantined
    and {{ record }}.brand_uid is not null
    and ({{ record }}.in_scope or ({{ record }}.status_code = 'withdrawn' and {{ record }}.division_basis = 'unknown'))
{%- endmacro %}

{#- Only the province's lists count. -#}
{% macro is_provincial_listing(record) -%} {{ is_listing(record) }} and {{ record }}.level_code = 'provincial' {%- endmacro %}

{#- Valuations of whoever is not said to be of another place: whose they are says their brand. -#}
{% macro is_valuation(record) -%}
    {{ record }}.record_kind = 'valuation'
    and not {{ record }}.is_quarantined
    and {{ record }}.brand_uid is not null
    and {{ record }}.brand_value is not null
    and {{ record }}.division_basis <> 'elsewhere'
{%- endmacro %}

{#- Statuses that end a certificate, base or award, if only for a time. -#}
{% macro has_ended(status) -%} {{ status }} in ('suspended', 'revoked', 'cancelled', 'expired', 'withdrawn') {%- endmacro %}
