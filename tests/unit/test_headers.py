"""Headers as offices write them: levels, remarks, repeats, titles, verdicts in names, items in columns."""

import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baotu.headings import is_remark, normalize_header
from baotu.periods import parse_period
from baotu.readers import Reading, Refused, Row, read
from baotu.sources import Source, load_source, load_sources

FOOD = load_source("food_spot_checks")
SOURCES = load_sources()


def delivered(
    folder: Path, content: Any, name: str = "d.csv", source: Source = FOOD, **told: Any
) -> tuple[Reading, list[Row]]:
    """A text, or lists of lists as the sheets of a workbook, read to the end."""
    path = folder / "delivered"
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for sheet, lines, *merges in content:
            page = book.create_sheet(sheet)
            for line in lines:
                page.append(line)
            for place in merges:
                page.merge_cells(place)
        book.save(path)
    reading = read(path, name, source, told)
    return reading, list(reading.rows())


def mapped(reading: Reading, part: str | None = None) -> dict[str, str]:
    """Header → column of a part, without what is kept in extra."""
    table = reading.mapping[part] if part is not None else next(iter(reading.mapping.values()))
    return {header: column for header, column in table.items() if column}


# ------------------------------------------------------------------------- every spelling that real files have

CANONICAL = {
    "sample_no": "抽样编号 样品编号 样品条码 抽样单编号 抽样/报告编号",
    "seq": "序号 编号",
    "product_name": "食品名称 样品名称 产品名称 商品名称 物料名称 标称食品名称 标示产品名称 检品名称 品名 样品名称*",
    "producer_name": "标称生产企业名称 标识生产企业名称 标示生产企业名称 生产企业(标称) 生产单位 生产者名称 生产商 企业名称"
    " 标称生产者或产地 标称生产企业名称(种养殖者或供货者名称) 标称生成企业名称",
    "producer_address": "标称生产企业地址 标识生产企业地址 生产单位地址 标示产地 标称生产企业地址(供货商地址)",
    "sampled_name": "被抽样单位名称 被抽检单位名称 受检单位名称 被抽查单位名称 经营者名称 销售单位名称 网店名称 供应商"
    " 被抽样单名称 被抽样单位 被抽样单位名称*",
    "sampling_agency": "抽样单位 抽检单位 抽样单位名称",
    "sampled_address": "被抽样单位地址 受检单位地址 经营地址",
    "sampled_province": "被抽样单位所在省份 被抽样单位省",
    "sampled_division": "所属地市 抽样地所在县",
    "spec": "规格型号 型号规格 规格 样品规格 包装规格",
    "brand": "商标",
    "production_date": "生产日期/批号 生产日期 生产(加工/购进/检疫/消毒/其他)日期/批号 购进日期/批号 制作日期/批号 生产日期/批货号",
    "item_name": "不合格项目 检测项目 检验项目 檢驗項目",
    "item_result": "检验结果 检测结果 检验值 实测值 检出值 檢测值 检測值",
    "item_limit": "标准值 限量值 标准规定 国标限量",
    "result": "判定 结论 检验结论 结果判定 是否合格 报告分类",
    "category": "分类 食品大类 产品分类 分类(食\r品一\r类)",
    "subcategory": "食品细类",
    "notice_no": "公告号",
    "published_on": "公告日期 公示日期 发布日期 公告日期（隐藏栏）",
    "task_name": "任务来源/项目名称",
    "sampling_kind": "抽查类别",
    "lab_name": "检验机构 检验机构名称 承检机构 复查检验机构 承捡单位",
    "items_combined": "不合格项目║检验结果║标准值 不合格项目‖检验结果‖标准值 不合格项目∥检验结果∥标准值"
    " 不合格项目∣检验结果∣标准值 不合格项目|检验结果|标准值 不合格项目||检验结果||标准值 不合格项目/检验结果/标准值"
    " 不合格项目:检验结果(标准值) 不合格项目/标准值/检验结果 不合格项目║实测值║限量值",
}
REGISTRY = {
    "enterprise_name": "企业名称 单位名称 单位详细名称 机构名称 JGMC Name",
    "uscc": "统一社会信用代码 社会信用代码 CreditCode 信用代码 social_credit_code",
    "registration_no": "注册号 No",
    "established_on": "注册日期 成立日期 StartDate",
    "enterprise_type": "企业类型",
    "capital": "注册资金 注册资本",
    "status": "经营状态 Status",
    "province": "所在省份",
    "region": "地区 所属区县 所属市",
    "address": "注册地址 住所",
    "industry_code": "行业代码(GB/T4754-2017)",
}
SURVEYS = {"respondent_id": "用户id 用户", "overall": "语音通话整体满意度 手机上网整体满意度 满意度"}
#: What agriculture and industry call otherwise stands in their YAML.
SPELLINGS = [
    (source, column, spelling)
    for source, table in (
        ("food_spot_checks", CANONICAL),
        ("agri_monitoring", {k: v for k, v in CANONICAL.items() if k not in ("category", "product_name")}),
        ("industrial_spot_checks", {k: v for k, v in CANONICAL.items() if k not in ("category", "product_name")}),
        ("enterprise_registry", REGISTRY),
        ("satisfaction_surveys", SURVEYS),
    )
    for column, spellings in table.items()
    for spelling in re.split(r"[ ]", spellings)
]


