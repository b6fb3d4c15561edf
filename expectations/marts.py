"""The audit of marts before they are published. Keys and contracts are dbt's; levels and history are here."""

import great_expectations.expectations as gxe

from expectations import about

#: The publication that readers see, and that was not rolled back.
_STANDING = "(select max(build_id) from ops.build where status = 'published')"

#: Rules on marts_next.mart_target_tracking.
TARGET_TRACKING = [
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="select indicator_id, period_start_on from {batch} "
        "where value < 0 or (value > 100 and target_kind in ('level', 'level_held')) or (value < 1 and unit = '位')",
        severity="critical",
        meta=about(
            "MRT001",
            "value",
            "合格率或满意度不在 0–100 之间,数量为负,或位次小于 1",
            "a rate or score lies outside 0–100, a count is negative, or a rank is below 1",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="select indicator_id, period_start_on from {batch} "
        "where numerator > denominator or denominator <= 0",
        severity="critical",
        meta=about(
            "MRT002",
            "numerator",
            "分子大于分母,或分母不为正",
            "a numerator exceeds its denominator, or that is not positive",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="select indicator_id, period_start_on from {batch} "
        "where value < interval_low - 0.000001 or value > interval_high + 0.000001",
        severity="critical",
        meta=about("MRT003", "interval_low", "数值落在自身区间之外", "a value lies outside its own interval"),
    ),
    gxe.UnexpectedRowsExpectation(
        # A period that readers saw as final may move by a restatement, but not far without somebody looking.
        unexpected_rows_query="with mart as (select * from {batch}) "
        "select mart.indicator_id, mart.period_start_on from mart "
        "inner join lateral (select published.value, published.data_status from ops.published_value as published "
        "where published.indicator_id = mart.indicator_id and published.measure_code = mart.measure_code "
        "and published.definition_version = mart.definition_version and published.value_basis = mart.value_basis "
        "and published.period_type = mart.period_type and published.period_start_on = mart.period_start_on "
        # Not what was rolled back.
        "and published.publication_id in (select build_id from ops.build where status = 'published') "
        "order by published.publication_id desc limit 1) as seen on true "
        "where mart.is_current and mart.is_headline and mart.period_type = 'year' "
        "and seen.data_status = 'final' and (mart.value is null or abs(mart.value - seen.value) > "
        # Five points of a rate or score; of counts and sums five in a hundred, of small ones five.
        "case when mart.target_kind in ('level', 'level_held') then 5 else greatest(5, 0.05 * seen.value) end)",
        severity="critical",
        meta=about(
            "MRT004",
            "value",
            "已定稿年度的数值变动超过 5 个百分点(数量、金额为 5 %)或消失",
            "the value of a year published as final moved by more than 5 points (counts and sums: 5 %), or is gone",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        # Between periods with values one without is a file that did not come, not a rate. Readers who have seen the
        # gap have seen it: it holds no later publication.
        unexpected_rows_query="with mart as (select * from {batch}), "
        "headline as (select mart.* from mart inner join marts_next.dim_indicator as definition "
        "on definition.indicator_id = mart.indicator_id and definition.definition_version = mart.definition_version "
        "and definition.reporting_period = mart.period_type "
        "where mart.is_current and mart.is_headline and mart.period_end_on <= mart.as_of_on), "
        "seen as (select indicator_id, period_type, period_start_on, max(value) as value "
        f"from ops.published_value where publication_id = {_STANDING} "
        "group by indicator_id, period_type, period_start_on) "
        "select gap.indicator_id, gap.period_start_on from headline as gap where gap.value is null "
        "and exists (select from headline as earlier where earlier.indicator_id = gap.indicator_id "
        "and earlier.period_start_on < gap.period_start_on and earlier.value is not null) "
        "and exists (select from headline as later where later.indicator_id = gap.indicator_id "
        "and later.period_start_on > gap.period_start_on and later.value is not null) "
        "and not (exists (select from seen where seen.indicator_id = gap.indicator_id "
        "and seen.period_type = gap.period_type and seen.period_start_on = gap.period_start_on and seen.value is null) "
        "and exists (select from seen where seen.indicator_id = gap.indicator_id and seen.period_type = gap.period_type "
        "and seen.period_start_on > gap.period_start_on and seen.value is not null))",
        severity="critical",
        meta=about(
            "MRT005",
            "value",
            "前后期间都有数值而中间期间没有:应有的文件可能缺失",
            "a period without a value lies between periods with values: a file that was due is missing",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with mart as (select * from {batch}), "
        "empty as (select mart.indicator_id, min(mart.period_start_on) as period_start_on, definition.source_id "
        "from mart inner join marts_next.dim_indicator as definition on definition.indicator_id = mart.indicator_id "
        "and definition.definition_version = mart.definition_version "
        "where mart.is_current and mart.is_headline group by mart.indicator_id, definition.source_id "
        "having count(mart.value) = 0) "
        "select empty.indicator_id, empty.period_start_on from empty where "
        "exists (select from ops.published_value as seen where seen.indicator_id = empty.indicator_id "
        "and seen.value is not null "
        f"and seen.publication_id = {_STANDING}) "
        # Of a source that no publication has used yet: what readers have seen so holds no later one.
        "or (not exists (select from ops.build_delivery as used inner join ops.build as build "
        "on build.build_id = used.build_id and build.status = 'published' "
        "where used.is_accepted and used.source = empty.source_id) and (select sum(delivery.rows_accepted) "
        "from ops.build_delivery as used inner join ops.build as build on build.build_id = used.build_id "
        "and build.status = 'running' inner join ops.delivery as delivery on delivery.delivery_id = used.delivery_id "
        "where used.is_accepted and used.source = empty.source_id) = 0)",
        severity="critical",
        meta=about(
            "MRT006",
            "value",
            "来源没有任何有效行:原有数值的指标全部落空,或首次交付的文件是空表",
            "a source has no rows: an indicator that had values has none, or all that was ever delivered is empty",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        # The gate rejects a correction whose name is ambiguous; this one became so when another file of the name came.
        unexpected_rows_query="with mart as (select * from {batch}), "
        "used as (select delivery.* from ops.build_delivery as frozen inner join ops.build as build "
        "on build.build_id = frozen.build_id and build.status = 'running' "
        "inner join ops.delivery as delivery on delivery.delivery_id = frozen.delivery_id) "
        "select 'delivery ' || this.delivery_id as indicator_id from used as this inner join used as named "
        "on named.source = this.source and named.origin_id <> this.origin_id "
        "and regexp_replace(named.file_uri, '^.*/', '') = this.meta ->> 'corrects' "
        "where this.status = 'accepted' and exists (select from mart) "
        "group by this.delivery_id having count(distinct named.origin_id) > 1",
        severity="critical",
        meta=about(
            "MRT007",
            None,
            "更正文件所说的文件名现已对应多份交付,更正无法生效;请用 --set corrects=交付编号 重新装载该更正文件",
            "the file name that a correction gives is now borne by several deliveries, so it corrects none: load the"
            " correction again with --set corrects=<number of the delivery>",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        # The later arrival counts. An interval is empty where a version of the same day follows.
        unexpected_rows_query="with mart as (select * from {batch}), "
        "tied as (select sample_id from core.fct_sample where known_from_on = known_before_on), "
        "versions as (select sample_id, delivery_id, known_from_on, known_before_on, final_result, "
        "lead(final_result) over (partition by sample_id order by known_from_on, origin_id) as next_result "
        "from core.fct_sample where sample_id in (select sample_id from tied)) "
        "select 'delivery ' || delivery_id as indicator_id from versions "
        "where known_from_on = known_before_on and final_result <> next_result and exists (select from mart)",
        severity="info",
        meta=about(
            "MRT101",
            None,
            "同一发布日期的两份交付对同一样品结论不同;以后到达者为准",
            "two deliveries of the same date of issue disagree about a sample; the later arrival counts",
        ),
    ),
]

#: Asked for by BAOTU_APPROVE_CHANGES only: right as far as anybody can tell, and not to be published unseen.
CHANGES = [
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with mart as (select * from {batch}) "
        "select mart.indicator_id, mart.period_start_on from mart "
        "inner join ops.published_value as seen on seen.indicator_id = mart.indicator_id "
        f"and seen.publication_id = {_STANDING} "
        "and seen.measure_code = mart.measure_code and seen.value_basis = mart.value_basis "
        "and seen.period_type = mart.period_type and seen.period_start_on = mart.period_start_on "
        "where mart.is_current and mart.is_headline and mart.period_type = 'year' and seen.value is not null "
        "and (mart.is_attained is distinct from seen.is_attained "
        # Half a point of a rate or score; of counts and sums one in a hundred.
        "or seen.data_status = 'final' and abs(mart.value - seen.value) > "
        "case when mart.target_kind in ('level', 'level_held') then 0.5 else 0.01 * seen.value end)",
        severity="critical",
        meta=about(
            "MRT008",
            "is_attained",
            "达标与否将改变,或已定稿年度的数值变动超过 0.5 个百分点(数量、金额为 1 %)",
            "a target would be attained, or not, otherwise than published, or a final year moves by more than 0.5 points"
            " (counts and sums: 1 %)",
        ),
    ),
]
