"""The enterprise register: real codes by their class, and a history that does not depend on the order of arrival."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import pandas as pd
import pytest
from stdnum.iso7064 import mod_11_10

from baotu import deliveries, publish
from baotu.settings import PROJECT
from tests.pipeline.conftest import Installation

REGISTRY = "enterprise_registry"
REAL = PROJECT.parent / "shared" / "real" / "enterprises"
#: The study's classes of a code, one to one to ours.
CLASSES = {
    "valid": "uscc_valid",
    "lowercase": "uscc_lower_case",
    "15-digit regno": "registration_no",
    "uscc-ok,orgcheck-bad": "uscc_inner_code_wrong",
    "uscc-bad,orgcheck-ok": "uscc_check_wrong",
    "uscc-bad,orgcheck-bad": "uscc_both_wrong",
    **{f"len{length}": f"length_{length}" for length in (10, 11, 13, 15)},
}
A, B, C, D = "91370000706266601D", "91370200264574251E", "913700007456765902", "9144030071526726XG"
WRONG = "91370000706266601E"
Row = dict[str, str]


def row(code: str, name: str, **cells: str) -> Row:
    return {
        "企业名称": name, "统一社会信用代码": code, "成立日期": "1986-05-01", "企业类型": "有限责任公司",
        "法定代表人": "张某某", "注册资本": "30万元", "经营状态": "存续", "地区": "济南", "住所": "济南市历下区解放路1号",
    } | cells  # fmt: skip


#: Extracts of distinct days, so that the order of arrival may not matter. Some hold all enterprises, some a few.
EXTRACTS: dict[date, list[Row]] = {
    date(2019, 12, 31): [row(A, "甲公司"), row(B, "乙公司", 住所="济南市章丘市双山街1号"), row(D, "丁公司")],
    date(2020, 6, 30): [
        row(A, "甲公司", 注册资本="30(万元人民币)"),  # another text, the same amount: no new interval
        row(B, "乙公司", 住所="济南市章丘区双山街1号"),
        row(C, "丙公司"),
        row(WRONG, "错码公司"),
    ],
    date(2020, 12, 31): [row(A.lower(), "甲公司"), row(C, "丙公司", 经营状态="注销")],
    date(2021, 6, 30): [row(A, "新甲公司"), row(B, "乙公司", 住所="济南市章丘区双山街1号"), row("", "无码公司")],
    date(2021, 12, 31): [row(A, "甲公司"), row(C, "丙公司"), row(C, "丙公司二行")],
}
#: In which order they arrive.
ORDERS = {"as issued": [0, 1, 2, 3, 4], "backwards": [4, 3, 2, 1, 0], "mixed": [2, 4, 0, 3, 1]}


def registration_no(number: int) -> str:
    """A registration number with its right check."""
    body = f"3701021{number:07d}"
    return body + str(mod_11_10.calc_check_digit(body))


def text_of(rows: Iterable[Row], others: int) -> str:
    """An extract as CSV, with so many other enterprises that one wrong row is below the limit of quarantine."""
    rows = [*rows, *(row(registration_no(number), f"其他{number}") for number in range(others))]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def oracle(extracts: dict[date, list[Row]]) -> list[tuple[Any, ...]]:
    """The history by pandas, from the rows alone: code, name, address, status, capital, from, before, last seen."""
    seen = pd.DataFrame([{**r, "day": day, "n": n} for day, rows in extracts.items() for n, r in enumerate(rows)])
    seen["code"] = seen["统一社会信用代码"].str.upper()
    seen = seen[~seen["code"].isin([WRONG, ""])].sort_values(["code", "day", "n"])
    seen = seen.drop_duplicates(["code", "day"], keep="first")
    history = []
    for code, own in seen.groupby("code"):
        said = own[["企业名称", "住所", "经营状态"]].agg("|".join, axis=1)
        run = (said != said.shift()).cumsum()
        begins = own.groupby(run)["day"].min().tolist()
        for begin, end, (_, part) in zip(begins, [*begins[1:], None], own.groupby(run), strict=True):
            first = part.iloc[0]
            history.append((code, first["企业名称"], first["住所"], first["经营状态"], begin, end, part["day"].max()))
    return sorted(history, key=lambda h: (h[0], h[4]))


def dimension(warehouse: Installation) -> list[tuple[Any, ...]]:
    wording = {"active": "存续", "deregistered": "注销"}
    return [
        (r["identifier"], r["enterprise_name"], r["address"], wording[r["status_code"]], r["valid_from_on"],
         r["valid_before_on"], r["observed_last_on"])
        for r in warehouse.rows(
            "select * from core.dim_enterprise where identifier_scheme = 'USCC' order by identifier, valid_from_on"
        )
    ]  # fmt: skip


def arrive(warehouse: Installation, day: date) -> int:
    """Load the extract of a day; its delivery."""
    warehouse.put(REGISTRY, f"企业登记信息_{day:%Y%m%d}.csv", text_of(EXTRACTS[day], 40))
    (landed,), (verdict,) = warehouse.ingest(REGISTRY)
    assert verdict.status == "accepted", verdict
    return landed.delivery_id


@pytest.mark.parametrize("order", ORDERS)
def test_history_does_not_depend_on_arrival(warehouse: Installation, order: str) -> None:
    days = sorted(EXTRACTS)
    arrived: dict[date, int] = {}
    for number, place in enumerate(ORDERS[order]):
        day = days[place]
        arrived[day] = arrive(warehouse, day)
        if number in (1, 4):
            publish.build()
            assert dimension(warehouse) == oracle({d: EXTRACTS[d] for d in arrived})
    assert warehouse.rows("select row_no, rule from quarantine.row order by rule") == [
        {"row_no": 3, "rule": "ENR002"},
        {"row_no": 4, "rule": "ENR003"},
    ]
    whole = warehouse.rows("select * from core.dim_enterprise order by enterprise_id, valid_from_on")
    assert len(whole) == len(oracle(EXTRACTS)) + 40
    # First seen where the history says so.
    assert {r["delivery_id"] for r in whole if r["identifier_scheme"] == "REG15"} == {arrived[days[0]]}

    # What only one extract said goes with it; what others said too stays, and comes back whole.
    deliveries.decide(arrived[days[2]], "withdraw", "sent by mistake")
    publish.build()
    assert dimension(warehouse) == oracle({d: rows for d, rows in EXTRACTS.items() if d != days[2]})
    deliveries.decide(arrived[days[2]], "accept", "it was right")
    publish.build()
    assert warehouse.rows("select * from core.dim_enterprise order by enterprise_id, valid_from_on") == whole


def test_persons_stay_out(warehouse: Installation) -> None:
    """The legal representative never reaches raw; a household's name only as a hash."""
    household = "92370102MA3C1LM27F"
    warehouse.put(
        REGISTRY, "企业登记信息_20220630.csv", text_of([row(A, "甲公司"), row(household, "历下区李某某小吃店")], 20)
    )
    warehouse.ingest(REGISTRY)
    for table in (f"raw.{REGISTRY}", f"staging.stg_{REGISTRY}"):
        everything = str(warehouse.rows(f"select * from {table}"))
        assert "甲公司" in everything and "张某某" not in everything and "李某某" not in everything


