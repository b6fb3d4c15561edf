"""Rows read some hundred at a time are those read one by one, whatever stands in them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from baotu.readers import Reading, Refused, Row, read, rows, text
from baotu.sources import load_source

REGISTRY = load_source("enterprise_registry")
HEADER = "企业名称,统一社会信用代码,法定代表人,注册资本,住所,经营范围\n"
CELLS = (
    "示例甲有限公司", "示例商行", "91370102PDY00001XB", "92370102PDY00001XB", "370102198001011237", "13812345678", "",
    "９２３７", "电话 138-1234-5678", "电话１３８１２３４５６７８", "138 1234 5678", " ", "注:以上", "a\\b", "\\N", "3\t4", '"引号"', '"一,二"',
    '"上\n下"', '"a""b"', "370102", "2019-05-06", "0531-88888888", "企业名称",
)  # fmt: skip
lines = st.lists(st.sampled_from(CELLS), min_size=5, max_size=7).map(",".join)
texts = st.lists(
    st.one_of(lines, st.just("示例乙有限公司,91370102PDY00002XB,示例某,1,济南市,零售"), st.just("")), max_size=30
)


def of(reading: Reading) -> tuple[list[Row], dict[str, int]] | str:
    try:
        return list(reading.rows()), dict(reading.counts)
    except Refused as refusal:
        return refusal.en


@given(texts, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@effort(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_together_is_as_one_by_one(tmp_path: Path, records: list[str], end: str, ends: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + end.join(records) + end * ends, encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(text, "_TOGETHER", 1 << 20)
        patched.setattr(rows._Delimited, "block", lambda *_: None)
        one_by_one = of(read(path, "a.csv", REGISTRY, {}, hash_key=b"k"))
    for together in (1, 60, 400):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(text, "_TOGETHER", together)
            assert of(read(path, "a.csv", REGISTRY, {}, hash_key=b"k")) == one_by_one


def test_plain_rows_are_read_together(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    row = "示例乙有限公司,91370102PDY00002XB,示例某,1,济南市,{}\n"
    said = [*["零售"] * 300, "电话13812345678", *["零售"] * 300]
    path.write_text(HEADER + "".join(map(row.format, said)), encoding="utf-8")
    blocks = list(read(path, "a.csv", REGISTRY, {}, hash_key=b"k").blocks())
    assert len(blocks) < 10
    assert sum(len(block.rows) for block in blocks) == 601 and "13812345678" not in str(blocks)


def test_another_table_behind_a_note_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    row = "示例乙有限公司,91370102PDY00002XB,示例某,1,济南市,零售\n"
    other = "名称,社会信用代码,地址,类型,状态,区县\n"
    path.write_text(HEADER + row * 3 + "注:以上为一表,,,,,\n" + other + row * 3, encoding="utf-8")
    # The note ends a stretch, and the other header begins one.
    monkeypatch.setattr(text, "_TOGETHER", 1)
    with pytest.raises(Refused, match="the header of another table"):
        list(read(path, "a.csv", REGISTRY, {}, hash_key=b"k").rows())
