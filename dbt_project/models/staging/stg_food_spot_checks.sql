{{ config(
    pre_hook="{{ forget_landed_deliveries('food_spot_checks') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['sample_id']},
    ],
) }}
{%- set names_jinan = "'济南(?!(东|西|南|北|中)?(路|大街|街|大道))'" %}
{%- do uses(['cell_value', 'parse_date', 'normalize_uscc', 'is_uscc']) %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        period_end_on,
        meta
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('food_spot_checks') }})
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        delivery.origin_id,
        delivery.issued_on,
        delivery.period_end_on,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {% for column in [
            'sample_no', 'product_name', 'producer_name', 'producer_uscc', 'sampled_name', 'sampled_uscc',
            'sampled_address', 'sampled_province', 'sampled_division', 'spec', 'brand', 'batch_no',
            'category', 'subcategory', 'item_name', 'item_result', 'item_limit', 'items_combined',
            'notice_no', 'publisher', 'lab_name', 'remark',
            'result', 'initial_result', 'reinspection_result', 'sample_status', 'sampling_kind', 'task_name',
            'info_source', 'production_date', 'published_on', 'sampled_on', 'notified_on',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }},
        {% endfor -%}
        delivery.meta ->> 'verdict' as delivery_result,
        delivery.meta ->> 'sampling_kind' as delivery_sampling_kind,
        delivery.meta ->> 'task_name' as delivery_task_name,
        delivery.meta ->> 'notice_no' as delivery_notice_no,
        delivery.meta ->> 'sampled_division' as delivery_division
    from {{ source('raw', 'food_spot_checks') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('food_spot_checks') }})
),

worded as (
    select
        cells.*,
        {{ code_word('coalesce(result, delivery_result)') }} as result_word,
        {{ code_word('initial_result') }} as initial_result_word,
        {{ code_word('reinspection_result') }} as reinspection_result_word,
        {{ code_word('sample_status') }} as sample_status_word,
        {{ code_word('sampling_kind') }} as sampling_kind_word,
        {{ code_word('delivery_sampling_kind') }} as delivery_sampling_kind_word,
        {{ code_word('category') }} as category_word,
        {{ code_word('subcategory') }} as subcategory_word,
        coalesce(task_name, delivery_task_name, publisher) as task_text,
        nullif(concat_ws(' ', sampled_province, sampled_division, sampled_address), '') as place_text
    from cells
),

task as (
    select
        named.task_text,
        named.issued_on,
        (
            select pattern.sampling_kind
            from {{ ref('task_name_pattern') }} as pattern
            where named.task_text ~ pattern.pattern
                and (pattern.valid_from_on is null or pattern.valid_from_on <= named.issued_on)
                and (pattern.valid_before_on is null or pattern.valid_before_on > named.issued_on)
            order by pattern.priority
            limit 1
        ) as sampling_kind
    from (
        select distinct
            task_text,
            issued_on
        from worded
        where task_text is not null
    ) as named
),

placed as (
    select
        worded.*,
        coalesce(place_text, delivery_division) as sampled_place,
        -- A street of that name (济南路) is in other cities; and what a sidecar says of all rows does not hold for one
        -- that begins with another city's name.
        coalesce(place_text, '') ~ {{ names_jinan }}
        or (
            coalesce(delivery_division, '') ~ {{ names_jinan }}
            and coalesce(place_text, '') !~ '^([^ ]{2,3}(省|自治区) *)?[^ 省]{2,4}市'
        )
            as names_city,
        substring(
            regexp_replace(coalesce(place_text, delivery_division), '济南市?', '') from {{ division_pattern() }}
        ) as division_name
    from worded
),

