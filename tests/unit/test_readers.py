"""Files as offices send them: read exactly, or refused with what to do. Every file is made here."""

import codecs
import datetime
import io
import json
import re
import resource
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from baotu.readers import PERSONAL_DROPPED, Reading, Refused, Row, read
from baotu.readers import text as delimited
from baotu.readers import workbook as workbooks
from baotu.readers.personal import names_in
from baotu.settings import PROJECT, Credentials
from baotu.sources import Source, load_source

_SHIPPED = load_source("food_spot_checks")
# The address is declared here too, so that two columns under one code are tried.
_ADDRESS = _SHIPPED.columns["sampled_address"].model_copy(update={"personal_under": "sampled_uscc"})
FOOD = _SHIPPED.model_copy(update={"columns": {**_SHIPPED.columns, "sampled_address": _ADDRESS}})
SURVEYS = load_source("satisfaction_surveys")
WEIGHTS = load_source("reference_weights")
REAL = PROJECT.parent / "shared" / "real"

Deliver = Callable[..., tuple[Reading, list[Row]]]


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Write bytes (or text as UTF-8, or a workbook) and read them to the end."""

    def go(
        content: bytes | str | openpyxl.Workbook, name: str = "d.csv", source: Source = FOOD, **given: Any
    ) -> tuple[Reading, list[Row]]:
        path = tmp_path / "delivered"  # the name on disk must not matter: content decides
        if isinstance(content, openpyxl.Workbook):
            content.save(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        reading = read(path, name, source, given)
        return reading, list(reading.rows())

    return go


def values(reading: Reading, rows: list[Row], *columns: str) -> list[tuple[str | None, ...]]:
    places = [reading.columns.index(name) for name in columns]
    return [tuple(row.values[i] for i in places) for row in rows]


def book(*sheets: tuple[str, list[list[Any]]]) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, lines in sheets:
        sheet = workbook.create_sheet(name)
        for line in lines:
            sheet.append(line)
    return workbook


def refusal(deliver: Deliver, *args: Any, **kwargs: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        deliver(*args, **kwargs)
    text = caught.value
    assert str(text) == text.en and any("\u4e00" <= c <= "\u9fff" for c in text.zh)
    return text


# -------------------------------------------------------------------------------------- encodings, separators

TABLE = "食品名称,判定,备注\n大豆（黄豆） ,合格,/\n小麦粉,不合格,\n"


@pytest.mark.parametrize(
    ("encoding", "bom", "shown"),
    [
        ("utf-8", b"", "UTF-8"),
        ("utf-8", codecs.BOM_UTF8, "UTF-8 with BOM"),
        ("gb18030", b"", "GB18030"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "UTF-16"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "UTF-16"),
    ],
)
@pytest.mark.parametrize(("mark", "delimiter"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends(
    deliver: Deliver, encoding: str, bom: bytes, shown: str, mark: str, delimiter: str, newline: str
) -> None:
    text = TABLE.replace(",", mark).replace("\n", newline)
    reading, rows = deliver(bom + text.encode(encoding))
    assert (reading.meta["file"]["encoding"], reading.meta["file"]["delimiter"]) == (shown, delimiter)
    assert reading.columns == ["product_name", "result", "remark"]
    # Delivered text stays exact: the space is still there, and only an empty cell is null.
    assert rows == [
        Row("", 2, ["大豆（黄豆） ", "合格", "/"], {}),
        Row("", 3, ["小麦粉", "不合格", None], {}),
    ]


def test_mixed_line_ends_and_a_missing_last_one(deliver: Deliver) -> None:
    _, rows = deliver("食品名称,判定\r\n甲,合格\n乙,合格\r丙,合格")
    assert [(r.file_row, r.values[0]) for r in rows] == [(2, "甲"), (3, "乙"), (4, "丙")]


def test_file_row_is_the_physical_line_where_a_record_begins(deliver: Deliver) -> None:
    _, rows = deliver('食品名称,判定\n"甲\n（二\n行）",合格\n\n乙,合格\n')
    assert [(r.file_row, r.values[0]) for r in rows] == [(2, "甲\n（二\n行）"), (6, "乙")]


def test_empty_and_blank_lines_are_not_rows(deliver: Deliver) -> None:
    reading, rows = deliver("食品名称,判定\n\n甲,合格\n,\n \t, \n\n")
    assert [r.file_row for r in rows] == [3]
    assert reading.counts == {"rows": 1, "blank": 2, "ragged": 0, "repeated_headers": 0, "notes": 0}


def test_nul_becomes_a_replacement_character_and_is_counted(deliver: Deliver) -> None:
    reading, rows = deliver(b"\xe9\xa3\x9f\xe5\x93\x81\xe5\x90\x8d\xe7\xa7\xb0,\xe5\x88\xa4\xe5\xae\x9a\na\0b\0,ok\n")
    assert rows[0].values == ["a\ufffdb\ufffd", "ok"]
    assert reading.meta["file"]["nul_replaced"] == 2


def test_quotes_inside_cells(deliver: Deliver) -> None:
    _, rows = deliver('食品名称,判定\n"他说""好""",合格\n5"瓶,合格\n')
    assert [r.values[0] for r in rows] == ['他说"好"', '5"瓶']


def test_gb18030_far_beyond_the_first_block(deliver: Deliver) -> None:
    text = "食品名称,判定\n" + "a,b\n" * 600_000 + "小麦粉,合格\n"
    reading, rows = deliver(text.encode("gb18030"))
    assert reading.meta["file"]["encoding"] == "GB18030" and rows[-1].values == ["小麦粉", "合格"]


def test_one_bad_byte_in_utf8_is_refused_with_its_place(deliver: Deliver) -> None:
    data = TABLE.encode() + b"\xff,x\n"
    text = refusal(deliver, data)
    assert text.code == "encoding" and f"{len(TABLE.encode()) + 1:,}" in text.en and "UTF-8" in text.zh


