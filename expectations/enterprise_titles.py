"""Rules for recognition lists. A wrong credit code is info: the name is enough, linking comes later."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.ExpectColumnValuesToNotBeNull(
        column="holder_key",
        severity="warning",
        meta=about(
            "TIT001",
            "enterprise_name",
            "企业名称为空,也没有正确的统一社会信用代码;应有其一,请补填(合计、说明等行请删除)",
            "the enterprise's name is missing and there is no valid social credit code; expected one of them: fill it in,"
            " or delete the row if it is a total or a note",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("title_text is not null and title_code is null"),
        severity="warning",
        meta=about(
            "TIT002",
            "title",
            "称号的写法无法识别;应为 enterprise_title_alias 中的一种,请改正,新写法可加入该表",
            "this spelling of a title is not known; expected one of the seed enterprise_title_alias: correct it, or add"
            " the spelling there",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("title_text is null and title_code is null"),
        severity="warning",
        meta=about(
            "TIT003",
            "title",
            "没有说明是什么称号:称号列为空,工作表名、标题和文件名里没有或不止一个;请在说明文件中写 title_name",
            "nothing says which title: its cell is empty, and sheet, heading and file name have none or more than one;"
            " say title_name in the sidecar",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeNull(
        column="status_code",
        severity="warning",
        meta=about(
            "TIT004",
            "status",
            "认定状态不是可识别的用语;应为认定、复核通过、撤销、退出等,请改正,新用语可加入 title_status_alias",
            "the status is no known wording; expected recognised, re-certified, revoked, withdrawn and the like in Chinese:"
            " correct it, or add the wording to the seed title_status_alias",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_level_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "TIT005",
            "level",
            "级别不是可识别的用语;应为国家级、省级、市级或区县级,新写法可加入 title_level_alias",
            "the level is no known wording; expected national, provincial, municipal or county in Chinese: correct it, or"
            " add the spelling to the seed title_level_alias",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_recognised_on_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "TIT006",
            "recognised_on",
            "认定日期无法识别或不存在;应为如 2021-12-07 或 2021年12月 的日期",
            "the date of recognition cannot be read or does not exist; expected a date such as 2021-12-07, or a month",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_validity_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "TIT007",
            "valid_to",
            "有效期或有效年限无法识别;应为日期、“日期至日期”、“三年”或“长期”,请改正",
            "the validity or its years cannot be read; expected a date, two dates, a number of years (1 to 10), or an open"
            " end: correct it",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_ended_on_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "TIT013",
            "ended_on",
            "撤销或退出日期无法识别或不存在;应为如 2022-06-01 的日期,请改正",
            "the date of revocation or exit cannot be read or does not exist; expected a date such as 2022-06-01: correct it",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("valid_before_on <= valid_from_on"),
        severity="warning",
        meta=about(
            "TIT008",
            "valid_to",
            "有效期的终止早于起始,请核对两个日期",
            "the validity ends before it begins; check the two dates",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "recognised_on_basis in ('file', 'file_period', 'sidecar') and recognised_on > issued_on"
        ),
        severity="warning",
        meta=about(
            "TIT009",
            "recognised_on",
            "认定日期晚于本次交付的发布日期,请核对;发布日期有误时在说明文件中写 issued_on",
            "the date of recognition is later than the date of issue of its delivery; check it, or say issued_on in the"
            " sidecar",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "held as (select delivery_id, row_no, item_no, "
        "min(holder_key) over (partition by delivery_id, title_record_id) as one, "
        "max(holder_key) over (partition by delivery_id, title_record_id) as other from slice "
        "where certificate_no is not null) "
        "select delivery_id, row_no, item_no from held where one <> other",
        severity="warning",
        meta=about(
            "TIT010",
            "certificate_no",
            "同一证书编号对应两家企业;请核对编号(文号请放在“文号”列)",
            "one certificate number stands with two enterprises; check the number (a document's number belongs in its"
            " own column)",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "TIT011",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators and"
            " quotes",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_level_unclear",
        value_set=[False],
        severity="warning",
        meta=about(
            "TIT012",
            "level",
            "标题中的地名可能是称号的级别,也可能只是企业所在地;请在说明文件中写 level(国家级、省级或市级)",
            "the place in the heading may be the title's level, or only where the enterprises are; say level in the"
            " sidecar (national, provincial or municipal in Chinese)",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_uscc_valid",
        value_set=[True],
        severity="info",
        meta=about(
            "TIT101",
            "uscc",
            "统一社会信用代码校验位不符(GB 32100-2015),以名称识别企业",
            "the social credit code fails its check digit (GB 32100-2015); the enterprise is known by its name",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "repeated as (select delivery_id, row_no, item_no, "
        "count(*) over (partition by delivery_id, title_record_id) as times from slice "
        "where holder_key is not null) "
        "select delivery_id, row_no, item_no from repeated where times > 1",
        severity="info",
        meta=about(
            "TIT102",
            "enterprise_name",
            "同一企业的同一称号在文件中重复,只计一次",
            "the same title of the same enterprise stands more than once in the file; it counts once",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="division_basis",
        value_set=["unknown"],
        severity="info",
        meta=about(
            "TIT103",
            "division",
            "没有企业所在地;可在说明文件中写 division",
            "no place of the enterprise; the sidecar may say division",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("is_grant and valid_before_on_basis = 'unknown'"),
        severity="info",
        meta=about(
            "TIT104",
            "valid_to",
            "没有有效期,该称号也没有已知的有效年限;按未到期处理",
            "no end of validity, and no rule is known for this title; it is taken as not yet ended",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="status_code",
        value_set=["proposed"],
        severity="info",
        meta=about("TIT105", "status", "拟认定或公示名单,尚不计入", "proposed only: it does not count yet"),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="recognised_on_basis",
        value_set=["delivery"],
        severity="info",
        meta=about(
            "TIT106",
            "recognised_on",
            "没有认定日期,以本次交付的发布日期代替;可在说明文件中写 recognised_on",
            "no date of recognition: the date of issue of its delivery stands for it; the sidecar may say recognised_on",
        ),
    ),
]

PROFILE = {
    "known_title_share": "avg((title_code is not null)::integer)",
    "named_share": "avg((holder_key is not null)::integer)",
    "dated_share": "avg((is_recognised_on_readable)::integer)",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="known_title_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "TIT201",
            "title",
            "一半以上的行没有可识别的称号:很可能取错了列,或名单只在标题中写了称号;请核对,或在说明文件中写 title_name",
            "more than half of the rows have no known title: most likely the wrong column was taken for it, or only the"
            " heading says it; check, or say title_name in the sidecar",
        ),
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="named_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "TIT202",
            "enterprise_name",
            "一半以上的行没有企业名称,很可能取错了列",
            "more than half of the rows have no enterprise: most likely the wrong column was taken for it",
        ),
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="dated_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "TIT203",
            "recognised_on",
            "一半以上的行认定日期无法识别,很可能取错了列",
            "more than half of the rows have an unreadable date of recognition: most likely the wrong column was taken"
            " for it",
        ),
    ),
]
