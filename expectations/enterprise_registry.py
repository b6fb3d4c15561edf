"""Rules for the enterprise register. What identifies an enterprise holds a row back; all else is info.

The final check of a unified code decides. Its inner organisation code and its division prefix do not: of three million
codes in use 189 fail the one, and 2 % carry a prefix that stands in no list of GB/T 2260.
"""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.ExpectColumnValuesToNotBeNull(
        column="normalized_name",
        severity="warning",
        meta=about("ENR001", "enterprise_name", "企业名称为空,请补填", "the name is missing; fill it in"),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="code_class",
        value_set=["missing"],
        severity="warning",
        meta=about(
            "ENR002",
            "uscc",
            "没有统一社会信用代码、注册号或组织机构代码,无法识别企业",
            "no unified code, registration number or organisation code: the enterprise cannot be told from others",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="code_class",
        value_set=["uscc_check_wrong", "uscc_both_wrong"],
        severity="warning",
        meta=about(
            "ENR003",
            "uscc",
            "统一社会信用代码校验位不符(GB 32100-2015);请核对原件,常见为字母 O 与数字 0、字母 I 与数字 1 混淆",
            "the unified code fails its check (GB 32100-2015); compare it with the document: the letters O and I are"
            " often typed for the digits 0 and 1",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "ENR004",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators"
            " and quotes",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_shifted",
        value_set=[False],
        severity="warning",
        meta=about(
            "ENR005",
            None,
            "单元格错位:金额出现在地区列,或长文本出现在注册资本列;请检查经营范围中未加引号的逗号",
            "cells stand in the wrong columns: an amount as the region, or prose as the capital; check the scope of"
            " business for commas without quotes",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="code_class",
        value_set=["uscc_inner_code_wrong"],
        severity="info",
        meta=about(
            "ENR101",
            "uscc",
            "统一社会信用代码中的组织机构代码校验位不符(GB 11714-1997);代码本身校验正确,照常接收",
            "the organisation code inside the unified code fails its check (GB 11714-1997); the code itself is right"
            " and is accepted",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_division_prefix_listed",
        value_set=[True],
        severity="info",
        meta=about(
            "ENR102",
            "uscc",
            "统一社会信用代码第 3–8 位不是已知的登记机关区划(可能为开发区),照常接收",
            "positions 3 to 8 of the unified code are no known division of an authority (a development zone, perhaps);"
            " accepted",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_code_lower_case",
        value_set=[False],
        severity="info",
        meta=about("ENR103", "uscc", "代码含小写字母,按大写处理", "the code has lower-case letters; read as capitals"),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "named as (select delivery_id, row_no, item_no, "
        "min(normalized_name) over (partition by delivery_id, enterprise_id) as first_name, "
        "max(normalized_name) over (partition by delivery_id, enterprise_id) as last_name from slice "
        "where normalized_name is not null) "
        "select delivery_id, row_no, item_no from named where first_name <> last_name",
        severity="info",
        meta=about(
            "ENR104",
            "uscc",
            "同一代码在同一文件中对应不同名称,只计第一行",
            "the same code stands with another name in the same file; the first row counts",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("capital_text is not null and capital_amount is null"),
        severity="info",
        meta=about(
            "ENR105",
            "capital",
            "注册资本无法识别(应为数字加单位,如“500万元人民币”),只保留原文;新单位可加入 capital_unit",
            "the capital cannot be read (expected a number with its unit and currency); only its text is kept, and a new"
            " unit may be added to the seed capital_unit",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "(established_on_text is not null and established_on is null) or established_on > issued_on"
        ),
        severity="info",
        meta=about(
            "ENR106",
            "established_on",
            "成立日期无法识别、不存在,或晚于本次交付的发布日期",
            "the date of establishment cannot be read, does not exist, or is later than the delivery's date of issue",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("identifier_scheme <> 'USCC' and is_check_right is not false"),
        severity="info",
        meta=about(
            "ENR107",
            "uscc",
            "不是 18 位统一社会信用代码(注册号、组织机构代码或其他),作为另一种标识接收",
            "not a unified code of 18 characters (a registration number, an organisation code or another); accepted as"
            " an identifier of its own kind",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("identifier_scheme = 'REG15' and not is_check_right"),
        severity="info",
        meta=about(
            "ENR108",
            "registration_no",
            "15 位注册号校验位不符(GS15-2006)",
            "the 15-digit registration number fails its check (GS15-2006)",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("status_text is not null and status_code is null"),
        severity="info",
        meta=about(
            "ENR109",
            "status",
            "经营状态不是已知用语;可加入 enterprise_status_alias",
            "the status is no known wording; it may be added to the seed enterprise_status_alias",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="division_basis",
        value_set=["unknown"],
        severity="info",
        meta=about(
            "ENR110",
            "address",
            "没有住所、地区或登记机关,不计入本市企业;可在说明文件中写 division",
            "no address, region or authority, so the enterprise does not count for the city; the sidecar may say"
            " division",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_name_masked",
        value_set=[False],
        severity="info",
        meta=about(
            "ENR111",
            "enterprise_name",
            "企业名称经遮盖(如 长*实业),不能用于名称匹配;请提供完整名称",
            "letters of the name are masked by stars, so nothing can be matched by it; ask for the whole name",
        ),
    ),
]

PROFILE = {
    "active_share": "avg((status_code = 'active')::integer) filter (where status_code is not null)",
    "in_scope_share": "avg(in_scope::integer)",
    "usable_code_share": "avg((code_class not in ('missing', 'uscc_check_wrong', 'uscc_both_wrong'))::integer)",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="usable_code_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "ENR201",
            "uscc",
            "一半以上的行没有可用的代码,很可能取错了列",
            "more than half of the rows have no usable code: most likely the wrong column was taken for it",
        ),
    ),
]
