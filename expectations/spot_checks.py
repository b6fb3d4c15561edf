"""Rules that every source of spot checks shares: samples with their items, and lines of summary tables.

Each source states them under its own letters. A rule on a cell that the rate does not need is info.
"""

from typing import Any

import great_expectations.expectations as gxe

from expectations import about, failing_rows


def row_rules(source: str, letters: str, product_zh: str) -> list[Any]:
    """The rules of a source: the letters that its codes begin with, and what its products are called."""

    def said(number: str, column: str | None, zh: str, en: str) -> dict[str, Any]:
        return about(f"{letters}{number}", column, zh, en)

    return [
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "not is_summary and product_name is null and not (is_withdrawal and sample_no is not null)"
            ),
            severity="warning",
            meta=said("001", "product_name", f"{product_zh}为空,请补填", "the product name is missing; fill it in"),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "not is_summary and record_domain = 'domestic' and final_result_code is null"
                " and unjudged_reason is null"
            ),
            severity="warning",
            meta=said(
                "002",
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
            meta=said(
                "003",
                "sampled_on",
                "抽样日期无法识别或不存在(应为如 2021-04-20 的日期)",
                "the sampling date cannot be read or does not exist (expected a date such as 2021-04-20)",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows("sampled_on_basis = 'file' and sampled_on > issued_on"),
            severity="warning",
            meta=said(
                "004",
                "sampled_on",
                "抽样日期晚于本次交付的发布日期",
                "the sampling date is later than the date of issue of its delivery",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="has_surplus_fields",
            value_set=[False],
            severity="warning",
            meta=said(
                "005",
                None,
                "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
                "the row has more fields than the header, its cells may stand in the wrong columns; check separators"
                " and quotes",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "reinspection_result_text is not null and reinspection_result_code is null"
            ),
            severity="warning",
            meta=said(
                "006",
                "reinspection_result",
                "复检结论不是可识别的合格/不合格用语",
                "the re-inspection result is neither a known pass nor fail wording",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "is_summary and (not are_counts_readable or tested_count is null or tested_count = 0"
                " or (passed_count is null and published_pass_rate_pct is null))"
            ),
            severity="warning",
            meta=said(
                "007",
                "tested_count",
                "汇总行的批次数或合格率缺失、为零或无法识别(应为整数批次,合格率在 0–100 之间)",
                "counts or pass rate of a summary line are missing, zero or unreadable (expected whole numbers of samples, a"
                " rate between 0 and 100)",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "is_summary and (passed_count + failed_count <> tested_count or passed_count > tested_count"
                " or tested_count > sampled_count or least(passed_count, failed_count) < 0)"
            ),
            severity="warning",
            meta=said(
                "008",
                "passed_count",
                "汇总行的合格数与不合格数之和不等于检验批次数,或检验数多于抽样数;请与发布单位核对",
                "passed and failed do not add up to the samples tested, or more were tested than taken; ask the"
                " publisher",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "is_summary and (not is_period_readable or period_start_on > issued_on)"
            ),
            severity="warning",
            meta=said(
                "009",
                "period",
                "汇总行的期间无法识别,或晚于发布日期(应为如 2021年第3季度、2021年8月)",
                "the period of a summary line cannot be read or begins after the date of issue (expected 2021Q3,"
                " 2021-08 or the like)",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="contradicts_attachment",
            value_set=[False],
            severity="warning",
            meta=said(
                "011",
                "result",
                "本行结论与附件(文件名、工作表名、标题或说明文件)所说的相反;请核对是否放错了表",
                "the row's result is the opposite of what its attachment says (name of file or sheet, title, sidecar);"
                " check whether it stands in the wrong table",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_producer_uscc_valid",
            value_set=[True],
            severity="info",
            meta=said(
                "101",
                "producer_uscc",
                "生产企业统一社会信用代码校验位不符(GB 32100-2015)",
                "the producer's social credit code fails its check digit (GB 32100-2015)",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_sampled_uscc_valid",
            value_set=[True],
            severity="info",
            meta=said(
                "102",
                "sampled_uscc",
                "被抽样单位统一社会信用代码校验位不符(GB 32100-2015)",
                "the sampled party's social credit code fails its check digit (GB 32100-2015)",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_produced_on_readable",
            value_set=[True],
            severity="info",
            meta=said(
                "103",
                "production_date",
                "生产日期不是单一日期(可能是批号或两个日期)",
                "the production date is not one date (a lot number or two dates, perhaps)",
            ),
        ),
        gxe.ExpectColumnValuesToNotBeInSet(
            column="sampling_kind",
            value_set=["unknown"],
            severity="info",
            meta=said(
                "104",
                "sampling_kind",
                "无法判断抽检类型,不计入任何合格率;可在说明文件中写 sampling_kind",
                "the kind of sampling is unknown, so the row enters no rate; the sidecar may say sampling_kind",
            ),
        ),
        gxe.ExpectColumnValuesToNotBeInSet(
            column="division_basis",
            value_set=["unknown"],
            severity="info",
            meta=said(
                "105",
                "sampled_division",
                "没有抽样地点,不计入本市合格率;可在说明文件中写 sampled_division",
                "no place of sampling, so the row does not count for the city; the sidecar may say sampled_division",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "is_summary and tested_count > 0 and passed_count <= tested_count and published_pass_rate_pct"
                " <> round(100.0 * passed_count / tested_count, published_rate_digits)"
            ),
            severity="info",
            meta=said(
                "106",
                "published_rate_pct",
                "公布的合格率与批次数算出的不一致;以批次数为准",
                "the published rate is not what its counts give; the counts are taken",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_items_unclear",
            value_set=[False],
            severity="info",
            meta=said(
                "107",
                "item_name",
                "一格内的项目、检验结果、标准值个数对不上,按一个项目保留原文",
                "items, results and limits in these cells are not equally many; kept as one item, as sent",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=failing_rows(
                "not is_summary and record_domain = 'domestic' and ((final_result_code = 'fail' and item_result_code = 'fail'"
                " and meets_limit) or (final_result_code = 'pass' and meets_limit = false))"
            ),
            severity="info",
            meta=said(
                "108",
                "item_result",
                "检验结果与标准值相比,和结论不一致(判不合格而未超标,或判合格而超标);以结论为准,请核对",
                "the measured value against its limit says otherwise than the result (failed within the limit, or passed beyond"
                " it); the result is taken, check it",
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="has_missing_fields",
            value_set=[False],
            severity="info",
            meta=said(
                "109",
                None,
                "本行字段数少于表头,缺的按空处理;如单元格错位请改正",
                "the row has fewer fields than the header, what is missing is empty; correct it if its cells are shifted",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            # Staging keeps what every delivery said; one that has not come yet may still be withdrawn beforehand.
            unexpected_rows_query="with slice as (select * from {batch}), known as (select distinct"
            f" withdrawn.delivery_id as known_id, withdrawn.row_no as known_row_no from slice as withdrawn inner join"
            f" staging.stg_{source} as other on other.sample_id = withdrawn.sample_id or other.summary_id ="
            " withdrawn.summary_id where withdrawn.is_withdrawal and not other.is_withdrawal)"
            " select delivery_id, row_no, item_no from slice left join known on known_id = delivery_id"
            " and known_row_no = row_no where is_withdrawal and known_id is null",
            severity="info",
            meta=said(
                "121",
                "sample_no",
                "撤销的样品此前没有收到过(也可能尚未到达);请核对抽样编号",
                "withdraws a sample that no delivery has named so far; it may come later, or its number is mistyped",
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query="with slice as (select * from {batch}), valued as (select delivery_id, row_no, item_no,"
            " min(item_result_text) over one <> max(item_result_text) over one as differs from slice"
            " where sample_no is null and sample_id is not null and record_domain = 'domestic'"
            " and item_result_text is not null"
            " window one as (partition by delivery_id, sample_id, item_name))"
            " select delivery_id, row_no, item_no from valued where differs",
            severity="info",
            meta=said(
                "122",
                "sample_no",
                "没有抽样编号,其余各栏相同而同一项目的检验结果不同:可能是两个样品,按一个计;请补填抽样编号",
                "no form number, all describing cells alike and two values of one item: perhaps two samples, counted as"
                " one; fill in the form numbers",
            ),
        ),
    ]


def needs_category(letters: str, zh: str, en: str) -> Any:
    """The rule that a sample says its category: for rates that are made of categories."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "not is_summary and record_domain = 'domestic' and in_scope and category_code is null"
        ),
        severity="warning",
        meta=about(f"{letters}010", "category", zh, en),
    )


def _corrected(counted: str) -> str:
    """A count over what the delivery of the profile's row says it corrects; null when it says nothing."""
    return (
        f"(select {counted} from ops.delivery as this left join ops.delivery as named on named.source = this.source"
        " and named.origin_id <> this.origin_id and named.status not in ('refused', 'dry_run')"
        " and (regexp_replace(named.file_uri, '^.*/', '') = this.meta ->> 'corrects'"
        " or named.delivery_id::text = this.meta ->> 'corrects')"
        " where this.delivery_id = ids.delivery_id and this.meta ? 'corrects' group by this.delivery_id)"
    )


#: Aggregates over one delivery that `delivery_rules` read.
PROFILE = {
    # Compared with the deliveries before (baotu.drift), as all that is called a share.
    "failing_share": "avg((final_result_code = 'fail')::integer) filter (where final_result_code in ('pass', 'fail'))",
    "in_scope_share": "avg(in_scope::integer)",
    "readable_result_share": "coalesce(avg((final_result_code is not null or unjudged_reason is not null"
    " or record_domain <> 'domestic')::integer) filter (where not is_summary), 1)",
    # Of a file that says `corrects`: how many other deliveries bear that number or name; a
    # name may come later, a number that nobody has is a mistake.
    "corrected_count": _corrected(
        "case when bool_and(this.meta ->> 'corrects' ~ '^[0-9]+$') then nullif(count(distinct named.origin_id), 0)"
        " else count(distinct named.origin_id) end"
    ),
    "unknown_number_count": _corrected(
        "count(*) filter (where this.meta ->> 'corrects' ~ '^[0-9]+$' and named.origin_id is null)"
    ),
}


def delivery_rules(letters: str) -> list[Any]:
    """Rules on a delivery as a whole."""
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="readable_result_share",
            min_value=0.5,
            severity="critical",
            meta=about(
                f"{letters}201",
                "result",
                "一半以上的行没有可识别的结论,很可能取错了列",
                "more than half of the rows have no readable result: most likely the wrong column was taken for it",
            ),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="corrected_count",
            max_value=1,
            severity="critical",
            meta=about(
                f"{letters}202",
                None,
                "corrects 所说的文件名对应多份交付,无法确定更正的是哪一份;请改写交付编号(见 baotu deliveries list)",
                "several deliveries bear the file name that `corrects` gives; give the number of the one that is meant"
                " (baotu deliveries list)",
            ),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="unknown_number_count",
            max_value=0,
            severity="critical",
            meta=about(
                f"{letters}203",
                None,
                "corrects 所说的交付编号不存在,或是本文件自身,或属于其他来源;请改正(见 baotu deliveries list)",
                "`corrects` gives a number that no other delivery of this source has; correct it (baotu deliveries"
                " list)",
            ),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="corrected_count",
            min_value=1,
            severity="info",
            meta=about(
                f"{letters}221",
                None,
                "corrects 所说的文件尚未到达;到达后按更正处理",
                "the file that `corrects` names has not come; when it comes, it counts as corrected",
            ),
        ),
    ]