def test_big5_is_not_taken_for_gb18030(deliver: Deliver) -> None:
    text = "食品名稱,判定,備註\n" + "濟南豆腐製品廠有限公司,合格,檢驗結論符合標準\n" * 5
    assert refusal(deliver, text.encode("big5")).code == "encoding"


def test_half_a_utf16_file_is_refused(deliver: Deliver) -> None:
    assert refusal(deliver, codecs.BOM_UTF16_LE + TABLE.encode("utf-16-le")[:-1]).code == "encoding"


# --------------------------------------------------------------------------------------------- ragged rows


def test_too_many_fields_are_kept_and_marked(deliver: Deliver) -> None:
    reading, rows = deliver("食品名称,判定\n甲,合格\n乙,不合格,多,余\n")
    assert rows[1] == Row("", 3, ["乙", "不合格"], {"__field_count__": "4", "__surplus__": '["多", "余"]'})
    assert reading.counts["ragged"] == 1 and rows[0].extra == {}


def test_too_few_fields_are_nulls_and_marked(deliver: Deliver) -> None:
    _, rows = deliver("食品名称,判定,备注\n甲,合格\n")
    assert rows[0] == Row("", 2, ["甲", "合格", None], {"__field_count__": "2", "__missing_fields__": "1"})


def test_separators_at_the_end_of_the_line_shift_nothing(deliver: Deliver) -> None:
    _, rows = deliver("食品名称,判定\n甲,合格,\n乙,合格,,\n")
    assert [r.extra for r in rows] == [{}, {}]


def test_a_quote_that_is_never_closed_is_refused_with_its_row(deliver: Deliver) -> None:
    for text in ('食品名称,判定\n甲,合格\n乙,"不合\n丙,合格\n', '食品名称,判定\n甲,合格\n乙,"不合'):
        refused = refusal(deliver, text)
        assert refused.code == "unclosed_quote" and "row 3" in refused.en and "第 3 行" in refused.zh


def test_a_line_without_end_is_refused(deliver: Deliver) -> None:
    text = refusal(deliver, b"a,b\n" + b"x" * (delimited.LINE_LIMIT + (2 << 20)))
    assert text.code == "line_too_long"


def test_an_endless_cell_is_refused_with_its_row(deliver: Deliver) -> None:
    text = "食品名称,判定\n" + "甲,合格\n" * 40 + "x" * (delimited.CELL_LIMIT + 1) + ",合格\n"
    refused = refusal(deliver, text)
    assert refused.code == "cell_too_large" and "row 42" in refused.en


# ------------------------------------------------------------------------------------------------- columns


def test_unknown_columns_are_kept_in_extra(deliver: Deliver) -> None:
    reading, rows = deliver("食品名称,判定,厨师,,厨师,备注,备注\n甲,合格,a,b,c,d,e\n乙,合格,,,,,\n")
    assert rows[0].extra == {"厨师": "a", "__column_4__": "b", "厨师.2": "c", "备注.2": "e"}
    assert rows[1].extra == {}  # empty cells are not stored
    assert reading.mapping[""] == {
        "食品名称": "product_name",
        "判定": "result",
        "厨师": None,
        "厨师.2": None,
        "备注": "remark",
        "备注.2": None,
    }


def test_a_delivered_header_cannot_pass_for_a_mark(deliver: Deliver) -> None:
    _, rows = deliver("食品名称,判定,__field_count__,备注,备注,备注.2\n甲,合格,9,a,b,c\n")
    assert rows[0].extra == {"__field_count__.2": "9", "备注.2": "b", "备注.2.2": "c"}


def test_personal_columns_never_arrive(deliver: Deliver) -> None:
    text = "食品名称,联系电话,判定,法定代表人\n甲,13800138000,合格,张三\n"
    for content in (text, book(("表", [line.split(",") for line in text.split()]))):
        reading, rows = deliver(content)
        assert "13800138000" not in repr((reading.meta, rows)) and "张三" not in repr((reading.meta, rows))
        assert rows[0].values == ["甲", "合格"] and rows[0].extra == {}
        (table,) = reading.mapping.values()
        assert table["联系电话"] == table["法定代表人"] == PERSONAL_DROPPED


@pytest.mark.parametrize(
    "line",
    [
        "甲,多,13800138000,合格,x",  # shifted to the right
        "甲,多,余,13800138000,合格,x",
        "13800138000,合格,x",  # to the left
    ],
)
def test_personal_cells_do_not_slip_through_shifted_rows(deliver: Deliver, line: str) -> None:
    _, rows = deliver(f"食品名称,电话,判定,备注\n{line}\n")
    assert "13800138000" not in repr(rows) and int(rows[0].extra["__withheld__"] or 0) > 0


def declared(personal: str) -> Source:
    data = json.loads(SURVEYS.model_dump_json())
    data["columns"]["phone"] = {
        "label_zh": "手机号",
        "label_en": "Phone",
        "aliases": ["手机"],
        "personal": personal,
    }
    return Source.model_validate(data)