@pytest.mark.parametrize(("source", "column", "spelling"), SPELLINGS)
def test_every_spelling_of_real_files_is_read(source: str, column: str, spelling: str) -> None:
    assert SOURCES[source].match([spelling]).mapping == {0: column}


@pytest.mark.parametrize("name", ["法人代表", "法定代表人", "OperName"])
def test_the_person_behind_an_enterprise_is_dropped(name: str) -> None:
    assert SOURCES["enterprise_registry"].match([name]).personal == {0: name}


# -------------------------------------------------------------------------------------------------- remarks


@pytest.mark.parametrize(
    ("written", "column"),
    [
        ("标称生产企业名称(盖章)", "producer_name"),
        ("抽样日期(年/月/日)", "sampled_on"),
        ("抽样日期（格式：2020-01-01）", "sampled_on"),
        ("抽样日期(YYYY-MM-DD)", "sampled_on"),
        ("规格型号（以标签为准）", "spec"),
        ("商标（没有的填/）", "brand"),
        ("合格批次数（批）", "passed_count"),
        ("样品名称（请按标签填写）（必填）", "product_name"),
        ("样品名称\n（与标签一致）", "product_name"),
        ("样品名称\n注：散装食品填写通用名称", "product_name"),
        ("样品名称：", "product_name"),
    ],
)
def test_a_remark_that_says_how_to_fill_in_is_left_out_and_told(tmp_path: Path, written: str, column: str) -> None:
    match = FOOD.match([written])
    assert match.mapping == {0: column}
    if not written.endswith("："):
        assert match.remarks[0]
        header = written.replace("\n", "")
        reading, _ = delivered(tmp_path, [("a", [["食品大类", "判定", "抽样批次", written], [1, 2, 3, 4]])])
        assert reading.meta["file"]["parts"][0]["ignored_remarks"].keys() == {header}
        assert any(code == "remark" and header in zh and header in en for code, zh, en in reading.remarks)


@pytest.mark.parametrize(
    "written",
    [
        "检验结果(复检)",
        "生产单位(委托方)",
        "合格率(‰)",
        "合格率(2020年)",
        "企业名称(填报单位)",
        "被抽样单位名称(甲)",
        "样品名称\n规格型号",
        "样品名称(规格型号)",
        "检验批次(本月)",
    ],
)
def test_a_bracket_that_may_mean_something_is_not_left_out(written: str) -> None:
    assert not FOOD.match([written]).mapping


def test_a_bracket_that_tells_two_columns_apart_is_not_left_out() -> None:
    two = FOOD.match(["抽样日期(年/月/日)", "抽样日期(格式：20200101)"])
    assert not two.mapping and set(two.repeated.values()) == {"sampled_on"}
    assert FOOD.match(["抽样日期(年/月/日)", "抽样日期"]).mapping == {1: "sampled_on"}


def test_a_repeated_name_of_pandas_is_the_same_column() -> None:
    match = FOOD.match(["被抽样单位名称", "备注", "被抽样单位名称.1", "用量.1"])
    assert match.repeated == {2: "sampled_name"} and match.unknown == {3: "用量.1"}