typed as (
    select
        placed.*,
        coalesce(information_source.record_domain, 'domestic') as record_domain,
        result_alias.result_code as stated_result,
        coalesce(initial_alias.result_code, result_alias.result_code) as initial_result_code,
        reinspection_alias.result_code as reinspection_result_code,
        coalesce(
            reinspection_alias.result_code, result_alias.result_code, initial_alias.result_code
        ) as final_result_code,
        status_alias.unjudged_reason as status_reason,
        coalesce(
            kind_alias.sampling_kind, task.sampling_kind, delivery_kind_alias.sampling_kind, 'unknown'
        ) as sampling_kind_code,
        case
            when kind_alias.sampling_kind is not null then 'column'
            when task.sampling_kind is not null then 'task_name'
            when delivery_kind_alias.sampling_kind is not null then 'sidecar'
            else 'unknown'
        end as sampling_kind_basis,
        category_alias.category_code,
        coalesce(subcategory_alias.is_tableware, false) or coalesce(category_alias.is_tableware, false) as is_tableware,
        case
            when division_name.division_code is not null then division_name.division_code
            when names_city then '370100'
        end as division_code,
        case
            when sampled_place is null then 'unknown'
            when division_name.division_code is null and not names_city then 'elsewhere'
            when place_text is null then 'sidecar'
            else 'file'
        end as division_basis,
        stats.parse_date(sampled_on) as sampled_date,
        stats.parse_date(published_on) as published_date,
        stats.parse_date(notified_on) as notified_date,
        stats.parse_date(production_date) as production_date_value,
        stats.normalize_uscc(producer_uscc) as producer_uscc_code,
        stats.normalize_uscc(sampled_uscc) as sampled_uscc_code
    from placed
    left join task on placed.task_text = task.task_text and placed.issued_on = task.issued_on
    left join {{ ref('information_source') }} as information_source on placed.info_source = information_source.alias
    left join {{ ref('result_alias') }} as result_alias on placed.result_word = result_alias.alias
    left join {{ ref('result_alias') }} as initial_alias on placed.initial_result_word = initial_alias.alias
    left join {{ ref('result_alias') }} as reinspection_alias
        on placed.reinspection_result_word = reinspection_alias.alias
    left join {{ ref('sample_status_alias') }} as status_alias on placed.sample_status_word = status_alias.alias
    left join {{ ref('sampling_kind_alias') }} as kind_alias on placed.sampling_kind_word = kind_alias.alias
    left join {{ ref('sampling_kind_alias') }} as delivery_kind_alias
        on placed.delivery_sampling_kind_word = delivery_kind_alias.alias
    left join {{ ref('food_category_alias') }} as category_alias on placed.category_word = category_alias.alias
    left join {{ ref('food_category_alias') }} as subcategory_alias
        on placed.subcategory_word = subcategory_alias.alias
    left join {{ ref('division_name') }} as division_name
        on placed.division_name = division_name.name and (placed.names_city or not division_name.needs_city)
)

select
    delivery_id,
    row_no,
    -- A row is one item: a cell that names several is kept as one.
    1::smallint as item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    {#- Without a form number the sample is what its describing cells say; rows that differ only in the item are one. #}
    case
        when sample_no is not null then {{ hash_id(["'sample_no'", 'sample_no']) }}
        when product_name is null then {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
        else {{ hash_id(["'cells'", 'record_domain', 'product_name', 'producer_name', 'sampled_name',
            'production_date', 'batch_no', 'spec', 'brand', 'sampled_on', 'published_on',
            'coalesce(notice_no, delivery_notice_no)', 'publisher']) }}
    end as sample_id,
    record_domain,
    sample_no,
    product_name,
    producer_name,
    producer_uscc as producer_uscc_text,
    producer_uscc_code as producer_uscc,
    sampled_name,
    sampled_uscc as sampled_uscc_text,
    sampled_uscc_code as sampled_uscc,
    sampled_place,
    division_code,
    division_basis,
    coalesce(division_basis in ('file', 'sidecar') and record_domain = 'domestic', false) as in_scope,
    spec,
    brand,
    production_date as production_date_text,
    production_date_value as produced_on,
    category as category_text,
    category_code,
    subcategory as subcategory_text,
    is_tableware,
    coalesce(item_name, items_combined) as item_name,
    item_result as item_result_text,
    item_limit as item_limit_text,
    coalesce(result, initial_result, delivery_result) as result_text,
    initial_result_code,
    reinspection_result as reinspection_result_text,
    reinspection_result_code,
    final_result_code,
    coalesce(
        status_reason,
        case when final_result_code not in ('pass', 'fail') then final_result_code end
    ) as unjudged_reason,
    coalesce(notice_no, delivery_notice_no) as notice_no,
    published_on as published_on_text,
    published_date as published_on,
    notified_on as notified_on_text,
    notified_date as notified_on,
    sampled_on as sampled_on_text,
    coalesce(sampled_date, period_end_on, published_date, issued_on) as sampled_on,
    case
        when sampled_date is not null then 'file'
        when period_end_on is not null then 'period'
        when published_date is not null then 'notice'
        else 'delivery'
    end as sampled_on_basis,
    sampling_kind as sampling_kind_text,
    task_text,
    sampling_kind_code as sampling_kind,
    sampling_kind_basis,
    lab_name,
    remark,
    has_surplus_fields,
    producer_uscc_code is null or stats.is_uscc(producer_uscc_code) as is_producer_uscc_valid,
    sampled_uscc_code is null or stats.is_uscc(sampled_uscc_code) as is_sampled_uscc_valid,
    sampled_on is null or sampled_date is not null as is_sampled_on_readable,
    production_date is null or production_date_value is not null as is_produced_on_readable
from typed