def test_declared_personal_columns_are_dropped_or_hashed(tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.write_text("总体满意度,手机,手机号\n8,13800138000,x\n9, 13800138000,y\n7,,\n")
    dropped = read(path, "d.csv", declared("drop"), {})
    assert dropped.columns == ["overall"] and next(iter(dropped.rows())) == Row("", 2, ["8"], {})
    assert "phone" not in declared("drop").raw_columns

    reading = read(path, "d.csv", declared("hash"), {}, hash_key=b"k")
    rows = list(reading.rows())
    one, two, none = (row.values[1] for row in rows)
    assert one == two and one is not None and len(one) == 32 and none is None
    assert "13800138000" not in repr(rows) and "'x'" not in repr(rows)
    other = next(read(path, "d.csv", declared("hash"), {}, hash_key=b"l").rows()).values[1]
    assert other != one


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("张三、李四", ["张三", "李四"]),
        ("张三，李四；王五等3人", ["张三", "李四", "王五"]),
        ("张 三", ["张三"]),  # spread to the width of three characters
        ("王 小 明", ["王小明"]),
        ("张三  李 四", ["张三", "李四"]),
        ("张 三 李 四", ["张三", "李四"]),
        ("张 三、李 四", ["张三", "李四"]),
        ("主检：张三（组长） 副检：李四（鲁A12345）", ["张三", "李四"]),
        ("张三\n李四", ["张三", "李四"]),
        ("2", []),
        ("/", []),
        ("无", []),
    ],
)
def test_names_of_a_cell(cell: str, names: list[str]) -> None:
    assert names_in(cell) == names


def test_a_household_that_gives_its_owners_number_for_a_code(deliver: Deliver) -> None:
    reading, rows = deliver(f"{CODED}甲,王五小吃,历下区某巷1号,合格,11010119900307803X\n")
    assert all(HASH.fullmatch(text or "") for text in parties(reading, rows)[0])
    assert values(reading, rows, "sampled_uscc") == [("[证件号码]",)]


def test_each_person_of_a_cell_is_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.write_text('总体满意度,手机\n8,张三、李 四\n9,"李四;张三;张三"\n7,/\n', encoding="utf-8")
    reading = read(path, "d.csv", declared("hash_each"), {}, hash_key=b"k")
    one, two, none = (row.values[1] for row in reading.rows())
    assert one is not None and two is not None and none is None
    assert one.split() == two.split()[::-1] and all(HASH.fullmatch(name) for name in one.split())
    # A person in a column of one and in one of several is the same, and what our export sends back is not hashed again.
    path.write_text("总体满意度,手机\n8,张三\n", encoding="utf-8")
    assert next(read(path, "d.csv", declared("hash"), {}, hash_key=b"k").rows()).values[1] == one.split()[0]
    path.write_text(f"总体满意度,手机\n8,{one}\n")
    assert next(read(path, "d.csv", declared("hash_each"), {}, hash_key=b"k").rows()).values[1] == one


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("联系人王某，电话13800138000", "联系人王某，电话[手机号码]"),
        ("示例路1号 138-0013-8000", "示例路1号 [手机号码]"),
        ("示例路1号（+86 13800138000）", "示例路1号（[手机号码]）"),
        ("批号：13800138000", "批号：13800138000"),
        ("经营者11010119900307803x", "经营者[证件号码]"),
        ("11010119900307803X", "[证件号码]"),
        ("经营者110101199003078038", "经营者110101199003078038"),  # its check is wrong
        ("身份证号：110101199003078038", "身份证号：[证件号码]"),
        ("SL21P370102000001", "SL21P370102000001"),
        ("370102202105030123", "370102202105030123"),  # a form's number with a day in it
        ("91370102MA3ABCDE1X", "91370102MA3ABCDE1X"),
        ("6901234567892", "6901234567892"),
        ("铅≤0.2mg/kg", "铅≤0.2mg/kg"),
    ],
)
def test_numbers_of_persons_in_free_text(deliver: Deliver, text: str, kept: str) -> None:
    reading, rows = deliver(f"食品名称,被抽样单位地址,判定,附记\n甲,{text},合格,{text}\n")
    assert values(reading, rows, "sampled_address") == [(kept,)] and rows[0].extra == {"附记": kept}


def test_a_bare_mobile_number_is_kept_where_it_may_be_another(deliver: Deliver) -> None:
    reading, rows = deliver("食品名称,抽样编号,判定,附记,备注\n甲,13800138000,合格,13800138000,13800138000\n")
    assert values(reading, rows, "sample_no", "remark") == [("13800138000", "[手机号码]")]
    assert rows[0].extra == {"附记": "[手机号码]"}


def test_a_name_that_a_word_announces(deliver: Deliver) -> None:
    text = "联系人：张三丰，执法人员: 李四、王五；负责人不在场"
    reading, rows = deliver(f"食品名称,判定,附记,备注\n甲,合格,{text},{text}\n")
    kept = "联系人：[姓名]，执法人员: [姓名]；负责人不在场"
    assert values(reading, rows, "remark") == [(kept,)] and rows[0].extra == {"附记": kept}


CODED = "食品名称,被抽样单位,被抽样单位地址,判定,被抽样单位统一社会信用代码\n"
HASH = re.compile("[0-9a-f]{32}")


def parties(reading: Reading, rows: list[Row]) -> list[tuple[str | None, ...]]:
    return values(reading, rows, "sampled_name", "sampled_address")


@pytest.mark.parametrize(
    "code",
    [
        "92370102MA3ABCDE1X",
        "９２３７０１０２ＭＡ３ＡＢＣＤＥ１Ｘ",
        "92370102ma3abcde1x",
        "370100600000011",  # a registration number of households
        "３７０１００８０００００１１３",
        "3.70100600000011E+14",
        "3.70101E+14",
        " \u3000\t92370102MA3ABCDE1X",
        "9 2370102 MA3ABCDE1X",
        "\u200b'92370102MA3ABCDE1X",
        "92",
        "9.23701021234567E+17",  # digits only, as Excel exports it
        "91370102MA3ABCDE1X/92370102MA3ABCDE1X",
    ],
)
def test_household_names_and_addresses_are_hashed(deliver: Deliver, code: str) -> None:
    for content in (
        f"{CODED}甲,王五小吃,历下区某巷1号,合格,{code}\n",
        book(("表", [CODED.strip().split(","), ["甲", "王五小吃", "历下区某巷1号", "合格", code]])),
    ):
        reading, rows = deliver(content)
        assert "王五" not in repr((reading.meta, rows)) and "某巷" not in repr((reading.meta, rows))
        assert all(HASH.fullmatch(text or "") for text in parties(reading, rows)[0])
        assert values(reading, rows, "product_name", "result", "sampled_uscc") == [("甲", "合格", code)]
        assert reading.mapping[rows[0].part]["被抽样单位"] == "sampled_name"


