"""Rules for random inspections. Which cells are needed depends on the kind of record."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind is null and record_kind_text is not null"),
        severity="warning",
        meta=about(
            "INS001",
            "record_kind",
            "记录类型不是可识别的用语;应为检查结果、检查对象名录库或执法检查人员名录库,新写法可加入 inspection_record_kind_alias",
            "the kind of record is no known wording; expected inspection, object_directory or officer_directory, or add"
            " the wording to the seed inspection_record_kind_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind is null and record_kind_text is null"),
        severity="warning",
        meta=about(
            "INS002",
            "record_kind",
            "没有说明是哪一类记录:工作表名、标题和文件名里没有或不止一类;请在说明文件中写 record_kind",
            "nothing says which kind of record it is: sheet, heading and file name have none or more than one; say"
            " record_kind in the sidecar",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind in ('inspection', 'object_directory') and object_key is null"),
        severity="warning",
        meta=about(
            "INS003",
            "enterprise_name",
            "检查对象的名称和代码都为空,请补填(合计、说明等行请删除)",
            "the enterprise's name and code are both missing; fill one in, or delete the row if it is a total or a note",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_kind = 'officer_directory' and (officer_count is null or officer_count <> 1)"
        ),
        severity="warning",
        meta=about(
            "INS004",
            "officers",
            "名录库中应每行一名执法人员:姓名为空,或一格有多人",
            "a directory has one officer a row: the name is missing, or the cell names several",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind = 'inspection' and draw_method is null"),
        severity="warning",
        meta=about(
            "INS005",
            "draw_method",
            "抽取方式为空或无法识别;应为双随机、重点检查、风险、投诉举报或专项等,或在说明文件中写 draw_method,新写法可加入"
            " draw_method_alias",
            "how the enterprise was chosen is missing or unknown; expected a wording of random, key, risk, complaint or"
            " special: fill it in, say draw_method in the sidecar, or add the wording to the seed draw_method_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("not are_dates_readable"),
        severity="warning",
        meta=about(
            "INS006",
            "inspected_on",
            "日期无法识别或不存在;请核对抽取、检查、公示和名录库日期",
            "a date cannot be read or does not exist; check those of draw, inspection, publication and directory",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_kind = 'inspection' and inspected_on is null and drawn_on is null and are_dates_readable"
        ),
        severity="warning",
        meta=about(
            "INS007",
            "inspected_on",
            "检查日期和抽取日期都为空,无法归入期间",
            "neither the inspection nor the draw is dated: it belongs to no period",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("drawn_on > inspected_on or inspected_on > published_on"),
        severity="warning",
        meta=about(
            "INS008",
            "inspected_on",
            "抽取、检查、公示三个日期的先后不对,请核对",
            "draw, inspection and publication do not follow each other; check the three dates",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("inspected_on > issued_on or snapshot_on > issued_on"),
        severity="warning",
        meta=about(
            "INS009",
            "inspected_on",
            "检查日期或名录库日期晚于本次交付的发布日期,请核对;发布日期有误时在说明文件中写 issued_on",
            "the inspection or the directory is dated after the delivery's date of issue; check it, or say issued_on in"
            " the sidecar",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "INS010",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators and"
            " quotes",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_uscc_valid",
        value_set=[True],
        severity="info",
        meta=about(
            "INS101",
            "enterprise_uscc",
            "统一社会信用代码校验位不符(GB 32100-2015),以名称识别企业",
            "the social credit code fails its check digit (GB 32100-2015); the enterprise is known by its name",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_kind = 'inspection' and draw_method = 'random' and officer_count < 2"
        ),
        severity="info",
        meta=about(
            "INS102",
            "officers",
            "双随机检查只有一名执法人员,应不少于两名",
            "a random inspection by one officer; expected two at least",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_result_readable",
        value_set=[True],
        severity="info",
        meta=about(
            "INS103",
            "result",
            "检查结果不是可识别的用语,按未知处理;新用语可加入 inspection_result_alias",
            "the result is no known wording and counts as unknown; add it to the seed inspection_result_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind <> 'officer_directory' and division_basis = 'unknown'"),
        severity="info",
        meta=about(
            "INS104",
            "division",
            "没有检查对象所在区县;可在说明文件中写 division",
            "no place of the enterprise; the sidecar may say division",
        ),
    ),
]

PROFILE = {
    "known_kind_share": "avg((record_kind is not null)::integer)",
    "named_share": "avg((object_key is not null or coalesce(officer_count, 0) > 0)::integer)",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="known_kind_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "INS201",
            "record_kind",
            "一半以上的行不知道是哪一类记录;请在说明文件中写 record_kind",
            "more than half of the rows do not say their kind of record; say record_kind in the sidecar",
        ),
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="named_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "INS202",
            "enterprise_name",
            "一半以上的行既没有检查对象也没有执法人员,很可能取错了列",
            "more than half of the rows name neither enterprise nor officer: most likely the wrong column was taken",
        ),
    ),
]