def test_a_household_in_a_repeated_column_is_hashed(tmp_path: Path) -> None:
    text = "食品名称,判定,被抽样单位名称,被抽样单位名称.1,被抽样单位统一社会信用代码\n甲,合格,王五店,王五,92X\n"
    assert "王五" not in repr(delivered(tmp_path, text)[1])


# ------------------------------------------------------------------------------------------------ near misses


def test_near_misses_are_told_and_never_applied(tmp_path: Path) -> None:
    reading, rows = delivered(tmp_path, "食品名称,判定,抽样编码,被抽样的单位名称\n甲,合格,S1,某店\n")
    (part,) = reading.meta["file"]["parts"]
    assert {(miss["header"], miss["column"]) for miss in part["near_misses"]} == {
        ("抽样编码", "sample_no"),
        ("被抽样的单位名称", "sampled_name"),
    }
    assert rows[0].extra == {"抽样编码": "S1", "被抽样的单位名称": "某店"}
    assert any(code == "near_miss" and "aliases" in zh and "aliases" in en for code, zh, en in reading.remarks)


def test_the_agency_is_no_near_miss_of_the_party() -> None:
    match = FOOD.match(["食品名称", "抽样的单位名称", "合格的批次数"])
    assert {miss.header: miss.column for miss in FOOD.near_misses(match)} == {
        "抽样的单位名称": "sampling_agency",
        "合格的批次数": "passed_count",
    }


# ------------------------------------------------------------------------------------------------------ levels

PARTY = [
    ["序号", "样品名称", "被抽样单位", "", "判定"],
    ["", "", "名称", "地址", ""],
    ["1", "豆浆", "某店", "某路", "合格"],
]


@pytest.mark.parametrize("merges", [(), ("A1:A2", "B1:B2", "C1:D1", "E1:E2")])
def test_a_party_over_name_and_address(tmp_path: Path, merges: tuple[str, ...]) -> None:
    reading, rows = delivered(tmp_path, [("a", PARTY, *merges)])
    assert reading.columns == ["seq", "product_name", "sampled_name", "sampled_address", "result"]
    assert [row.values for row in rows] == [["1", "豆浆", "某店", "某路", "合格"]] and rows[0].file_row == 3
    assert mapped(reading)["被抽样单位/名称"] == "sampled_name"


def test_levels_in_a_text(tmp_path: Path) -> None:
    reading, rows = delivered(tmp_path, "\n".join(map(",".join, [["附件2", "", "", "", ""], *PARTY])))
    assert rows[0].values == ["1", "豆浆", "某店", "某路", "合格"] and reading.meta["title"] == ["附件2"]


def test_two_parties_have_names_of_their_own(tmp_path: Path) -> None:
    lines = [
        ["标称生产企业", "", "被抽样单位", "", "样品", "", "检验结论"],
        ["名称", "地址", "名称", "地址", "名称", "规格", ""],
        ["甲厂", "甲路", "乙店", "乙路", "豆浆", "1L", "合格"],
    ]
    reading, rows = delivered(tmp_path, [("a", lines)])
    found = dict(zip(reading.columns, rows[0].values, strict=True))
    assert (found["producer_name"], found["sampled_name"], found["product_name"]) == ("甲厂", "乙店", "豆浆")
    assert (found["producer_address"], found["sampled_address"], found["spec"]) == ("甲路", "乙路", "1L")


def test_first_test_and_retest_have_results_of_their_own(tmp_path: Path) -> None:
    lines = [
        ["样品名称", "初检", "", "复检", ""],
        ["", "检验结果", "检验机构", "检验结果", "检验机构"],
        ["豆浆", "不合格", "甲所", "合格", "乙所"],
    ]
    reading, rows = delivered(tmp_path, [("a", lines, "B1:C1", "D1:E1")])
    found = dict(zip(reading.columns, rows[0].values, strict=True))
    assert (found["initial_result"], found["reinspection_result"]) == ("不合格", "合格")
    # Which of two laboratories is meant nobody says: both stay as they are.
    assert "lab_name" not in found and rows[0].extra == {"初检/检验机构": "甲所", "复检/检验机构": "乙所"}