@pytest.mark.parametrize(
    "code",
    [
        "91370102MA3ABCDE1X",
        "91923701MA3ABCDE1X",
        "12",
        "",
        "/",
        "１９２",
        "9.23",
        "370100400000013",
        "3.70100100000013E+14",
    ],
)
def test_names_under_other_codes_stay_as_delivered(deliver: Deliver, code: str) -> None:
    reading, rows = deliver(f"{CODED}甲, 某 店,历下区1号,合格,{code}\n")
    assert parties(reading, rows) == [(" 某 店", "历下区1号")]


def test_equal_names_of_households_hash_equal(tmp_path: Path) -> None:
    path = tmp_path / "d"
    lines = ("甲,王五ABC,a,合格,92X", "乙, 王五 ａｂｃ,b,合格,９２Y", "丙,王六,b,合格,92X", "丁,王五ABC,,合格,91X")
    path.write_text(CODED + "\n".join((*lines, "戊,/,-,合格,92X")) + "\n", encoding="utf-8")

    def names(key: bytes) -> list[tuple[str | None, ...]]:
        reading = read(path, "d.csv", FOOD, {}, hash_key=key)
        assert list(reading.rows()) == list(reading.rows())
        return parties(reading, list(reading.rows()))

    one, two, three, enterprise, unnamed = names(b"k")
    assert one[0] == two[0] != three[0] and two[1] == three[1]
    assert enterprise == ("王五ABC", None) and unnamed == ("/", "-")  # nobody is named
    assert names(b"l")[0] != one
    # The hash of `personal: hash`: a person in both kinds of column can be linked.
    path.write_text("总体满意度,手机\n8,王五abc\n")
    assert next(read(path, "d.csv", declared("hash"), {}, hash_key=b"k").rows()).values[1] == one[0]
    # What our export of quarantined rows sends back is not hashed again.
    path.write_text(f"{CODED}甲,{one[0]},{one[1]},合格,92X\n", encoding="utf-8")
    assert names(b"k") == [one]


def test_a_party_without_its_own_code_is_unaffected(deliver: Deliver) -> None:
    reading, rows = deliver("食品名称,生产者,生产者统一社会信用代码,被抽样单位,判定\n甲,王五作坊,92X,某店,合格\n")
    ((producer, sampled),) = values(reading, rows, "producer_name", "sampled_name")
    assert HASH.fullmatch(producer or "") and sampled == "某店"


def test_without_a_code_column_no_key_is_made(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> str:
        raise AssertionError("a key was made")

    monkeypatch.setattr(Credentials, "generate", forbidden)
    reading, rows = deliver("食品名称,被抽样单位,判定,信用\n甲,某店,合格,92X\n")
    assert values(reading, rows, "sampled_name") == [("某店",)]
    deliver(f"{CODED}甲,某店,,合格,91X\n")
    with pytest.raises(AssertionError, match="a key was made"):
        deliver(f"{CODED}甲,某店,,合格,92X\n")


def test_repeated_names_and_codes_of_households(deliver: Deliver) -> None:
    header = "食品名称,被抽样单位名称,经营者名称,被抽样单位信用代码,经营者统一社会信用代码,判定"
    lines = [header, "甲,王五店,王五,91X,92X,合格", "乙,某公司,某,91X,,合格"]
    for content in ("\n".join(lines), book(("表", [line.split(",") for line in lines]))):
        reading, rows = deliver(content)
        assert "王五" not in repr(rows)
        assert HASH.fullmatch(rows[0].extra["经营者名称"] or "")
        assert rows[1].extra["经营者名称"] == "某" and values(reading, rows, "sampled_name")[1] == ("某公司",)


def test_sheets_with_and_without_codes(deliver: Deliver) -> None:
    coded = ["被抽样单位统一社会信用代码", "食品名称", "被抽样单位", "判定"]
    workbook = book(("一", [coded, ["92X", "甲", "王五", "合格"]]), ("二", [coded[1:], ["92", "某店", "合格"]]))
    reading, rows = deliver(workbook)
    (one,), (two,) = values(reading, rows, "sampled_name")
    assert HASH.fullmatch(one or "") and two == "某店"


@pytest.mark.parametrize(
    "line",
    [
        "甲,多,王五,某巷,合格,92X",  # shifted to the right
        "甲,王五,某巷,合格,92X,余",  # not shifted
        "甲,王五,某,巷,余,合格,９２X",
        "王五,某巷,合格,92X",  # to the left
        "甲,王五,某巷,92X",
        '甲,"王五,某巷",合格,92X',
        '甲,王五,某巷,"合格,92X"',
    ],
)
def test_households_do_not_slip_through_shifted_rows(deliver: Deliver, line: str) -> None:
    _, rows = deliver(f"{CODED}{line}\n")
    assert "王五" not in repr(rows) and "巷" not in repr(rows) and int(rows[0].extra["__withheld__"] or 0) > 0
    _, rows = deliver(f"{CODED}{line.replace('92', '91').replace('９２', '91')}\n")
    assert "王五" in repr(rows) and "__withheld__" not in rows[0].extra


def test_separators_at_the_end_of_the_line_shift_no_household(deliver: Deliver) -> None:
    reading, rows = deliver(f"{CODED}甲,王五,某巷,合格,92X,,\n")
    assert rows[0].extra == {} and all(HASH.fullmatch(text or "") for text in parties(reading, rows)[0])


def test_given_columns_hold_for_this_delivery(deliver: Deliver) -> None:
    reading, rows = deliver("D;X1;X2\n0;3;2\n", source=SURVEYS, columns={"X1": "overall"}, scale_max=5)
    assert rows == [Row("", 2, ["3"], {"D": "0", "X2": "2"})]
    assert reading.meta["scale_max"] == 5 and reading.meta["columns"] == {"X1": "overall"}


def test_given_columns_that_the_file_lacks_are_refused(deliver: Deliver) -> None:
    text = refusal(deliver, "D;X1\n0;3\n", source=SURVEYS, columns={"X1": "overall", "X9": "ideal"})
    assert text.code == "bad_meta" and "'X9'" in text.en and "D, X1" in text.en


def test_unknown_meta_is_refused(deliver: Deliver) -> None:
    assert "did you mean verdict?" in refusal(deliver, TABLE, verdit="pass").en


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ("(1-5分)", 1, 5),
        ("（5分制）", 1, 5),
        ("(1-7分)", 1, 7),
        ("(7分制)", 1, 7),
        ("(1-10分)", 1, 10),
        ("（１０分制）", 1, 10),
        ("(0-100分)", 0, 100),
        ("（百分制）", 0, 100),
    ],
)
def test_a_survey_whose_headers_say_the_scale(deliver: Deliver, said: str, low: int, high: int) -> None:
    lines = f"编号,总体满意度{said},与预期相比{said},与理想相比{said}\n1,3,4,5\n"
    reading, rows = deliver(lines, source=SURVEYS)
    assert (reading.meta["scale_min"], reading.meta["scale_max"]) == (low, high)
    assert values(reading, rows, "overall", "expectation", "ideal") == [("3", "4", "5")]
    # The sidecar knows better.
    assert deliver(lines, source=SURVEYS, scale_max=20)[0].meta["scale_max"] == 20


