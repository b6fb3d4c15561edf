"""Rules for reported values. What a row needs depends on its subject: an aim without a unit may be told in words."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.ExpectColumnValuesToNotBeNull(
        column="subject_code",
        severity="warning",
        meta=about(
            "RDG001",
            "subject",
            "指标或任务为空或无法识别;应为 reading_subject 中的编号或名称(如 I08),新名称可加入 reading_subject_alias",
            "the subject is missing or unknown; expected a code or name of the seed reading_subject (such as I08): correct"
            " it, or add the name to reading_subject_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("period_start_on is null or period_basis = 'unreadable'"),
        severity="warning",
        meta=about(
            "RDG002",
            "period",
            "期间为空或无法识别;应为如 2022年、2022年第三季度、2022年9月 或一个日期,也可在说明文件中写 period",
            "the period is missing or unreadable; expected a year, quarter, month or day such as 2022 or 2022Q3; the"
            " sidecar may say period",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "subject_code is not null and case "
            "when subject_code = 'I08' then rank is null "
            "when subject_kind = 'aim' then value_text is null and value is null "
            "when value_text is not null then value is null "
            "else numerator is null or denominator is null end"
        ),
        severity="warning",
        meta=about(
            "RDG003",
            "value",
            "没有可识别的数值:应有数值(如 97.96),或分子与分母;I08 应有位次;没有单位的目标应有文字",
            "no readable value: expected a number such as 97.96, or numerator and denominator; a rank for I08; words for an"
            " aim without a unit",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="are_companions_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "RDG004",
            "numerator",
            "分子、分母、位次、参评数、得分、全国平均分或评价年度不是数字,请改正或留空",
            "numerator, denominator, rank, number of ranked, score, national mean or reference year is no number; correct"
            " it or leave it empty",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_unit_expected",
        value_set=[True],
        severity="warning",
        meta=about(
            "RDG005",
            "unit",
            "单位与该指标的单位不同;应为 reading_subject 中的单位(金额可用亿元、万元、元)",
            "the unit is not that of the subject; expected the one of the seed reading_subject (money: a hundred million,"
            " ten thousand or one yuan)",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "value < 0 or numerator < 0 or denominator <= 0 or rank < 1 or ranked_count < 1 or score < 0"
            " or national_mean < 0"
        ),
        severity="warning",
        meta=about(
            "RDG006",
            "value",
            "数值、分子、分母、位次、参评数或得分为负(分母、位次、参评数应大于零),请核对",
            "a value, count, rank or score is negative (denominator, rank and number of ranked: not positive); check it",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "subject_code in ('Q01', 'Q02', 'Q03', 'I07') and (value > 100 or (value > 0 and value <= 1))"
        ),
        severity="warning",
        meta=about(
            "RDG007",
            "value",
            "合格率或满意度应为 0–100 的百分点;不大于 1 的数像是小数形式(0.98 应写作 98)",
            "a rate or score is expected in points from 0 to 100; one that is not above 1 looks like a fraction (write 98,"
            " not 0.98)",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("numerator > denominator"),
        severity="warning",
        meta=about(
            "RDG008",
            "numerator",
            "分子大于分母,请核对两列是否颠倒",
            "the numerator exceeds the denominator; check whether the two are exchanged",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("rank > ranked_count"),
        severity="warning",
        meta=about(
            "RDG009",
            "rank",
            "位次大于参评城市数,请核对",
            "the rank exceeds the number of those ranked; check both",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "period_basis in ('file', 'reference_year') and period_start_on > issued_on"
            " or reference_year > extract(year from issued_on)"
        ),
        severity="warning",
        meta=about(
            "RDG010",
            "period",
            "期间在本次交付的发布日期之后才开始,请核对;发布日期有误时在说明文件中写 issued_on",
            "the period begins after the date of issue of its delivery; check it, or say issued_on in the sidecar",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "RDG011",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators and"
            " quotes",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "repeated as (select delivery_id, row_no, item_no, "
        "count(*) over (partition by delivery_id, reading_id) as times from slice "
        "where subject_code is not null) "
        "select delivery_id, row_no, item_no from repeated where times > 1",
        severity="info",
        meta=about(
            "RDG101",
            "subject",
            "同一对象、口径、期间和区县在文件中出现多次",
            "the same subject, measure, period and division stand more than once in the file",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("subject_code in ('Q01', 'Q02', 'Q03', 'I07') and measure_code is null"),
        severity="info",
        meta=about(
            "RDG102",
            "measure_code",
            "没有写明口径;合格率和满意度有多种口径,可在说明文件中写 measure_code",
            "the measure is not stated, and a rate or score has several; the sidecar may say measure_code",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "subject_code in ('Q01', 'Q02', 'Q03') and denominator > 0"
            " and abs(100 * numerator / denominator - value) >= power(10.0, -published_digits)"
        ),
        severity="info",
        meta=about(
            "RDG103",
            "value",
            "公布的比率与分子、分母不符(加权的合格率可以不符)",
            "the published rate does not follow from its counts (a weighted one need not)",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("document is null or owner_unit is null"),
        severity="info",
        meta=about(
            "RDG104",
            "document",
            "没有依据文件或责任单位;可在说明文件中写 document 和 owner_unit",
            "no document or no responsible office; the sidecar may say document and owner_unit",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_published_on_readable",
        value_set=[True],
        severity="info",
        meta=about(
            "RDG105",
            "published_on",
            "公布日期无法识别,以本次交付的发布日期代替",
            "the date of publication cannot be read; the date of issue of its delivery stands for it",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="division_basis",
        value_set=["elsewhere"],
        severity="info",
        meta=about(
            "RDG106",
            "division",
            "不是本市或本市区县的数值,不计入本市",
            "a value of a place outside the city: it does not count for the city",
        ),
    ),
]

PROFILE = {
    "known_subject_share": "avg((subject_code is not null)::integer)",
    "readable_value_share": "avg((value is not null or rank is not null or numerator is not null)::integer)"
    " filter (where subject_kind <> 'aim')",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="known_subject_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "RDG201",
            "subject",
            "一半以上的行没有可识别的指标或任务,很可能取错了列",
            "more than half of the rows have no known subject: most likely the wrong column was taken for it",
        ),
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="readable_value_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "RDG202",
            "value",
            "一半以上的指标没有可识别的数值,很可能取错了列",
            "more than half of the indicators have no readable value: most likely the wrong column was taken for it",
        ),
    ),
]