def test_a_name_that_stands_under_several_groups_is_none_of_them(tmp_path: Path) -> None:
    lines = [
        ["期间", "本地菜", "", "外地菜", "", "合计", ""],
        ["", "检验批次", "合格批次", "检验批次", "合格批次", "检验批次", "合格批次"],
        ["2020年8月", 10, 9, 20, 19, 30, 28],
    ]
    reading, rows = delivered(tmp_path, [("a", lines)])
    found = dict(zip(reading.columns, rows[0].values, strict=True))
    assert found == {"period": "2020年8月", "tested_count": "30", "passed_count": "28"}  # 合计 is about the row
    assert rows[0].extra["本地菜/检验批次"] == "10" and rows[0].extra["外地菜/合格批次"] == "19"
    with pytest.raises(Refused, match="lacks the required column"):
        delivered(tmp_path, [("a", [line[:5] for line in lines])])


def test_groups_without_a_total_are_not_the_first_of_them(tmp_path: Path) -> None:
    lines = [
        ["", "本地菜", "", "外地菜", ""],
        ["食品名称", "检验批次", "合格批次", "检验批次", "合格批次"],
        ["菠菜", 10, 9, 20, 19],
    ]
    with pytest.raises(Refused, match="lacks the required column"):
        delivered(tmp_path, [("a", lines)])


def test_groups_that_nobody_knows_are_levels_by_their_form(tmp_path: Path) -> None:
    lines = [
        ["食品名称", "判定", "本地菜", "", "外地菜", ""],
        ["", "", "本月", "累计", "本月", "累计"],
        ["菠菜", "合格", "150kg", "300kg", "1", "2"],
    ]
    _, rows = delivered(tmp_path, [("a", lines)])
    assert len(rows) == 1
    assert rows[0].extra == {"本地菜/本月": "150kg", "本地菜/累计": "300kg", "外地菜/本月": "1", "外地菜/累计": "2"}


def test_three_levels(tmp_path: Path) -> None:
    lines = [
        ["序号", "样品信息", "", "", "", "判定"],
        ["", "样品名称", "被抽样单位", "", "规格型号", ""],
        ["", "", "名称", "地址", "", ""],
        [1, "豆浆", "某店", "某路", "1L", "合格"],
    ]
    reading, rows = delivered(tmp_path, [("a", lines, "B1:E1", "C2:D2")])
    assert reading.columns == ["seq", "product_name", "sampled_name", "sampled_address", "spec", "result"]
    assert [row.values for row in rows] == [["1", "豆浆", "某店", "某路", "1L", "合格"]]


def test_a_translation_below_is_a_level_and_no_row(tmp_path: Path) -> None:
    text = "产品名称,判定结论,规格型号\nProduct name,Verdict on the sample,Specification\n豆浆,合格,1L\n"
    reading, rows = delivered(tmp_path, text)
    assert [row.values for row in rows] == [["豆浆", "1L", "合格"]] and len(reading.columns) == 3


@pytest.mark.parametrize(
    "lines",
    [
        # Data under a header with blanks is data.
        [["序号", "样品名称", "被抽样单位", "", "判定"], ["1", "豆浆", "某店", "某路", "合格"]],
        [["序号", "样品名称", "被抽样单位", "", "判定"], ["", "豆浆", "某店", "某路", ""]],
        [["样品名称", "判定", "商标", ""], ["", "", "甲", "乙"], ["豆浆", "合格", "丙", "丁"]],
        [["样品名称", "判定", ""], ["", "合格", "甲"]],
    ],
)
def test_rows_below_a_header_with_blanks(tmp_path: Path, lines: list[list[str]]) -> None:
    expected = len(lines) - 1
    if lines[0][2] == "商标":
        expected = 1  # by its form 甲 | 乙 is a level: both under 商标, and nothing beside
    assert len(delivered(tmp_path, [("a", lines)])[1]) == expected