# ----------------------------------------------------------------------------------------- header and title


def test_title_rows_above_the_header(deliver: Deliver) -> None:
    lines = "附件2,,\n"
    lines += "济南市食品抽检不合格产品信息（2020年第8期）,,\n2020年8月5日,,\n\n序号,食品名称,判定\n1,甲,合格\n"
    reading, rows = deliver(lines, name="whatever_20210101.csv")
    assert [r.file_row for r in rows] == [6]
    meta = reading.meta
    assert meta["title"][:2] == ["附件2", "济南市食品抽检不合格产品信息（2020年第8期）"]
    assert (meta["issued_on"], meta["issued_on_basis"], meta["period"]) == (
        "2020-08-05",
        "title",
        "2020年第8期",
    )
    assert meta["dates_found"] == ["2020-08-05", "2021-01-01"]
    assert meta["file"]["parts"][0]["header_row"] == 5


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("关于撤销部分食品监督抽检结果的公告,\n序号,抽样编号\n1,SC1\n", "d.csv"),
        ("抽样编号\nSC1\n", "撤销公告_20210304.csv"),
        ("抽样编号\nSC1\n", "2021年第3期抽检不合格信息(撤回通知).csv"),
        (book(("作废名单", [["抽样编号"], ["SC1"]])), "d.xlsx"),
    ],
)
def test_a_file_that_says_that_its_records_are_withdrawn(
    deliver: Deliver, content: str | openpyxl.Workbook, name: str
) -> None:
    """Form numbers are enough then: what is withdrawn needs no verdict."""
    reading, rows = deliver(content, name=name)
    assert reading.meta["record_action"] == "withdraw" and len(rows) == 1


def test_what_is_not_said_of_records_withdraws_none(deliver: Deliver) -> None:
    for title in ("关于撤销某公司食品经营许可证的决定", "食品抽检信息公告", "不合格食品已下架、召回、撤市", "撤销"):
        reading, _ = deliver(f"{title},\n食品名称,判定\n甲,合格\n")
        assert "record_action" not in reading.meta, title
    assert refusal(deliver, "抽样编号\nSC1\n").code == "missing_column"
    assert refusal(deliver, "抽样编号\nSC1\n", record_action="report").code == "missing_column"
    # Who knows better says so; and half a workbook is not taken for the other half.
    said = deliver("抽样编号,食品名称,判定\nSC1,甲,合格\n", name="撤销公告.csv", record_action="report")[0]
    assert said.meta["record_action"] == "report"
    two = book(("抽检结果", [["食品名称", "判定"], ["甲", "合格"]]), ("撤销名单", [["抽样编号"], ["SC1"]]))
    mixed = refusal(deliver, two)
    assert mixed.code == "mixed_action" and "撤销名单" in mixed.zh and "record_action=report" in mixed.en


@pytest.mark.parametrize(
    ("name", "issued_on", "period"),
    [
        ("附件1 食品抽检合格产品信息(2020年第8期).xlsx", None, "2020年第8期"),
        ("不合格_20210304.csv", "2021-03-04", None),
        ("公告 2021-03-04.csv", "2021-03-04", None),
        ("公告_2021_03_04.csv", "2021-03-04", None),
        ("2021年3月4日公告.csv", "2021-03-04", None),
        ("2021年3月4日至2021年3月9日.csv", None, "2021年3月4日至2021年3月9日"),
        ("20210230.csv", None, None),
        ("2021_01.csv", None, "2021_01"),
        ("plain.csv", None, None),
    ],
)
def test_what_a_file_name_says(deliver: Deliver, name: str, issued_on: str | None, period: str | None) -> None:
    meta = deliver(TABLE, name=name)[0].meta
    assert (meta.get("issued_on"), meta.get("period")) == (issued_on, period)
    assert meta.get("issued_on_basis") == ("file_name" if issued_on else None)


