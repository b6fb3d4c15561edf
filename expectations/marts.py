"""The audit of marts before they are published. Keys and contracts are dbt's; levels and history are here."""

import great_expectations.expectations as gxe

from expectations import about

#: Rules on marts_next.mart_target_tracking.
TARGET_TRACKING = [
    gxe.ExpectColumnValuesToBeBetween(
        column="value",
        min_value=0,
        max_value=100,
        severity="critical",
        meta=about("MRT001", "value", "合格率或满意度不在 0–100 之间", "a rate or score lies outside 0–100"),
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
        "order by published.publication_id desc limit 1) as seen on true "
        "where mart.is_current and mart.is_headline and mart.period_type = 'year' "
        "and seen.data_status = 'final' and (mart.value is null or abs(mart.value - seen.value) > 5)",
        severity="critical",
        meta=about(
            "MRT004",
            "value",
            "已定稿年度的数值变动超过 5 个百分点或消失",
            "the value of a year published as final moved by more than 5 points, or is gone",
        ),
    ),
]
