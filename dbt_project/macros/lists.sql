{#- What lists of enterprises and brands say outside their cells. -#}

{#- A heading, a sheet's or a file's name, or a title as it is compared with aliases: without quotes, brackets, spaces
    and marks, without year and batch. -#}
{% macro list_word(expression) -%}
    regexp_replace(
        {{ code_word('stats.clean_text(' ~ expression ~ ')') }},
        '["“”''‘’「」『』《》〈〉()\[\]【】〔〕·•、,:-]|(19|20)[0-9][0-9]年度?|第?[0-9一二三四五六七八九十]+批次?', '', 'g'
    )
{%- endmacro %}

{% macro file_name() -%} regexp_replace(file_uri, '^.*/|[.][a-z]+$', '', 'gi') {%- endmacro %}

{% macro heading() -%}
    array_to_string(
        array(select jsonb_array_elements_text(case when jsonb_typeof(meta -> 'title') = 'array' then meta -> 'title' end)),
        ' '
    )
{%- endmacro %}

{#- Every alias of a seed as one alternation, longest first. -#}
{% macro any_alias(alias='alias') -%}
    '(' || string_agg({{ alias }}, '|' order by length({{ alias }}) desc, {{ alias }}) || ')'
{%- endmacro %}

{#- Words behind a title's name that change nothing of it. Not 培育, 入库, 拟 or 公示: those are of other titles, or none
    yet. -#}
{% macro title_tail() -%} '认定|企业|单位|荣誉称号|称号|荣誉|资格|证书|类|名单' {%- endmacro %}

{#- Where a delivery says its enterprises are: the sidecar, else the heading or the file's name if it names the city. -#}
{% macro delivery_place() -%}
    coalesce(
        meta ->> 'division',
        case when concat_ws(' ', {{ heading() }}, {{ file_name() }}) ~ '济南' then '济南市' end
    )
{%- endmacro %}

{#- Whether a place is in the city. A street of that name (济南路) is in other cities. What a delivery says of all its
    rows holds for a place that names one of Jinan's divisions and no other city, or that is not there. -#}
{% macro names_the_city(place, delivery_place) -%}
    {%- set names_jinan = "'济南(?!(东|西|南|北|中)?(路|大街|街|大道))'" -%}
    (
        coalesce({{ place }}, '') ~ {{ names_jinan }}
        or (
            coalesce({{ delivery_place }}, '') ~ {{ names_jinan }}
            and coalesce({{ place }} ~ {{ division_pattern() }}, true)
            and coalesce({{ place }}, '') !~ '^(山东省?)? ?(青岛|淄博|枣庄|东营|烟台|潍坊|济宁|泰安|威海|日照|临沂|德州|聊城|滨州|菏泽)'
            and coalesce({{ place }}, '') !~ '^([^ ]{2,3}(省|自治区) *)?[^ 省]{2,4}市'
        )
    )
{%- endmacro %}

{% macro division_named_in(place) -%}
    substring(regexp_replace({{ place }}, '济南市?', '') from {{ division_pattern() }})
{%- endmacro %}

{#- What names a list beside its cells: the sheet, the heading above the table, the file. Of `cells` and `delivery`. -#}
{% macro named_places() -%}
    select
        sheet.delivery_id,
        sheet.part,
        said.priority,
        said.basis,
        said.word
    from (
        select distinct
            delivery_id,
            part
        from cells
    ) as sheet
    inner join delivery on sheet.delivery_id = delivery.delivery_id
    cross join lateral (
        values
            (1, 'sheet', {{ list_word('sheet.part') }}),
            (2, 'heading', delivery.heading_word),
            (3, 'file_name', delivery.file_name_word)
    ) as said (priority, basis, word)
{%- endmacro %}
