{#- Spot checks of food, agricultural and industrial products come in the same forms, so their staging is one text. -#}

{#- The sources whose rows are samples, or counts of samples. -#}
{% macro spot_check_sources() -%}
    {{- return(['food_spot_checks', 'agri_monitoring', 'industrial_spot_checks']) -}}
{%- endmacro %}

{#- Each row typed once. A row is a sample or one of its items; or, where it has counts, a line of a summary table
    (`is_summary`). Beside each parsed value stands its text. -#}
{% macro stage_spot_checks(source_id, domain) -%}
{%- do uses([
    'cell_value', 'clean_text', 'parse_date', 'parse_number', 'parse_period', 'production_date', 'normalize_uscc', 'is_uscc',
    'split_items', 'column_items', 'measurement', 'meets_limit', 'canonical_unit', 'normalize_name',
]) -%}
{%- set names_jinan = "'济南(?!(东|西|南|北|中)?(路|大街|街|大道))'" -%}
{%- set means_all = "'^(合计|总计|小计|共计|全市|全部|总体)$'" -%}
{#- 色值（≤150IU）, 大肠菌群(n=5,c=2,m=10,M=100(CFU/g)), 桔青霉素(50μg/kg): a limit at the end of an item's name. -#}
{%- set limit_in_name = "'[（(] *((?:[≤≥<>＜＞﹤﹥≦≧]|不得|不应|不大于|不超过|不低于|不小于|n *=|[0-9.]+ ?(?:[mμu]?g|IU|CFU|%))"
    ~ "(?:[^（）()]|[（(][^（）()]*[）)])*)[）)] *$'" -%}
{%- set counts = ['sampled_count', 'tested_count', 'passed_count', 'failed_count'] -%}
with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        period_start_on,
        period_end_on,
        meta,
        -- A table of counts has no column for a product's name.
        coalesce(meta -> 'present_columns' ? 'tested_count' and not meta -> 'present_columns' ? 'product_name', false)
            as is_summary_table
    from ops.delivery
    where delivery_id = any({{ landed_deliveries(source_id) }})
),

part as (
    -- What a sheet or attachment says of all its rows: verdict, notice, period, and which of its columns are items.
    select
        delivery.delivery_id,
        described.part,
        described.about ->> 'verdict' as part_result,
        described.about ->> 'notice_no' as part_notice_no,
        stats.parse_period(described.about ->> 'period') as part_period,
        described.about -> 'items' as item_columns,
        array(select jsonb_array_elements_text(described.about -> 'combined_order')) as piece_order,
        exists (
            select 1
            from jsonb_array_elements(delivery.meta #> '{file,parts}') as read_part (about)
            cross join lateral jsonb_each_text(read_part.about -> 'columns') as header (name, canonical)
            where read_part.about ->> 'part' = described.part
                and header.canonical = 'production_date'
                and header.name ~ '购进|进货|采购' and header.name !~ '生产|加工|制作|制造'
        ) as is_purchase_column
    from delivery
    cross join lateral jsonb_each(
        case when jsonb_typeof(delivery.meta -> 'parts') = 'object' then delivery.meta -> 'parts' end
    ) as described (part, about)
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        delivery.origin_id,
        delivery.issued_on,
        coalesce(lower(part.part_period), delivery.period_start_on) as delivery_period_start_on,
        coalesce(upper(part.part_period) - 1, delivery.period_end_on) as delivery_period_end_on,
        delivery.is_summary_table,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        raw_row.extra ? '__missing_fields__' as has_missing_fields,
        -- As sent: NFKC would take the height from an exponent, and a line break divides items.
        raw_row.item_name as sent_item_name,
        raw_row.item_result as sent_item_result,
        raw_row.item_limit as sent_item_limit,
        raw_row.items_combined as sent_items_combined,
        case when part.item_columns is not null then stats.column_items(part.item_columns, raw_row.extra) end
            as column_pieces,
        part.piece_order,
        coalesce(part.is_purchase_column, false) as is_purchase_column,
        {% for column in [
            'sample_no', 'product_name', 'producer_name', 'producer_uscc', 'sampled_name', 'sampled_uscc',
            'sampled_address', 'sampled_province', 'sampled_division', 'spec', 'brand', 'batch_no',
            'category', 'subcategory', 'item_name', 'item_result', 'item_limit', 'item_unit', 'items_combined',
            'notice_no', 'publisher', 'lab_name', 'remark',
            'result', 'initial_result', 'reinspection_result', 'sample_status', 'sampling_kind', 'task_name',
            'info_source', 'production_date', 'published_on', 'sampled_on', 'notified_on',
            'period', 'domain', 'scope', 'sampled_count', 'tested_count', 'passed_count', 'failed_count',
            'published_rate_pct', 'published_fail_rate_pct', 'published_rate_kind',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }},
        {% endfor -%}
        {{ cleaned('raw_row.industry_code') if domain == 'industrial' else 'null::text' }} as industry_code,
        {{ cleaned('raw_row.monitoring_round') if domain == 'agri' else 'null::text' }} as monitoring_round,
        coalesce(part.part_result, delivery.meta ->> 'verdict') as delivery_result,
        delivery.meta ->> 'sampling_kind' as delivery_sampling_kind,
        delivery.meta ->> 'task_name' as delivery_task_name,
        coalesce(part.part_notice_no, delivery.meta ->> 'notice_no') as delivery_notice_no,
        delivery.meta ->> 'sampled_division' as delivery_division,
        coalesce(delivery.meta ->> 'record_action' = 'withdraw', false) as is_withdrawal
    from {{ source('raw', source_id) }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    left join part on raw_row.delivery_id = part.delivery_id and raw_row.part = part.part
    where raw_row.delivery_id = any({{ landed_deliveries(source_id) }})
    {{ computed_once() }}
),

worded as (
    select
        cells.*,
        is_summary_table or num_nonnulls({{ counts | join(', ') }}) > 0 as is_summary,
        {{ code_word('coalesce(result, delivery_result)') }} as result_word,
        {{ code_word("coalesce(initial_result, substring(two_tests from '初检[^:]*: ?(.*?)[;,、 ]*复检'))") }}
            as initial_result_word,
        {{ code_word("coalesce(reinspection_result, substring(two_tests from '复检[^:]*: ?([^;,、 ]+)'))") }}
            as reinspection_result_word,
        {{ code_word('delivery_result') }} as delivery_result_word,
        case
            when column_pieces is not null then column_pieces
            when items_combined is not null or item_name ~ '[║‖∥∣|¦│┃;、/]' or (item_name like '% %' and sent_item_name ~ '[\r\n]')
                then stats.split_items(
                    case when item_name is not null then sent_item_name end,
                    case when item_result is not null then sent_item_result end,
                    case when item_limit is not null then sent_item_limit end,
                    case when items_combined is not null then sent_items_combined end,
                    piece_order
                )
        end as pieces,
        -- 符合要求 in a column of failing items.
        coalesce(item_name ~ '^(所检项目)?(均)?(符合|合格)', false) as names_no_item,
        -- 受委托生产商：甲；委托商：乙. A name ends where the next role begins.
        coalesce(
            regexp_replace(
                substring(
                    producer_name
                    from '(?:受委托|受托|被委托|实际生产|生产)(?:生产|加工)?(?:商|方|者|企业|单位|厂家|厂商)?(?:名称)?: ?([^;,]+)'
                ),
                ' *(?:委托|受托|经销|代理|品牌)[^:;]{0,8}:.*$', ''
            ),
            producer_name
        ) as maker_name,
        regexp_replace(
            substring(producer_name from '(?<![受被])委托(?:生产|加工)?(?:商|方|者|人|企业|单位)?(?:名称)?: ?([^;,]+)'),
            ' *(?:受委托|受托|被委托|实际生产|生产|经销)[^:;]{0,8}:.*$', ''
        ) as consignor_name,
        {{ code_word('sample_status') }} as sample_status_word,
        {{ code_word('sampling_kind') }} as sampling_kind_word,
        {{ code_word('delivery_sampling_kind') }} as delivery_sampling_kind_word,
        {{ code_word('category') }} as category_word,
        {{ code_word('subcategory') }} as subcategory_word,
        {{ code_word('domain') }} as domain_word,
        {{ code_word('coalesce(sampled_division, category)') }} ~ {{ means_all }} as says_all,
        coalesce(task_name, delivery_task_name, scope, publisher) as task_text,
        nullif(concat_ws(' ', sampled_province, sampled_division, sampled_address), '') as address_text
    from (
        select
            cells.*,
            -- First test and re-inspection in one cell, as verdicts.
            case
                when result ~ '复检[^:]*:' then result
                when item_result ~ '复检[^:]*:.*合格' then item_result
            end as two_tests
        from cells
    ) as cells
    {{ computed_once() }}
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
        located.*,
        -- A street of that name (济南路) is in other cities; and what a sidecar says of all rows does not hold for one
        -- that begins with another city's name.
        coalesce(place_text, '') ~ {{ names_jinan }}
        or (
            coalesce(delivery_division, '') ~ {{ names_jinan }}
            and coalesce(place_text, '') !~ '^([^ ]{2,3}(省|自治区) *)?[^ 省]{2,4}市'
        )
            as names_city,
        coalesce(place_text, delivery_division) as sampled_place,
        {{ division_name_in('coalesce(place_text, delivery_division)') }} as division_name
    from (
        select
            worded.*,
            case
                -- Counts without a place are about where their publisher is; 合计 and 全市 name none.
                when is_summary and says_all then coalesce(delivery_division, publisher)
                when is_summary then coalesce(address_text, delivery_division, publisher)
                else address_text
            end as place_text
        from worded
    ) as located
    {{ computed_once() }}
),

coded as (
    select
        placed.*,
        {{ further_division_name_in('sampled_place', 'division_name') }} as further_division_name,
        coalesce(domain_alias.sample_domain, '{{ domain }}') as sample_domain,
        -- C38, 38 or the class 3851 all name division 38.
        'C' || substring(industry_code from '^[Cc]?([0-9]{2})[0-9]{0,2}$') as industry_division_code
    from placed
    left join {{ ref('sample_domain_alias') }} as domain_alias
        on placed.is_summary and placed.domain_word = domain_alias.alias
),

pattern_match as (
    select
        named.sample_domain,
        named.text,
        (
            select pattern.category_code
            from {{ ref('product_category_pattern') }} as pattern
            where pattern.sample_domain = named.sample_domain and named.text ~ pattern.pattern
            order by pattern.priority
            limit 1
        ) as category_code
    from (
        select distinct
            coded.sample_domain,
            described.text
        from coded
        cross join lateral (values (category), (product_name)) as described (text)
        where described.text is not null
            and coded.sample_domain in (select patterned.sample_domain from {{ ref('product_category_pattern') }} as patterned)
    ) as named
),

typed as (
    select
        coded.*,
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
        coalesce(
            division_category.category_code, category_alias.category_code, category_match.category_code,
            product_match.category_code
        ) as category_code,
        coalesce(subcategory_alias.is_tableware, false) or coalesce(category_alias.is_tableware, false) as is_tableware,
        {{ stated_division_code('names_city') }} as division_code,
        {{ stated_unit_code('names_city') }} as assessment_unit_code,
        -- A zone that spans hosts belongs to the city as well, but its counts are not the city's.
        names_city and named.name is null as is_whole_city,
        case
            when sampled_place is null then 'unknown'
            when named.name is null and not names_city then 'elsewhere'
            when place_text is null then 'sidecar'
            else 'file'
        end as division_basis,
        stats.parse_date(sampled_on) as sampled_date,
        stats.parse_date(published_on) as published_date,
        stats.parse_date(notified_on) as notified_date,
        stats.production_date(
            production_date, is_purchase_column, coalesce(stats.parse_date(published_on), coded.issued_on)
        ) as production,
        attachment_alias.result_code as attachment_result_code,
        stats.normalize_uscc(producer_uscc) as producer_uscc_code,
        stats.normalize_uscc(sampled_uscc) as sampled_uscc_code,
        {% for column in counts -%}
        -- Whole numbers only, with a unit that says nothing (98,839批次).
        substring(regexp_replace({{ column }}, '[\s,，]', '', 'g') from '^([0-9]{1,12})(?:[.]0+)?(?:批次?|个|份)?$')::bigint
            as {{ column }}_value,
        {% endfor -%}
        stats.parse_number(rtrim(coalesce(published_rate_pct, published_fail_rate_pct), '%％ ')) as rate_value,
        length(substring(coalesce(published_rate_pct, published_fail_rate_pct) from '[.]([0-9]+)')) as rate_digits,
        coalesce(lower(published_rate_kind) = 'fail', published_rate_pct is null) as is_fail_rate,
        stats.parse_period(period) as row_period,
        -- 2016年第三季度 流通环节: a period at the head of the words; 2020年第8期 is the number of an issue.
        stats.parse_period(
            substring(
                regexp_replace(scope, '\s', '', 'g')
                from '^20[0-9]{2}年(?!第[0-9]+期)(?:第?[一二三四1-4]季度|[上下]半年|(?:1[0-2]|[1-9])月|度)?'
            )
        ) as scope_period
    from coded
    left join task on coded.task_text = task.task_text and coded.issued_on = task.issued_on
    left join pattern_match as category_match
        on coded.sample_domain = category_match.sample_domain and coded.category = category_match.text
    left join pattern_match as product_match
        on coded.sample_domain = product_match.sample_domain and coded.product_name = product_match.text
    left join {{ ref('information_source') }} as information_source on coded.info_source = information_source.alias
    left join {{ ref('result_alias') }} as result_alias on coded.result_word = result_alias.alias
    left join {{ ref('result_alias') }} as initial_alias on coded.initial_result_word = initial_alias.alias
    left join {{ ref('result_alias') }} as reinspection_alias
        on coded.reinspection_result_word = reinspection_alias.alias
    left join {{ ref('result_alias') }} as attachment_alias on coded.delivery_result_word = attachment_alias.alias
    left join {{ ref('sample_status_alias') }} as status_alias on coded.sample_status_word = status_alias.alias
    left join {{ ref('sampling_kind_alias') }} as kind_alias on coded.sampling_kind_word = kind_alias.alias
    left join {{ ref('sampling_kind_alias') }} as delivery_kind_alias
        on coded.delivery_sampling_kind_word = delivery_kind_alias.alias
    left join {{ ref('product_category') }} as division_category
        on
            coded.sample_domain = division_category.sample_domain
            and coded.industry_division_code = division_category.category_code
    left join {{ ref('product_category_alias') }} as category_alias
        on coded.sample_domain = category_alias.sample_domain and coded.category_word = category_alias.alias
    left join {{ ref('product_category_alias') }} as subcategory_alias
        on coded.sample_domain = subcategory_alias.sample_domain and coded.subcategory_word = subcategory_alias.alias
    {{- join_division('coded', 'coded.names_city') }}
),

counted as (
    select
        typed.*,
        stats.normalize_name(maker_name) as producer_key,
        stats.normalize_name(sampled_name) as sampled_key,
        case when stats.is_uscc(producer_uscc_code) then producer_uscc_code end as valid_producer_uscc,
        case when stats.is_uscc(sampled_uscc_code) then sampled_uscc_code end as valid_sampled_uscc,
        case when not is_fail_rate then rate_value else 100 - rate_value end as published_pass_rate_pct,
        coalesce(
            tested_count_value, passed_count_value + failed_count_value, sampled_count_value
        ) as judged_count_value,
        category is null or category_word ~ {{ means_all }} as is_all_categories,
        coalesce(
            row_period,
            scope_period,
            case
                when delivery_period_end_on is not null
                    then daterange(delivery_period_start_on, delivery_period_end_on, '[]')
            end,
            case when published_date is not null then daterange(published_date, published_date, '[]') end,
            daterange(issued_on, issued_on, '[]')
        ) as counted_period,
        case
            when row_period is not null then 'file'
            when scope_period is not null then 'scope'
            when delivery_period_end_on is not null then 'period'
            when published_date is not null then 'notice'
            else 'delivery'
        end as counted_period_basis
    from typed
),

itemised as (
    select
        counted.*,
        piece.item_no::smallint as item_no,
        -- [] where the pieces do not line up: one item, with the cells as they are.
        coalesce(pieces = '[]' and column_pieces is null, false) as is_items_unclear,
        case
            when piece.about ? 'name' then piece.about ->> 'name'
            when column_pieces is not null or names_no_item then null
            when item_name is not null then sent_item_name
            when items_combined is not null then sent_items_combined
        end as piece_name,
        case when piece.about ? 'name' then piece.about ->> 'result' when item_result is not null then sent_item_result end
            as piece_result,
        case when piece.about ? 'name' then piece.about ->> 'limit' when item_limit is not null then sent_item_limit end
            as piece_limit,
        coalesce(piece.about ->> 'unit', item_unit) as piece_unit
    from counted
    cross join lateral jsonb_array_elements(case when pieces <> '[]' then pieces else '[{}]'::jsonb end)
        with ordinality as piece (about, item_no)
    {{ computed_once() }}
),

measured as (
    select
        unit_added.*,
        stats.meets_limit(
            case
                when piece_unit is not null and not measured ? 'unit'
                    then measured || jsonb_build_object('unit', stats.canonical_unit(piece_unit))
                else measured
            end,
            permitted
        ) as meets_limit
    from (
        select
            itemised.*,
            stats.measurement(coalesce(substring(piece_result from '复检[^:：]*[:：]\s*(.+)$'), piece_result)) as measured,
            stats.measurement(
                coalesce(
                    piece_limit,
                    -- 色值（≤150IU）, 乙基麦芽酚（不得使用）
                    substring(piece_name from {{ limit_in_name }})
                )
            ) as permitted
        from itemised
        {{ computed_once() }}
    ) as unit_added
)

select
    delivery_id,
    row_no,
    item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    sample_domain,
    is_summary,
    {#- Without a form number the sample is what its describing cells say; rows that differ only in the item are one. #}
    case
        when is_summary then null
        {%- set own = [] if domain == 'food' else ["'" ~ domain ~ "'"] %}
        when sample_no is not null then {{ hash_id(own + ["'sample_no'", 'sample_no']) }}
        when product_name is null then {{ hash_id(own + ["'row'", 'origin_id', 'row_no']) }}
        else {{ hash_id(own + ["'cells'", 'record_domain', 'product_name', 'producer_name', 'sampled_name',
            'production_date', 'batch_no', 'spec', 'brand', 'sampled_on', 'published_on',
            'coalesce(notice_no, delivery_notice_no)', 'publisher']) }}
    end as sample_id,
    {#- One statement about one scope: a later delivery of it is a correction. #}
    case
        when is_summary then {{ hash_id(['sample_domain', 'sampling_kind_code', 'lower(counted_period)', 'upper(counted_period)',
            'coalesce(assessment_unit_code, sampled_place)', 'case when not is_all_categories then category end',
            'subcategory', 'scope', "case when division_code is null then publisher end"]) }}
    end as summary_id,
    record_domain,
    sample_no,
    product_name,
    maker_name as producer_name,
    producer_name as producer_text,
    consignor_name,
    {{ party_id('producer_key', 'valid_producer_uscc') }} as producer_party_id,
    coalesce(maker_name ~ '[一-龥][*×xX]+[一-龥]', false) as is_producer_masked,
    case
        when maker_name is null then null
        -- The named producer says that it is not theirs.
        when remark ~ '否认|假冒|冒用|仿冒|真伪|(非|不是|并非|未曾?)[^,;。]{0,12}生产' then 'disputed'
        else 'stated'
    end as attribution_status,
    producer_uscc as producer_uscc_text,
    producer_uscc_code as producer_uscc,
    sampled_name,
    sampled_uscc as sampled_uscc_text,
    sampled_uscc_code as sampled_uscc,
    {{ party_id('sampled_key', 'valid_sampled_uscc') }} as sampled_party_id,
    sampled_place,
    division_code,
    assessment_unit_code,
    division_basis,
    coalesce(division_basis in ('file', 'sidecar') and record_domain = 'domestic', false) as in_scope,
    spec,
    brand,
    production_date as production_date_text,
    (production ->> 'date')::date as produced_on,
    production ->> 'basis' as produced_on_basis,
    category as category_text,
    category_code,
    subcategory as subcategory_text,
    is_tableware,
    industry_code as industry_code_text,
    monitoring_round,
    stats.clean_text(
        regexp_replace(piece_name, {{ limit_in_name }}, '')
    ) as item_name,
    btrim(piece_name, E' \t\r\n　') as item_name_text,
    btrim(piece_result, E' \t\r\n　') as item_result_text,
    btrim(piece_limit, E' \t\r\n　') as item_limit_text,
    measured ->> 'state' as item_result_state,
    measured ->> 'comparator' as item_result_comparator,
    (measured ->> 'value')::numeric as item_result_value,
    coalesce(measured ->> 'unit', stats.canonical_unit(piece_unit)) as item_result_unit,
    permitted ->> 'state' as item_limit_state,
    permitted ->> 'comparator' as item_limit_comparator,
    (permitted ->> 'value')::numeric as item_limit_value,
    permitted ->> 'unit' as item_limit_unit,
    meets_limit,
    case
        -- A column of every substance holds passes and failures; a list of failing items fails with its sample.
        when column_pieces is null then final_result_code
        when piece_result ~ '不合格|不符合|超标' or meets_limit = false then 'fail'
        when piece_result ~ '合格|符合' or meets_limit then 'pass'
    end as item_result_code,
    is_items_unclear,
    coalesce(
        reinspection_result_code is null and attachment_result_code <> final_result_code and result is not null, false
    ) as contradicts_attachment,
    coalesce(result, initial_result, delivery_result) as result_text,
    initial_result_code,
    reinspection_result as reinspection_result_text,
    reinspection_result_code,
    final_result_code,
    is_withdrawal,
    coalesce(
        case when is_withdrawal then 'withdrawn' end,
        status_reason,
        case when final_result_code not in ('pass', 'fail') then final_result_code end
    ) as unjudged_reason,
    coalesce(notice_no, delivery_notice_no) as notice_no,
    published_on as published_on_text,
    published_date as published_on,
    notified_on as notified_on_text,
    notified_date as notified_on,
    sampled_on as sampled_on_text,
    coalesce(sampled_date, delivery_period_end_on, published_date, issued_on) as sampled_on,
    case
        when sampled_date is not null then 'file'
        when delivery_period_end_on is not null then 'period'
        when published_date is not null then 'notice'
        else 'delivery'
    end as sampled_on_basis,
    sampling_kind as sampling_kind_text,
    task_text,
    sampling_kind_code as sampling_kind,
    sampling_kind_basis,
    lab_name,
    publisher,
    remark,
    scope as scope_text,
    period as period_text,
    case when is_summary then lower(counted_period) end as period_start_on,
    case when is_summary then upper(counted_period) - 1 end as period_end_on,
    case when is_summary then counted_period_basis end as period_basis,
    is_whole_city,
    is_all_categories,
    sampled_count_value as sampled_count,
    case when is_summary then judged_count_value end as tested_count,
    case
        when is_summary then coalesce(passed_count_value, judged_count_value - failed_count_value)
    end as passed_count,
    case
        when is_summary then coalesce(failed_count_value, judged_count_value - passed_count_value)
    end as failed_count,
    published_pass_rate_pct,
    case when rate_value is not null then coalesce(rate_digits, 0) end as published_rate_digits,
    {% for column in counts -%}
    ({{ column }} is null or {{ column }}_value is not null) and
    {% endfor -%}
    (coalesce(published_rate_pct, published_fail_rate_pct) is null or rate_value between 0 and 100)
        as are_counts_readable,
    period is null or row_period is not null as is_period_readable,
    has_surplus_fields,
    has_missing_fields,
    producer_uscc_code is null or valid_producer_uscc is not null as is_producer_uscc_valid,
    sampled_uscc_code is null or valid_sampled_uscc is not null as is_sampled_uscc_valid,
    sampled_on is null or sampled_date is not null as is_sampled_on_readable,
    production ->> 'basis' not in ('lot', 'two_dates') as is_produced_on_readable
from measured
{%- endmacro %}

{#- Core reads the three as one: rows of what the running build accepts, and of those only samples that it touches. -#}
{% macro forget_touched_spot_checks(key) -%}
    {%- set hooks = [] -%}
    {%- for source in spot_check_sources() -%}{%- do hooks.append(forget_touched_keys(source, key)) -%}{%- endfor -%}
    {{- hooks | join(';\n') -}}
{%- endmacro %}

{% macro accepted_spot_checks(key) -%}
    {%- for source in spot_check_sources() %}
    select *
    from {{ ref('stg_' ~ source) }}
    where {{ key }} is not null
        and delivery_id = any({{ accepted_deliveries(source) }})
        {{ only_touched_keys(source, key) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