def test_titles_are_no_level(tmp_path: Path) -> None:
    lines = [
        ["附件2", "", "", "2020年第8期"],
        ["食品抽检不合格产品信息", "", "", "单位：批次"],
        ["序号", "样品名称", "", "判定"],
        [1, "豆浆", "旁注", "不合格"],
    ]
    reading, rows = delivered(tmp_path, [("a", lines)])
    assert mapped(reading) == {"序号": "seq", "样品名称": "product_name", "判定": "result"} and len(rows) == 1
    assert reading.meta["title"] == ["附件2 2020年第8期", "食品抽检不合格产品信息 单位：批次"]
    assert reading.meta["parts"]["a"]["unit"] == "批次" and reading.meta["parts"]["a"]["period"] == "2020年第8期"


@pytest.mark.parametrize(
    "line",
    [
        "检验机构,,,",
        "检验机构：,某所,抽样单位,某局",
        "任务来源,省抽,抽样单位,某局,承检机构,某院",
        "备注,抽样单位,说明一,说明二",
    ],
)
def test_lines_that_name_a_column_or_two_above_are_titles(tmp_path: Path, line: str) -> None:
    reading, rows = delivered(tmp_path, f"{line}\n\n公示\n序号,样品名称,商标,判定\n1,豆浆,无,合格\n")
    assert reading.columns == ["seq", "product_name", "brand", "result"] and len(rows) == 1


# ------------------------------------------------------------------------------- what is no row below a header


def test_a_header_at_each_page_break_is_no_row(tmp_path: Path) -> None:
    page = "序号,样品\n".replace("\n", "") + "名称,判定\n"
    text = f"{page}1,甲,合格\n序 号,样品名称*,判定\n2,乙,合格\n{page}3,序号,合格\n"
    for content in (text, [("a", [line.split(",") for line in text.strip().split("\n")])]):
        reading, rows = delivered(tmp_path, content)
        assert [row.values[0] for row in rows] == ["1", "2", "3"]
        assert (reading.counts["rows"], reading.counts["repeated_headers"]) == (3, 2)


def test_both_levels_at_each_page_break_are_no_rows(tmp_path: Path) -> None:
    reading, rows = delivered(tmp_path, [("a", [*PARTY, *PARTY])])
    assert len(rows) == 2 and reading.counts["repeated_headers"] == 2


@pytest.mark.parametrize(
    ("line", "is_row"),
    [
        ("(1),(2),(3)", False),
        ("①,②,③", False),
        ("甲,乙,1", False),
        ("1,2,3", False),
        ("1,3,2", True),
        ("2,3,4", True),
        ("1,豆浆,3", True),
    ],
)
def test_a_line_that_numbers_the_columns(tmp_path: Path, line: str, is_row: bool) -> None:
    _, rows = delivered(tmp_path, f"序号,样品名称,判定\n{line}\n1,豆浆,合格\n{line}\n")
    assert len(rows) == 2 + is_row  # further down it is a row


def test_answers_are_not_taken_for_numbers_of_columns(tmp_path: Path) -> None:
    text = "用户,满意度,与预期相比\n1,2,3\n2,5,5\n"
    assert len(delivered(tmp_path, text, source=SOURCES["satisfaction_surveys"])[1]) == 2
    assert len(delivered(tmp_path, text[:-6], source=SOURCES["satisfaction_surveys"])[1]) == 1


def test_notes_below_are_counted_and_not_stored(tmp_path: Path) -> None:
    text = "序号,样品名称,判定,备注\n1,甲,合格,\n合计,1,,\n填表人：张三,,审核人：李四,\n注：本表一式两份\n（以下空白）,,,\n"
    for content in (text, [("a", [line.split(",") for line in text.strip().split("\n")])]):
        reading, rows = delivered(tmp_path, content)
        assert [row.values[0] for row in rows] == ["1", "合计"] and reading.counts["notes"] == 3
        assert "张三" not in repr((rows, reading.meta, reading.remarks)) and "李四" not in repr(rows)


def test_a_row_with_a_note_in_its_remark_is_a_row(tmp_path: Path) -> None:
    _, rows = delivered(tmp_path, "样品名称,判定,备注\n甲,合格,注：复检\n,合格,注：无名\n")
    assert len(rows) == 2


