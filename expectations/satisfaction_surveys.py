"""Rules for satisfaction surveys, on respondent × item."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="is_answer_off_scale",
        value_set=[False],
        severity="warning",
        meta=about(
            "SAT001",
            "overall",
            "答案不在量表范围内(例如 10 分制出现 11)",
            "an answer is not on the scale (an 11 on a scale of 10, say)",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeNull(
        column="industry_code",
        severity="warning",
        meta=about(
            "SAT002",
            "industry",
            "行业为空或无法识别;请补填,或在说明文件中写 industry,新名称可加入 service_industry_alias",
            "the industry is missing or unknown; fill it in, say `industry` in the sidecar, or add the name to the seed"
            " service_industry_alias",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_surveyed_on_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "SAT003",
            "surveyed_on",
            "调查日期无法识别或不存在",
            "the survey date cannot be read or does not exist",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "SAT004",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators"
            " and quotes",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "respondent as (select delivery_id, row_no, item_no, "
        "count(*) over (partition by delivery_id, response_id, item_no) as times from slice "
        "where respondent_id is not null) "
        "select delivery_id, row_no, item_no from respondent where times > 1",
        severity="info",
        meta=about(
            "SAT101",
            "respondent_id",
            "受访者编号在同一文件中重复,只计第一行",
            "the respondent's number repeats within the file; the first row counts",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("division_basis <> 'file'"),
        severity="info",
        meta=about(
            "SAT102",
            "division",
            "没有调查地点或不在本市,不计入本市满意度;可在说明文件中写 division",
            "no place, or one outside the city: the answer does not count for the city; the sidecar may say division",
        ),
    ),
]

PROFILE = {
    "answered_share": "avg((answer is not null)::integer) filter (where item_code = 'overall')",
    "mean_score_share": "avg((answer - scale_min) / nullif(scale_max - scale_min, 0)) filter (where item_code = 'overall')",
    "has_scale": "coalesce(bool_and(scale_min is not null and scale_max > scale_min), true)::integer",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="has_scale",
        value_set=[1],
        severity="critical",
        meta=about(
            "SAT201",
            "overall",
            "不知道量表的上下限;请在说明文件 <文件名>.meta.yml 中写 scale_min 和 scale_max",
            "the scale is unknown; say scale_min and scale_max in the sidecar <file>.meta.yml",
        ),
    ),
]