def test_given_meta_outranks_the_title(deliver: Deliver) -> None:
    meta = deliver("2020年8月5日\n" + TABLE, issued_on="2020-09-01", sampling_kind="evaluation")[0].meta
    assert (meta["issued_on"], meta["issued_on_basis"]) == ("2020-09-01", "given")
    assert meta["sampling_kind"] == "evaluation"


def test_header_on_row_30_is_found_and_on_31_not(deliver: Deliver) -> None:
    assert len(deliver("注,,\n" * 29 + TABLE)[1]) == 2
    assert refusal(deliver, "注,,\n" * 30 + TABLE).code == "no_header"


def test_header_only_is_a_delivery_of_no_rows(deliver: Deliver) -> None:
    for content in ("食品名称,判定\n", "食品名称,判定", book(("a", [["食品名称", "判定"]]))):
        reading, rows = deliver(content)
        assert rows == [] and reading.columns == ["product_name", "result"] and reading.counts["rows"] == 0


def test_rows_can_be_read_twice(deliver: Deliver) -> None:
    for content in (TABLE, book(("a", [line.split(",") for line in TABLE.split("\n")]))):
        reading, rows = deliver(content)
        assert list(reading.rows()) == rows and reading.counts["rows"] == 2


def test_two_iterations_at_once(deliver: Deliver) -> None:
    reading, rows = deliver(book(("a", [["食品名称", "判定"], *([f"{i}", "合格"] for i in range(50))])))
    assert [one for one, _ in zip(reading.rows(), reading.rows(), strict=True)] == rows


# ----------------------------------------------------------------------------------------------- refusals


def test_a_renamed_required_column_is_refused_with_the_line_to_add(deliver: Deliver) -> None:
    text = refusal(deliver, "序号,食品的名称,判定\n1,甲,合格\n", name="八月.csv")
    assert text.code == "missing_column"
    for words in (text.zh, text.en):
        assert "八月.csv" in words and "product_name" in words and "食品的名称" in words
        assert "- 食品的名称" in words and "columns.product_name.aliases" in words
        assert "dags/sources/food_spot_checks.yml" in words and "--set columns=" in words
    # What it says works.
    rows = deliver("序号,食品的名称,判定\n1,甲,合格\n", columns='{"食品的名称": product_name}')[1]
    assert rows[0].values == ["1", "甲", "合格"]


def test_no_verdict_anywhere_is_refused_unless_the_sidecar_says_it(deliver: Deliver) -> None:
    text = refusal(deliver, "序号,食品名称\n1,甲\n")
    assert text.code == "missing_column" and "one of" in text.en and "--set verdict=pass|fail" in text.zh
    reading, rows = deliver("序号,食品名称\n1,甲\n", verdict="pass")
    assert reading.meta["verdict"] == "pass" and len(rows) == 1


def test_no_known_header_is_refused_and_shows_names_but_never_data(deliver: Deliver) -> None:
    text = refusal(deliver, "D;X1;X2\n0;3;2\n", source=SURVEYS)
    assert text.code == "no_header" and "D, X1, X2" in text.en and "总体满意度" in text.zh
    text = refusal(deliver, "张三,13800138000,8\n李四,13900139000,9\n", source=SURVEYS)
    assert "张三" not in text.zh + text.en and "138" not in text.zh + text.en


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + stream.encode("utf-16-le") + bytes(100)


def zipped(**entries: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name.replace("__", "/") + (".xml" if name != "mimetype" else ""), text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty_file", ["0 bytes"]),
        (b"\xef\xbb\xbf\r\n \n", "empty_file", ["white space only"]),
        (bytes(range(256)) * 40, "binary", ["control characters"]),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "binary", ["an image", "Ask the sender"]),
        (b"SQLite format 3\0" + bytes(50), "binary", ["SQLite"]),
        ("食品名称,判定\n甲,合格\n".encode("utf-16-le"), "encoding", ["UTF-16 without a BOM"]),
        (b"%PDF-1.7\n", "pdf", ["PDF", "Ask the sender"]),
        (b"{\\rtf1 x}", "doc", ["RTF"]),
        (b"<!DOCTYPE html><p>x", "no_table", ["no table", "Ask the sender"]),
        (b"<!DOCTYPE html><table><tr><td>x", "no_header", ["no known column"]),
        (b"<?xml version='1.0'?><Workbook/>", "xml", ["XML"]),
        (ole("Workbook"), "damaged", ["cannot be read", "save it as .xlsx"]),
        (ole("WordDocument"), "doc", [".doc"]),
        (ole("EncryptedPackage"), "encrypted", ["password"]),
        (ole("Something"), "binary", ["old Office file"]),
        (zipped(word__document="<x/>"), "doc", ["Word"]),
        (
            zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet", content="<x/>"),
            "damaged",
            ["cannot be read"],
        ),
        (zipped(a="x"), "no_header", ["no known column"]),
        (zipped(OFD="<x/>"), "pdf", ["OFD"]),
        (b"MIME-Version: 1.0\r\n", "doc", ["web archive"]),
        (bytes(257) + b"ustar" + bytes(100), "archive", ["tar"]),
        (zipped(xl__workbook="<x/>"), "damaged", ["cannot be read"]),
        (zipped(xl__workbook="<x/>")[:-30], "damaged", ["uploaded in part"]),
        (b"\x1f\x8b\x08" + bytes(30), "archive", ["gzip"]),
    ],
)
def test_what_is_not_a_table_is_refused_by_name(deliver: Deliver, content: bytes, code: str, words: list[str]) -> None:
    text = refusal(deliver, content, name="数据.csv")
    assert text.code == code and "数据.csv" in text.zh and "数据.csv" in text.en
    for word in words:
        assert word in text.en


def test_contents_decide_not_names(deliver: Deliver) -> None:
    assert len(deliver(TABLE, name="d.xlsx")[1]) == 2
    workbook = book(("a", [["食品名称", "判定"], ["甲", "合格"]]))
    assert len(deliver(workbook, name="d.csv")[1]) == 1


