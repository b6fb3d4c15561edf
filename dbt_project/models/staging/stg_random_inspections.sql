{{ config(
    pre_hook="{{ forget_landed_deliveries('random_inspections') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['inspection_record_id']},
    ],
) }}
{%- do uses(['cell_value', 'clean_text', 'parse_date', 'normalize_uscc', 'is_uscc', 'normalize_name']) %}
{%- set dates = ['snapshot_on', 'drawn_on', 'inspected_on', 'published_on'] %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        meta,
        {{ delivery_place() }} as delivery_division,
        {{ list_word(heading()) }} as heading_word,
        {{ list_word(file_name()) }} as file_name_word
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('random_inspections') }})
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        delivery.origin_id,
        delivery.issued_on,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {% for column in [
            'record_kind', 'task_no', 'task_name', 'office', 'enterprise_name', 'enterprise_uscc', 'division', 'address',
            'category', 'snapshot_id', 'snapshot_on', 'draw_method', 'draw_seed', 'drawn_on', 'inspected_on',
            'published_on', 'officers', 'item_name', 'item_class', 'result', 'remark',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }},
        {% endfor -%}
        {% for key in [
            'record_kind', 'task_no', 'task_name', 'office', 'draw_method', 'draw_seed', 'drawn_on', 'published_on',
            'item_class', 'snapshot_id', 'snapshot_on',
        ] -%}
        delivery.meta ->> '{{ key }}' as delivery_{{ key }},
        {% endfor -%}
        delivery.delivery_division,
        delivery.meta ? 'division' as has_sidecar_division
    from {{ source('raw', 'random_inspections') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('random_inspections') }})
),

kind_words as (
    select {{ any_alias() }} as pattern from {{ ref('inspection_record_kind_alias') }}
),

place as (
    {{ named_places() }}
),

-- 双随机抽查检查对象名录库 is a directory, whatever else its name says; a place that names both directories names none.
named_kind as (
    select distinct on (delivery_id, part)
        delivery_id,
        part,
        basis,
        coalesce(min(record_kind) filter (where record_kind <> 'inspection'), min(record_kind)) as record_kind
    from (
        select distinct
            place.delivery_id,
            place.part,
            place.priority,
            place.basis,
            alias.record_kind
        from place
        cross join kind_words
        cross join lateral regexp_matches(place.word, kind_words.pattern, 'g') as found
        inner join {{ ref('inspection_record_kind_alias') }} as alias on found[1] = alias.alias
    ) as named
    group by delivery_id, part, priority, basis
    having count(*) filter (where record_kind <> 'inspection') < 2
    order by delivery_id, part, priority
),

worded as (
    select
        cells.*,
        coalesce(record_kind, delivery_record_kind) as record_kind_text,
        coalesce(task_no, delivery_task_no) as task_no_text,
        coalesce(task_name, delivery_task_name) as task_name_text,
        coalesce(office, delivery_office) as office_text,
        coalesce(draw_method, delivery_draw_method) as draw_method_text,
        coalesce(item_class, delivery_item_class) as item_class_text,
        coalesce(snapshot_id, delivery_snapshot_id) as snapshot_text,
        nullif(concat_ws(' ', division, address), '') as place_text,
        stats.normalize_uscc(enterprise_uscc) as enterprise_code,
        stats.normalize_name(enterprise_name) as name_key,
        {% for column in dates -%}
        stats.parse_date({{ column }}) as {{ column }}_date,
        {% endfor -%}
        cardinality(string_to_array(officers, ' ')) as officers_count
    from cells
    {{ computed_once() }}
),