def test_the_word_null_is_no_value(warehouse: Installation) -> None:
    """dbt reads the word as missing in its own seed, so the macro must know it."""
    cells = dict(zip(("注册资本", "经营状态", "住所"), ("null", "NULL", "N/A"), strict=True))
    warehouse.put(REGISTRY, "企业登记信息_20220630.csv", text_of([row(A, "甲公司", **cells)], 20))
    warehouse.ingest(REGISTRY)
    (typed,) = warehouse.rows(f"select * from staging.stg_{REGISTRY} where identifier = %s", A)
    assert (typed["capital_text"], typed["status_text"], typed["address"]) == (None, None, None)


@pytest.mark.real
@pytest.mark.parametrize(("name", "rows", "quarantined"), [("jinan_half", 6_075, 0), ("invalid_codes_sample", 432, 9)])
def test_real_codes_have_their_class(warehouse: Installation, name: str, rows: int, quarantined: int) -> None:
    path = REAL / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"real deliveries are not here: ../shared/real/enterprises/{name}.csv")
    warehouse.put(REGISTRY, f"{name}_20190501.csv", path.read_bytes())
    _, (verdict,) = warehouse.ingest(REGISTRY)
    assert (verdict.status, verdict.rows_read, verdict.rows_quarantined) == ("accepted", rows, quarantined)
    found = warehouse.rows(
        f"select staged.code_class, staged.identifier_scheme as scheme, delivered.extra ->> 'class' as class, count(*)"
        f" from staging.stg_{REGISTRY} as staged inner join raw.{REGISTRY} as delivered using (delivery_id, row_no)"
        " group by 1, 2, 3"
    )
    # Every code, without an exception.
    assert [r for r in found if r["code_class"] != CLASSES[r["class"]]] == []
    delivered = pd.read_csv(path, dtype=str, keep_default_na=False)
    counted: Counter[str] = Counter()
    for r in found:
        counted[r["class"]] += r["count"]
    assert counted == Counter(delivered["class"])
    # Of the odd lengths only 95028570-8 is an organisation code; numbers with letters (321181NA000037X) are others.
    assert {r["class"] for r in found if r["scheme"] == "ORG"} <= {"len10"}
    assert {r["class"] for r in found if r["scheme"] == "REG15"} <= {"15-digit regno"}
    held = warehouse.rows(
        f"select distinct staged.code_class from quarantine.row inner join staging.stg_{REGISTRY} as staged"
        " using (delivery_id, row_no)"
    )
    assert {r["code_class"] for r in held} <= {"uscc_check_wrong", "uscc_both_wrong"}
    # All of the one extract are listed under Jinan or its former neighbour 莱芜; districts come from addresses.
    if name == "jinan_half":
        placed = warehouse.rows(f"select division_code, count(*) from staging.stg_{REGISTRY} group by 1")
        assert {r["division_code"] for r in placed} == {
            "370100", "370102", "370103", "370104", "370105", "370112", "370113", "370114", "370115", "370116",
            "370117", "370124", "370126",
        }  # fmt: skip
        assert warehouse.rows(
            f"select count(*) from staging.stg_{REGISTRY} where address ~ '莱城区' and division_code <> '370116'"
            " or address ~ '章丘市' and division_code <> '370114'"
        ) == [{"count": 0}]
        # Names of the 15 households are hashed.
        assert warehouse.rows(
            f"select count(*) from staging.stg_{REGISTRY} where identifier like '92%%' and enterprise_name ~ '[一-龥]'"
        ) == [{"count": 0}]