# ---------------------------------------------------------------------------------------------- workbooks


def test_a_notice_as_offices_send_it(deliver: Deliver) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "不合格"
    sheet["B2"] = "附件2"
    sheet["B3"] = "食品抽检不合格产品信息（2025年9月10日）"
    sheet.merge_cells("B3:F3")
    for column, text in enumerate(["序号", "样品\n名称*", "被抽样单位名称", "判定", "备注", "备注"], 2):
        sheet.cell(5, column, text)
    for column, value in enumerate([1, "豆浆", "某店", "不合格", None, "二", "旁注"], 2):
        sheet.cell(7, column, value)
    reading, rows = deliver(workbook)
    assert reading.columns == ["seq", "product_name", "sampled_name", "result", "remark"]
    assert rows == [Row("不合格", 7, ["1", "豆浆", "某店", "不合格", None], {"备注.2": "二", "__column_8__": "旁注"})]
    assert reading.meta["issued_on"] == "2025-09-10" and reading.meta["title"][0] == "附件2"
    assert reading.meta["file"]["parts"][0]["header_row"] == 5
    assert reading.mapping["不合格"]["样品名称*"] == "product_name"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (3.0, "3"),
        (-2.0, "-2"),
        (0.658, "0.658"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (123456789012345, "123456789012345"),
        (1e15, "1000000000000000"),
        ("007", "007"),
        (" 3 ", " 3 "),
        ("-1", "-1"),
        (True, "TRUE"),
        (datetime.date(2021, 3, 4), "2021-03-04"),
        (datetime.datetime(2021, 3, 4, 15, 4, 5), "2021-03-04 15:04:05"),
        (datetime.time(15, 4, 5), "15:04:05"),
        ("第一行\n第二行", "第一行\n第二行"),
        ("甲\u3000乙", "甲\u3000乙"),
    ],
)
def test_cells_as_excel_shows_them(deliver: Deliver, value: Any, text: str) -> None:
    workbook = book(("a", [["食品名称", "判定"]]))
    workbook.worksheets[0]["A2"] = value
    assert deliver(workbook)[1][0].values[0] == text


def test_several_sheets(deliver: Deliver) -> None:
    workbook = book(
        ("合格", [["食品名称", "判定"], ["甲", "合格"]]),
        ("说明", [["本表由某处填报"], ["分类", "批次数"], ["粮食", 3]]),
        ("空", []),
        ("不合格", [["标题"], ["判定", "样品名称", "不合格项目"], ["不合格", "乙", "铅"]]),
        ("藏", [["食品名称", "判定"], ["丙", "合格"]]),
    )
    workbook["藏"].sheet_state = "hidden"
    reading, rows = deliver(workbook)
    assert reading.columns == ["product_name", "item_name", "result"]
    assert [(r.part, r.file_row, r.values) for r in rows] == [
        ("合格", 2, ["甲", None, "合格"]),
        ("不合格", 3, ["乙", "铅", "不合格"]),
        ("藏", 2, ["丙", None, "合格"]),
    ]
    file = reading.meta["file"]
    assert [(p["part"], p["hidden"]) for p in file["parts"]] == [
        ("合格", False),
        ("不合格", False),
        ("藏", True),
    ]
    assert [(p["part"], p["reason"][:16]) for p in file["skipped_parts"]] == [
        ("说明", "required columns"),
        ("空", "empty"),
    ]


def test_a_sheet_of_ours_that_is_not_whole_refuses_the_file(deliver: Deliver) -> None:
    good = ("合格", [["食品名称", "判定"], ["甲", "合格"]])
    bad = ("不合格", [["序号", "食品", "判定", "不合格项目"], [1, "乙", "不合格", "铅"]])
    text = refusal(deliver, book(good, bad))
    assert text.code == "missing_column" and "sheet '不合格', row 1" in text.en and "工作表「不合格」" in text.zh


def test_phantom_columns_and_cells_beside_the_table(deliver: Deliver) -> None:
    workbook = book(("a", [["食品名称", "判定"], ["甲", "合格"], ["乙", "合格"]]))
    sheet = workbook.worksheets[0]
    for column in range(3, 16_358):
        sheet.cell(1, column).number_format = "0.00"  # styled, empty: the header of 16,357 columns
    sheet["E3"] = "手写"
    reading, rows = deliver(workbook)
    assert len(reading.mapping["a"]) == 2
    assert rows[0].extra == {} and rows[1].extra == {"__column_5__": "手写"}


def test_corner_cells_are_refused_before_anything_opens_them(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook = book(("a", [["食品名称", "判定"]]))
    workbook.worksheets[0]["XFD1048576"] = 1
    text = refusal(deliver, workbook)
    assert text.code == "too_large" and "XFD1048576" in text.en and "Ctrl+End" in text.zh
    # What the look at the XML overlooks meets the child's limits: the rectangle is more than it may hold, so the
    # sheet is streamed, and this process lives.
    monkeypatch.setattr(workbooks, "_check_parts", lambda file: None)
    _, rows = deliver(workbook)
    assert [row.file_row for row in rows] == [1_048_576]


def test_rows_end_where_the_spool_index_begins(deliver: Deliver) -> None:
    # The index's offset is binary; between 2,560 and 2,815 it holds a line feed.
    _, rows = deliver(book(("a", [["食品名称", "判定"], ["x" * 2600, "合格"]])))
    assert [row.values[0] for row in rows] == ["x" * 2600]


def test_a_zip_bomb_is_refused(deliver: Deliver) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    text = refusal(deliver, out.getvalue())
    assert text.code == "too_large" and "ratio" in text.en


def rewritten(workbook: openpyxl.Workbook, entry: str, change: Callable[[bytes], bytes]) -> bytes:
    before, after = io.BytesIO(), io.BytesIO()
    workbook.save(before)
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == entry else data)
    return after.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_entities_are_refused(deliver: Deliver) -> None:
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'
    data = rewritten(book(("a", [["食品名称", "判定"]])), SHEET, lambda xml: entity + xml)
    assert refusal(deliver, data).code == "damaged"