typed as (
    select
        worded.*,
        case
            when record_kind_text is not null then kind_alias.record_kind
            else named_kind.record_kind
        end as record_kind_code,
        case
            when worded.record_kind is not null then 'file'
            when delivery_record_kind is not null then 'sidecar'
            else named_kind.basis
        end as record_kind_basis,
        draw_alias.draw_method as draw_method_code,
        class_alias.item_class as item_class_code,
        result_alias.result_code,
        case
            when stats.is_uscc(enterprise_code) then enterprise_code
            else coalesce(name_key, enterprise_code)
        end as object_key,
        -- Whose directory it is, and as of when: what no row says is that of its delivery.
        coalesce(snapshot_on_date, delivery_snapshot_on::date, worded.issued_on) as directory_on,
        coalesce(drawn_on_date, delivery_drawn_on::date) as drawn_date,
        coalesce(published_on_date, delivery_published_on::date) as published_date,
        {{ names_the_city('place_text', 'delivery_division') }} as names_city,
        {{ division_named_in('coalesce(place_text, delivery_division)') }} as division_name
    from worded
    left join named_kind on worded.delivery_id = named_kind.delivery_id and worded.part = named_kind.part
    left join {{ ref('inspection_record_kind_alias') }} as kind_alias
        on {{ list_word('record_kind_text') }} = kind_alias.alias
    left join {{ ref('draw_method_alias') }} as draw_alias on {{ list_word('draw_method_text') }} = draw_alias.alias
    left join {{ ref('inspection_item_class_alias') }} as class_alias
        on {{ list_word('item_class_text') }} = class_alias.alias
    left join {{ ref('inspection_result_alias') }} as result_alias on {{ list_word('result') }} = result_alias.alias
)

select
    delivery_id,
    row_no,
    1::smallint as item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    {#- Of a task an enterprise is inspected once, under however many items; a directory has a member once. #}
    case
        when record_kind_code = 'inspection' and object_key is not null and task_no_text is not null
            then {{ hash_id(['record_kind_code', 'task_no_text', 'object_key']) }}
        when record_kind_code = 'inspection' and object_key is not null
            then {{ hash_id(['record_kind_code', 'task_name_text', 'office_text', 'object_key',
                'coalesce(inspected_on_date, drawn_date, published_date)']) }}
        when record_kind_code = 'object_directory' and object_key is not null
            then {{ hash_id(['record_kind_code', 'office_text', 'snapshot_text', 'directory_on', 'object_key']) }}
        when record_kind_code = 'officer_directory' and officers is not null
            then {{ hash_id(['record_kind_code', 'office_text', 'snapshot_text', 'directory_on', 'officers']) }}
        else {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
    end as inspection_record_id,
    record_kind_text,
    record_kind_code as record_kind,
    record_kind_basis,
    task_no_text as task_no,
    task_name_text as task_name,
    office_text as office,
    enterprise_name,
    name_key,
    enterprise_uscc as enterprise_uscc_text,
    enterprise_code as enterprise_uscc,
    object_key,
    place_text,
    case
        when named.division_code is not null then named.division_code
        when names_city then '370100'
    end as division_code,
    case
        when coalesce(place_text, delivery_division) is null then 'unknown'
        when named.division_code is null and not names_city then 'elsewhere'
        when place_text is not null then 'file'
        when has_sidecar_division then 'sidecar'
        else 'heading'
    end as division_basis,
    category as category_text,
    snapshot_text as snapshot_id,
    case when record_kind_code in ('object_directory', 'officer_directory') then directory_on end as snapshot_on,
    draw_method_text,
    draw_method_code as draw_method,
    draw_seed,
    drawn_date as drawn_on,
    inspected_on_date as inspected_on,
    published_date as published_on,
    officers as officer_hashes,
    officers_count as officer_count,
    item_name,
    item_class_text,
    item_class_code as item_class,
    result as result_text,
    result_code,
    remark,
    has_surplus_fields,
    draw_method_text is null or draw_method_code is not null as is_draw_method_readable,
    result is null or result_code is not null as is_result_readable,
    {% for column in dates -%}
    ({{ column }} is null or {{ column }}_date is not null){{ " and" if not loop.last }}
    {% endfor -%}
        as are_dates_readable,
    enterprise_code is null or stats.is_uscc(enterprise_code) as is_uscc_valid
from typed
left join {{ ref('division_name') }} as named
    on typed.division_name = named.name and (typed.names_city or not named.needs_city)