def test_two_texts_above_a_whole_header_are_a_title(tmp_path: Path) -> None:
    text = "附件2,,某市抽检信息,\n序号,样品名称,商标,判定\n1,豆浆,无,合格\n"
    reading, _ = delivered(tmp_path, text)
    assert reading.meta["title"] == ["附件2 某市抽检信息"]
    assert list(reading.mapping[""]) == ["序号", "样品名称", "商标", "判定"]


def test_who_signed_a_title_is_not_kept(tmp_path: Path) -> None:
    text = "食品抽检信息 填报单位：某局 填表人：张三 电话：13800138000,\n食品名称,判定\n甲,合格\n"
    meta = delivered(tmp_path, text)[0].meta
    assert meta["title"] == ["食品抽检信息 填报单位：某局"] and "138" not in repr(meta)


# --------------------------------------------------------------------------------- tables below each other

TWO = [
    ["附件1 合格产品"],
    ["序号", "样品名称", "规格型号"],
    [1, "甲", "1L"],
    [2, "乙", "2L"],
    [],
    ["附件2 不合格产品"],
    ["序号", "被抽样单位名称", "样品名称", "不合格项目"],
    [1, "某店", "丙", "铅"],
]


def test_two_tables_below_each_other_are_two_parts(tmp_path: Path) -> None:
    reading, rows = delivered(tmp_path, [("一", TWO), ("二", TWO[:4])], name="公示.xlsx")
    assert [(row.part, row.file_row) for row in rows] == [("一", 3), ("一", 4), ("一#2", 8), ("二", 3), ("二", 4)]
    names = reading.columns.index("product_name")
    assert [row.values[names] for row in rows[:3]] == ["甲", "乙", "丙"]
    parts = reading.meta["parts"]
    assert (parts["一"]["verdict"], parts["一#2"]["verdict"]) == ("pass", "fail")
    assert parts["一#2"]["title"] == ["附件2 不合格产品"] and reading.counts["rows"] == 5


@pytest.mark.parametrize("header", [TWO[6], ["样品名称", "不合格项目", "被抽样单位名称", "序号"]])
def test_two_tables_in_a_text_are_refused_with_the_row(tmp_path: Path, header: list[str]) -> None:
    text = "\n".join(",".join(map(str, line)) for line in [*TWO[:6], header, TWO[7]])
    with pytest.raises(Refused) as caught:
        delivered(tmp_path, text, name="公示.csv")
    assert caught.value.code == "second_table" and "row 7" in caught.value.en and "第 7 行" in caught.value.zh


# ------------------------------------------------------------------------------------- verdicts and titles


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("附件1 食品抽检合格产品信息(2020年第8期).xlsx", "pass"),
        ("附件2 食品抽检不合格产品信息(2020年第8期).xlsx", "fail"),
        ("食品抽检不合格情况.xlsx", "fail"),
        ("食品抽检合格与不合格产品.xlsx", None),
        ("食品抽检合格率.xlsx", None),
        ("食品抽检不合格率.xlsx", None),
        ("合格证清单.xlsx", None),
        ("食品抽检.xlsx", None),
    ],
)
def test_what_a_name_says_of_all_rows(tmp_path: Path, name: str, said: str | None) -> None:
    lines = [["序号", "样品名称"], [1, "甲"]]
    if said is None:
        with pytest.raises(Refused, match="verdict=pass"):
            delivered(tmp_path, [("Sheet1", lines)], name=name)
        return
    reading, _ = delivered(tmp_path, [("Sheet1", lines)], name=name)
    part = reading.meta["parts"]["Sheet1"]
    assert (part["verdict"], part["verdict_basis"]) == (said, "file_name") and "verdict" not in reading.meta
    assert any(code == "verdict" and "文件名" in zh for code, zh, _ in reading.remarks)


def test_the_nearer_place_outranks_the_farther(tmp_path: Path) -> None:
    lines = [["序号", "样品名称"], [1, "甲"]]
    titled = [["附件2 不合格产品"], *lines]
    sheets = [("合格", titled), ("Sheet2", titled), ("Sheet3", lines)]
    parts = delivered(tmp_path, sheets, name="合格.xlsx")[0].meta["parts"]
    assert [parts[sheet]["verdict"] for sheet, _ in sheets] == ["pass", "fail", "pass"]
    told = delivered(tmp_path, sheets, name="合格.xlsx", verdict="fail")[0].meta
    assert {part["verdict"] for part in told["parts"].values()} == {"fail"} and told["verdict"] == "fail"