def test_a_workbook_cut_or_broken_inside_is_refused(deliver: Deliver) -> None:
    data = rewritten(book(("a", [["食品名称", "判定"], ["甲", "合格"]])), SHEET, lambda xml: xml[: len(xml) // 2])
    assert refusal(deliver, data).code == "damaged"


def test_a_declared_dimension_is_not_believed(deliver: Deliver) -> None:
    data = rewritten(
        book(("a", [["食品名称", "判定"], ["甲", "合格"]])),
        SHEET,
        lambda xml: xml.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"'),
    )
    assert len(deliver(data)[1]) == 1


def test_no_known_header_in_any_sheet(deliver: Deliver) -> None:
    text = refusal(deliver, book(("a", [["甲", "乙"], [1, 2]]), ("b", [])))
    assert text.code == "no_header" and "甲, 乙" in text.en


def test_the_child_leaves_nothing_behind_and_its_failure_is_told(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbook = book(("a", [["食品名称", "判定"], ["甲", "合格"]]))
    monkeypatch.setattr(workbooks, "WORKBOOK_SECONDS", 0.001)
    text = refusal(deliver, workbook)
    assert text.code == "too_large" and "CSV" in text.zh
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY  # the limits were the child's


def test_csv_streams_in_flat_memory(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        with path.open("w", encoding="utf-8") as out:
            out.write("抽样编号,食品名称,判定\n")
            out.writelines(f"SC{number},小麦粉,合格\n" for number in range(rows))
        tracemalloc.start()
        try:
            assert sum(1 for _ in read(path, path.name, FOOD, {}).rows()) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # imports and caches
    # Past the size of one block of decoding, more rows take no more memory.
    assert peak(200_000) < 1.2 * peak(100_000)


def test_reading_a_csv_imports_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(TABLE)
    code = (
        "import sys, pathlib\nfrom baotu.readers import read\nfrom baotu.sources import load_source\n"
        f"list(read(pathlib.Path({str(path)!r}), 'd.csv', load_source('food_spot_checks'), {{}}).rows())\n"
        "print([m for m in ('pandas', 'numpy', 'great_expectations', 'dbt', 'openpyxl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ----------------------------------------------------------------------------------------------- real files


def real(path: str) -> Path:
    if not (REAL / path).exists():
        pytest.skip(f"real deliveries are not here: ../shared/real/{path}")
    return REAL / path


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "rows", "last", "encoding"),
    [
        ("2016.csv", 634, 636, "UTF-8"),
        ("2021_01.csv", 540, 542, "UTF-8"),
        ("2021_02.csv", 538, 539, "UTF-8"),
        ("gb18030_failures.csv", 3, 4, "GB18030"),
        ("header_only.csv", 0, None, "UTF-8"),
    ],
)
def test_real_spot_checks(name: str, rows: int, last: int | None, encoding: str) -> None:
    reading = read(real(f"spot_checks/{name}"), name, FOOD, {})
    found = list(reading.rows())
    assert len(found) == rows == reading.counts["rows"] and not any(row.extra for row in found)
    assert (found[-1].file_row if found else None) == last
    assert reading.meta["file"]["encoding"] == encoding
    assert set(reading.mapping[""].values()) == set(reading.columns) and len(reading.columns) == 17


@pytest.mark.real
def test_real_voice_survey() -> None:
    reading = read(real("surveys/voice_2022.xlsx"), "voice_2022.xlsx", SURVEYS, {})
    rows = list(reading.rows())
    scores = [int(score or "") for (score,) in values(reading, rows, "overall")]
    assert len(scores) == 5_433 and {min(scores), max(scores)} == {1, 10}
    assert round(sum(scores) / len(scores) * 10, 2) == 86.80  # measured independently: layouts of real files
    assert (reading.meta["scale_min"], reading.meta["scale_max"]) == (1, 10)
    assert reading.meta["file"]["parts"][0]["layout"] == "mobile_voice"
    assert len(reading.mapping["Sheet1"]) == 55 and rows[-1].file_row == 5_434
    assert {"其他，请注明", "其他，请注明.2", "手机没有信号"} <= reading.mapping["Sheet1"].keys()


@pytest.mark.real
def test_real_resident_survey() -> None:
    path = real("surveys/residents_utf16_semicolon.csv")
    with pytest.raises(Refused) as caught:
        read(path, path.name, SURVEYS, {})
    assert caught.value.code == "no_header"
    reading = read(path, path.name, SURVEYS, {"columns": {"X1": "overall"}, "scale_min": 1, "scale_max": 5})
    assert len(list(reading.rows())) == 143 and reading.meta["file"]["delimiter"] == "semicolon"


def test_a_member_whose_name_is_damaged_is_refused(deliver: Deliver) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("抽检.csv", "食品名称,判定\n甲,合格\n")
    data = out.getvalue().replace("抽检".encode(), b"\xe6\x8a\x9c\xff\xff\xff", 1)  # the first is the local header's
    assert refusal(deliver, data).code == "damaged"


def test_a_name_that_comes_fifty_thousand_times_takes_no_longer(deliver: Deliver) -> None:
    began = time.monotonic()
    reading, rows = deliver("食品名称,判定" + ",备注" * 50_000 + "\n甲,合格\n")
    assert len(rows) == 1 and time.monotonic() - began < 30  # four minutes, when each was counted from one
    assert "备注.50000" in reading.mapping[""]
