"""Rules for food spot checks. A rule on a cell that the rate does not need is info."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.ExpectColumnValuesToNotBeNull(
        column="product_name",
        severity="warning",
        meta=about("FSC001", "product_name", "食品名称为空,请补填", "the product name is missing; fill it in"),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_domain = 'domestic' and final_result_code is null and unjudged_reason is null"
        ),
        severity="warning",
        meta=about(
            "FSC002",
            "result",
            "结论为空,或不是可识别的合格/不合格用语;请改为“合格”或“不合格”,新用语可加入 result_alias",
            "the result is missing or neither a known pass nor fail wording; correct it, or add the wording to"
            " the seed result_alias",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_sampled_on_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "FSC003",
            "sampled_on",
            "抽样日期无法识别或不存在(应为如 2021-04-20 的日期)",
            "the sampling date cannot be read or does not exist (expected a date such as 2021-04-20)",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("sampled_on_basis = 'file' and sampled_on > issued_on"),
        severity="warning",
        meta=about(
            "FSC004",
            "sampled_on",
            "抽样日期晚于本次交付的发布日期",
            "the sampling date is later than the date of issue of its delivery",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "FSC005",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators"
            " and quotes",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("reinspection_result_text is not null and reinspection_result_code is null"),
        severity="warning",
        meta=about(
            "FSC006",
            "reinspection_result",
            "复检结论不是可识别的合格/不合格用语",
            "the re-inspection result is neither a known pass nor fail wording",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_producer_uscc_valid",
        value_set=[True],
        severity="info",
        meta=about(
            "FSC101",
            "producer_uscc",
            "生产企业统一社会信用代码校验位不符(GB 32100-2015)",
            "the producer's social credit code fails its check digit (GB 32100-2015)",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_sampled_uscc_valid",
        value_set=[True],
        severity="info",
        meta=about(
            "FSC102",
            "sampled_uscc",
            "被抽样单位统一社会信用代码校验位不符(GB 32100-2015)",
            "the sampled party's social credit code fails its check digit (GB 32100-2015)",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_produced_on_readable",
        value_set=[True],
        severity="info",
        meta=about(
            "FSC103",
            "production_date",
            "生产日期不是单一日期(可能是批号或两个日期)",
            "the production date is not one date (a lot number or two dates, perhaps)",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="sampling_kind",
        value_set=["unknown"],
        severity="info",
        meta=about(
            "FSC104",
            "sampling_kind",
            "无法判断抽检类型,不计入任何合格率;可在说明文件中写 sampling_kind",
            "the kind of sampling is unknown, so the sample enters no rate; the sidecar may say sampling_kind",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="division_basis",
        value_set=["unknown"],
        severity="info",
        meta=about(
            "FSC105",
            "sampled_division",
            "没有抽样地点,不计入本市合格率;可在说明文件中写 sampled_division",
            "no place of sampling, so the sample does not count for the city; the sidecar may say sampled_division",
        ),
    ),
]

PROFILE = {
    "readable_result_share": "avg((final_result_code is not null or unjudged_reason is not null"
    " or record_domain <> 'domestic')::integer)",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="readable_result_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "FSC201",
            "result",
            "一半以上的行没有可识别的结论,很可能取错了列",
            "more than half of the rows have no readable result: most likely the wrong column was taken for it",
        ),
    ),
]
