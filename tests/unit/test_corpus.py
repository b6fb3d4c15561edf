"""The corpus as the reader sees it: which tables, which verdict, which cells in which column."""

from collections import Counter

import pytest

from baotu.readers import Refused, read
from baotu.sources import load_source
from tests.corpus import Case, cases


def test_the_corpus_is_there() -> None:
    assert len(cases()) >= 30


@pytest.mark.parametrize("case", cases(), ids=str)
def test_what_reaches_raw(case: Case) -> None:
    expected = case.expected
    source = load_source(case.source)
    if "refused" in expected:
        with pytest.raises(Refused) as refused:
            read(case.file, case.file.name, source, {})
        assert refused.value.code == expected["refused"]
        assert [word for word in expected["says"] if word not in refused.value.en] == []
        return
    reading = read(case.file, case.file.name, source, expected.get("given", {}), hash_key=b"of the tests")
    rows = list(reading.rows())
    found = Counter(row.part for row in rows)
    for name, part in expected["parts"].items():
        assert found.pop(name, 0) == part["rows"], (name, reading.meta["file"])
        about = reading.meta["parts"].get(name, {})
        if "verdict" in part:
            assert about.get("verdict") == part["verdict"]
        if "header_row" in part:
            (described,) = (one for one in reading.meta["file"]["parts"] if one["part"] == name)
            assert described["header_row"] == part["header_row"]
    assert not found, "rows of other parts"
    assert sorted(one["part"] for one in reading.meta["file"]["skipped_parts"]) == sorted(expected.get("skipped", []))
    if "rows" in expected:
        cells = [dict(zip(reading.columns, row.values, strict=True)) for row in rows]
        wanted = expected["rows"]
        assert [{key: cell.get(key) for key in row} for cell, row in zip(cells, wanted, strict=True)] == wanted
