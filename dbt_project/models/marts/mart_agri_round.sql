{#- Routine monitoring by round and class (domain 3). Classes differ between rounds: that breaks the series, and the
    change is then shown at fixed weights, those of both rounds together over the classes that both have. -#}

with sample as (
    select
        fact.sampled_on,
        coalesce(fact.category_code, 'unknown') as category_code,
        extract(year from fact.sampled_on) as year,
        -- 第2轮 as the file says; without one, rounds are quarterly.
        coalesce(fact.monitoring_round, to_char(fact.sampled_on, '"第"Q"季度"')) as monitoring_round,
        fact.final_result
    from {{ ref('sample_measure') }} as fact
    where
        fact.measure_code = 'AGRI_ROUTINE'
        and fact.final_result is not null
        and fact.sampled_on <= {{ as_of() }}
        and fact.known_from_on <= {{ known_at() }}
        and (fact.known_before_on is null or fact.known_before_on > {{ known_at() }})
),

class as (
    select
        year,
        monitoring_round,
        category_code,
        min(sampled_on) as first_on,
        max(sampled_on) as last_on,
        count(*)::numeric as judged_count,
        count(*) filter (where final_result = 'pass')::numeric as passed_count
    from sample
    group by year, monitoring_round, category_code
),

round as (
    select
        year,
        monitoring_round,
        min(first_on) as first_on,
        max(last_on) as last_on,
        sum(judged_count) as judged_count,
        sum(passed_count) as passed_count,
        array_agg(category_code order by category_code) as categories,
        row_number() over (order by min(first_on), monitoring_round) as round_no
    from class
    group by year, monitoring_round
),

fixed as (
    -- Both rounds over the classes of both, weighted alike.
    select
        round.round_no,
        sum((class.judged_count + before_class.judged_count) * class.passed_count / class.judged_count)
        / sum(class.judged_count + before_class.judged_count) as share,
        sum((class.judged_count + before_class.judged_count) * before_class.passed_count / before_class.judged_count)
        / sum(class.judged_count + before_class.judged_count) as share_before
    from round
    inner join round as round_before on round.round_no = round_before.round_no + 1
    inner join class on round.year = class.year and round.monitoring_round = class.monitoring_round
    inner join class as before_class
        on
            round_before.year = before_class.year
            and round_before.monitoring_round = before_class.monitoring_round
            and class.category_code = before_class.category_code
    group by round.round_no
),

shown as (
    select
        round.*,
        null as category_code,
        round_before.categories is not null and round.categories <> round_before.categories as is_break_in_series,
        100 * fixed.share as fixed_weight_value,
        100 * (fixed.share - fixed.share_before) as fixed_weight_change_pp,
        array(
            select unnest(round.categories)
            except
            select unnest(round_before.categories)
        ) as entered,
        array(
            select unnest(round_before.categories)
            except
            select unnest(round.categories)
        ) as left_out
    from round
    left join round as round_before on round.round_no = round_before.round_no + 1
    left join fixed on round.round_no = fixed.round_no
)

select
    shown.year::integer as year,
    shown.monitoring_round::text as monitoring_round,
    shown.first_on::date as first_sampled_on,
    shown.last_on::date as last_sampled_on,
    null::text as category_code,
    '五类合计'::text as category_label_zh,
    'All classes, pooled'::text as category_label_en,
    shown.passed_count::bigint as numerator,
    shown.judged_count::bigint as denominator,
    (100 * shown.passed_count / shown.judged_count)::numeric as value,
    shown.fixed_weight_value::numeric as fixed_weight_value,
    shown.fixed_weight_change_pp::numeric as fixed_weight_change_pp,
    shown.is_break_in_series::boolean as is_break_in_series,
    case when shown.is_break_in_series then array_to_string(shown.entered, ', ') end::text as classes_entered,
    case when shown.is_break_in_series then array_to_string(shown.left_out, ', ') end::text as classes_left_out,
    {{ publication_id() }} as publication_id
from shown

union all

select
    class.year::integer as year,
    class.monitoring_round::text as monitoring_round,
    class.first_on::date as first_sampled_on,
    class.last_on::date as last_sampled_on,
    class.category_code::text as category_code,
    coalesce(category.label_zh, '未列明')::text as category_label_zh,
    coalesce(category.label_en, 'Not stated')::text as category_label_en,
    class.passed_count::bigint as numerator,
    class.judged_count::bigint as denominator,
    (100 * class.passed_count / class.judged_count)::numeric as value,
    null::numeric as fixed_weight_value,
    null::numeric as fixed_weight_change_pp,
    null::boolean as is_break_in_series,
    null::text as classes_entered,
    null::text as classes_left_out,
    {{ publication_id() }} as publication_id
from class
left join {{ ref('product_category') }} as category
    on category.sample_domain = 'agri' and class.category_code = category.category_code