def test_a_part_has_its_own_notice_period_and_date(tmp_path: Path) -> None:
    lines = [["食品名称", "判定"], ["甲", "合格"]]
    title = [["鲁市监公告〔2020〕15号 2020年8月5日 抽样时间2020年7月1日至8月31日"]]
    meta = delivered(tmp_path, [("一", [*title, *lines]), ("二", lines)], name="公告_20200901.xlsx")[0].meta
    one, two = meta["parts"]["一"], meta["parts"]["二"]
    assert one["issued_on"] == "2020-08-05" == meta["issued_on"] and one["notice_no"].endswith("〔2020〕15号")
    assert one["period"] == "2020年7月1日至8月31日" == meta["period"]
    assert "issued_on" not in two and "period" not in two
    assert str(parse_period(one["period"]).end_on) == "2020-08-31"  # type: ignore[union-attr]
    told = delivered(tmp_path, [("一", [*title, *lines])], issued_on="2021-01-01")[0].meta
    assert told["parts"]["一"]["issued_on"] == "2021-01-01"


# ------------------------------------------------------------------------------------------ items in columns


@pytest.mark.parametrize(
    ("header", "item"),
    [
        ("铅", {"name": "铅"}),
        ("铅(mg/kg)", {"name": "铅", "unit": "mg/kg"}),
        ("铅（以Pb计）/mg/kg", {"name": "铅", "unit": "mg/kg"}),
        ("铅（以Pb计）（mg/kg）", {"name": "铅", "unit": "mg/kg"}),
        ("色值（≤150IU）", {"name": "色值", "limit": "≤150IU"}),
        ("乙基麦芽酚（不得使用）", {"name": "乙基麦芽酚", "limit": "不得使用"}),
        ("菌落总数(CFU/g)", {"name": "菌落总数", "unit": "CFU/g"}),
        ("苯并[a]芘", {"name": "苯并[a]芘"}),
        ("毒死蜱\n", {"name": "毒死蜱"}),
    ],
)
def test_a_substance_as_a_column(tmp_path: Path, header: str, item: dict[str, str]) -> None:
    reading, rows = delivered(tmp_path, [("不合格", [["样品名称", header], ["豆浆", "0.3"]])])
    (found,) = reading.meta["parts"]["不合格"]["items"]
    key = found.pop("result_column")
    assert found == item and rows[0].extra == {key: "0.3"}


@pytest.mark.parametrize("header", ["铅笔", "铅(复检)", "铅含量", "净含量"])
def test_what_is_no_substance(tmp_path: Path, header: str) -> None:
    reading, _ = delivered(tmp_path, [("不合格", [["样品名称", header], ["豆浆", "0.3"]])])
    assert "items" not in reading.meta["parts"]["不合格"]


def test_eleven_numbered_groups(tmp_path: Path) -> None:
    header = ["样品名称", *(f"{name}{n}" for n in range(1, 12) for name in ("项目", "结果", "标准"))]
    reading, _ = delivered(tmp_path, [("不合格", [header, ["豆浆"]])])
    items = reading.meta["parts"]["不合格"]["items"]
    assert len(items) == 11
    assert items[10] == {"name_column": "项目11", "result_column": "结果11", "limit_column": "标准11"}


@pytest.mark.parametrize("mark", ["", ".1"])
def test_names_that_stand_there_again_and_again(tmp_path: Path, mark: str) -> None:
    group = ["检验项目", "检验结果", "标准值"]
    text = ",".join(["样品名称", "判定", *group, *(name + mark for name in group)])
    reading, rows = delivered(tmp_path, f"{text}\n豆浆,不合格,铅,0.3,0.1,镉,0.4,0.2\n")
    items = reading.meta["parts"][""]["items"]
    assert reading.columns == ["product_name", "result"]
    told = [[rows[0].extra[item[k]] for k in ("name_column", "result_column", "limit_column")] for item in items]
    assert told == [["铅", "0.3", "0.1"], ["镉", "0.4", "0.2"]]


