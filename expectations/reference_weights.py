"""Rules for reference weights. A wrong weight moves every number that it weighs: most rules are critical."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    *(
        gxe.ExpectColumnValuesToNotBeNull(
            column=column,
            severity="critical",
            meta=about(f"REF00{number}", column, f"{label}为空", f"{column} is missing"),
        )
        for number, (column, label) in enumerate(
            [("weight_set", "权重集"), ("scheme", "分类体系"), ("code", "代码")], start=1
        )
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("value is null or value < 0"),
        severity="critical",
        meta=about("REF004", "value", "数值为空、无法识别或为负", "the value is missing, unreadable or negative"),
    ),
    gxe.ExpectColumnValuesToNotBeNull(
        column="base_year",
        severity="critical",
        meta=about("REF005", "base_year", "基期年份为空或无法识别", "the base year is missing or unreadable"),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "keyed as (select delivery_id, row_no, item_no, count(*) over (partition by delivery_id, weight_id) as times "
        "from slice where weight_set is not null and scheme is not null and code is not null "
        "and base_year is not null) "
        "select delivery_id, row_no, item_no from keyed where times > 1",
        severity="critical",
        meta=about(
            "REF006",
            "code",
            "同一权重集、体系、代码和年份出现多次",
            "the same set, scheme, code and year stand more than once",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="critical",
        meta=about("REF007", None, "本行字段数多于表头", "the row has more fields than the header"),
    ),
]

PROFILE: dict[str, str] = {}

DELIVERY_RULES: list[object] = []