def test_two_results_behind_one_item_are_no_groups(tmp_path: Path) -> None:
    reading, _ = delivered(tmp_path, "样品名称,判定,检验项目,检验结果,检验结果\n豆浆,不合格,铅,0.3,0.4\n")
    assert "items" not in reading.meta["parts"][""] and "item_result" in reading.columns


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("不合格项目║检验结果║标准值", ["item", "result", "limit"]),
        ("不合格项目/标准值/检验结果", ["item", "limit", "result"]),
        ("不合格项目:检验结果(标准值)", ["item", "result", "limit"]),
        ("不合格项目‖实测值‖限量值", ["item", "result", "limit"]),
        ("不合格情况", None),
    ],
)
def test_the_order_of_pieces_in_one_cell(tmp_path: Path, header: str, order: list[str] | None) -> None:
    reading, _ = delivered(tmp_path, f"样品名称\t{header}\n豆浆\t铅\n")
    assert reading.meta["parts"][""].get("combined_order") == order


# --------------------------------------------------------------------------------------------- property tests

_WIDE = {
    ord(half): chr(ord(half) + 0xFEE0) for half in "()/:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
}


@st.composite
def dirty(draw: st.DrawFn, name: str) -> str:
    """A listed name as an office may write it."""
    cut = draw(st.integers(0, len(name)))
    text = name[:cut] + draw(st.sampled_from(["", " ", "\u3000", "\xa0", "\n", "\r\n", "\u200b"])) + name[cut:]
    if draw(st.booleans()):
        text = text.translate(_WIDE)
    if not re.match(r"[\d(]", name):
        text = draw(st.sampled_from(["", "", "1.", "（2）", "③", "四、", "★", "*"])) + text
    return text + draw(
        st.sampled_from(["", "", "*", "（必填）", "(★必填)", "：", "（盖章）", "(以标签为准)", "（年/月/日）"])
    )


@st.composite
def headers(draw: st.DrawFn) -> tuple[list[str], list[str | None], list[list[str]]]:
    """Columns of a header, shuffled: names, the columns they stand for, and title rows above."""
    columns = draw(st.lists(st.sampled_from(sorted(FOOD.raw_columns)), min_size=2, max_size=12, unique=True))
    wanted: list[str | None] = list(dict.fromkeys(["product_name", "result", *columns]))
    names = [
        draw(dirty(draw(st.sampled_from(FOOD.columns[c].aliases or (FOOD.columns[c].label_zh,))))) for c in wanted if c
    ]
    for other in draw(st.lists(st.sampled_from(["", "", "用途", "厨师长意见", "甲乙丙丁"]), max_size=3)):
        names.append(other)
        wanted.append(None)
    order = draw(st.permutations(range(len(names))))
    title = draw(
        st.lists(st.sampled_from([["附件2"], ["食品抽检信息", "", "单位：批次"], ["2020年第8期"]]), max_size=3)
    )
    return [names[i] for i in order], [wanted[i] for i in order], title


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers())
def test_what_is_mapped_is_what_was_written(
    tmp_path: Path, generated: tuple[list[str], list[str | None], list[list[str]]]
) -> None:
    names, wanted, title = generated
    values = [f"值{index}甲" for index in range(len(names))]
    quoted = "\n".join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in [*line, *[""] * (len(names) - len(line))])
        for line in [*title, names, values]
    )
    reading, rows = delivered(tmp_path, quoted)
    found = dict(zip(reading.columns, rows[0].values, strict=True))
    assert found == {column: value for column, value in zip(wanted, values, strict=True) if column}
    assert len(rows) == 1 and reading.counts["rows"] == 1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=sorted({c for text in FOOD.spellings for c in text}), min_size=1, max_size=8))
def test_no_name_is_read_that_is_not_listed(text: str) -> None:
    match = FOOD.match([text])
    listed = {normalize_header(name) for name in FOOD.spellings} | {normalize_header(name) for name in FOOD.columns}
    if normalize_header(text) not in listed and not is_remark(text) and "|" not in normalize_header(text):
        assert match.mapping == {} or match.remarks
