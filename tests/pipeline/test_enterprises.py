"""The enterprise register: real codes by their class, and a history that does not depend on the order of arrival."""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import pandas as pd
import pytest
from stdnum.iso7064 import mod_11_10

from baotu import deliveries, publish
from baotu.samples import uscc
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
A, B = "91370000706266601D", "91370200264574251E"
WRONG = "91370000706266601E"
Row = dict[str, str]


def row(code: str, name: str, **cells: str) -> Row:
    return {
        "企业名称": name, "统一社会信用代码": code, "成立日期": "1986-05-01", "企业类型": "有限责任公司",
        "法定代表人": "张某某", "注册资本": "30万元", "经营状态": "存续", "地区": "济南", "住所": "济南市历下区解放路1号",
    } | cells  # fmt: skip


def registration_no(number: int) -> str:
    """A registration number with its right check."""
    body = f"3701021{number:07d}"
    return body + str(mod_11_10.calc_check_digit(body))


def extracts(seed: int = 6) -> dict[date, list[Row]]:
    """Ten extracts of distinct days, of what thirty enterprises were then: each shows some of them, as they were.

    A third had a 15-digit number before they had a code; an extract or two shows both. Names, addresses, status and
    capital change and change back. Some rows are wrong, or come twice.
    """
    draw = random.Random(seed)
    days = [date(2013 + n, 12, 31) for n in range(10)]
    made: dict[date, list[Row]] = {day: [] for day in days}
    for number in range(30):
        code = uscc(draw.choice(("370102", "370114", "371202")), 70_000 + number)
        name, street, status, capital = f"第{number}示例公司", 1, "存续", "30万元"
        coded = draw.randrange(2, 8) if number % 3 == 0 else 0
        for place, day in enumerate(days):
            what = draw.choice(("name", "name back", "street", "status", "capital", *["nothing"] * 5))
            name = {"name": f"新第{number}示例公司", "name back": f"第{number}示例公司"}.get(what, name)
            street += what == "street"
            status = draw.choice(("存续", "注销")) if what == "status" else status
            # Another text of the same amount is no change.
            capital = draw.choice(("30万元", "30(万元人民币)", "50万元")) if what == "capital" else capital
            if place not in (coded, coded + 1) and draw.random() < 0.4:
                continue  # who is missing has not ceased to exist
            cells = {"注册资本": capital, "经营状态": status, "住所": f"济南市章丘区示例街{street}号"}
            older = registration_no(number) if number % 3 == 0 and place <= coded + 1 else ""
            own = "" if place < coded else code.lower() if draw.random() < 0.2 else code
            made[day].append(row(own, name, 注册号=older, **cells))
            if draw.random() < 0.1:
                made[day].append(row(own, f"{name}二行", 注册号=older, **cells))
    made[days[4]].append(row(WRONG, "错码公司", 注册号=""))
    made[days[6]].append(row("", "无码公司", 注册号=""))
    # One number beside two codes, years apart, joins neither.
    made[days[0]].append(row("", "两家的号", 注册号=registration_no(99)))
    made[days[3]].append(row(A, "甲公司", 注册号=registration_no(99)))
    made[days[8]].append(row(B, "乙公司", 注册号=registration_no(99)))
    return made


EXTRACTS = extracts()


def text_of(rows: Iterable[Row], others: int) -> str:
    """An extract as CSV, with so many other enterprises that one wrong row is below the limit of quarantine."""
    rows = [*rows, *(row(registration_no(1_000 + number), f"其他{number}") for number in range(others))]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def oracle(extracts: dict[date, list[Row]]) -> list[tuple[Any, ...]]:
    """The history by pandas, from the rows alone: first code or number, name, address, status, from, before, last seen."""
    seen = pd.DataFrame([{**r, "day": day, "n": n} for day, rows in extracts.items() for n, r in enumerate(rows)])
    seen["code"] = seen["统一社会信用代码"].str.upper()
    seen = seen[(seen["code"] != WRONG) & ((seen["code"] != "") | (seen["注册号"] != ""))]
    both = seen[(seen["code"] != "") & (seen["注册号"] != "")].groupby("注册号")["code"].agg(["nunique", "first"])
    joined = both[both["nunique"] == 1]["first"]
    own = seen["code"].where(seen["code"] != "", seen["注册号"].map(joined).fillna(seen["注册号"]))
    seen = seen.assign(enterprise=own, amount=seen["注册资本"].str.extract(r"(\d+)", expand=False))
    seen = seen.sort_values(["enterprise", "day", "n"]).drop_duplicates(["enterprise", "day"], keep="first")
    history = []
    for enterprise, rows in seen.groupby("enterprise"):
        said = rows[["code", "注册号", "企业名称", "住所", "经营状态", "amount"]].agg("|".join, axis=1)
        run = (said != said.shift()).cumsum()
        begins = rows.groupby(run)["day"].min().tolist()
        for begin, end, (_, part) in zip(begins, [*begins[1:], None], rows.groupby(run), strict=True):
            first = part.iloc[0]
            history.append(
                (enterprise, first["企业名称"], first["住所"], first["经营状态"], begin, end, part["day"].max())
            )
    return sorted(history, key=lambda h: (h[0], h[4]))


def dimension(warehouse: Installation) -> list[tuple[Any, ...]]:
    wording = {"active": "存续", "deregistered": "注销"}
    found = [
        (r["own"], r["enterprise_name"], r["address"], wording[r["status_code"]], r["valid_from_on"],
         r["valid_before_on"], r["observed_last_on"])
        for r in warehouse.rows(
            "select *, coalesce(max(identifier) filter (where identifier_scheme = 'USCC')"
            " over (partition by enterprise_id), identifier) as own from core.dim_enterprise"
            " where enterprise_name not like '其他%%'"
        )
    ]  # fmt: skip
    return sorted(found, key=lambda h: (h[0], h[4]))


def arrive(warehouse: Installation, day: date) -> int:
    """Load the extract of a day; its delivery."""
    warehouse.put(REGISTRY, f"企业登记信息_{day:%Y%m%d}.csv", text_of(EXTRACTS[day], 40))
    (landed,), (verdict,) = warehouse.ingest(REGISTRY)
    assert verdict.status == "accepted", verdict
    return landed.delivery_id


@pytest.mark.parametrize("order", ["backwards", "mixed"])
def test_history_does_not_depend_on_arrival(warehouse: Installation, order: str) -> None:
    days = sorted(EXTRACTS, reverse=True)
    if order == "mixed":
        random.Random(order).shuffle(days)
    arrived: dict[date, int] = {}
    for number, day in enumerate(days):
        arrived[day] = arrive(warehouse, day)
        if number in (3, 7, 9):
            publish.build()
            assert dimension(warehouse) == oracle({d: EXTRACTS[d] for d in arrived})
    assert sorted(r["rule"] for r in warehouse.rows("select rule from quarantine.row")) == ["ENR002", "ENR003"]
    everything = "select * from core.dim_enterprise order by enterprise_id, valid_from_on"
    whole = warehouse.rows(everything)
    assert len(whole) == len(oracle(EXTRACTS)) + 40

    # Older numbers and codes of each enterprise, and its names, with the days between which they were its own.
    joined = warehouse.rows(
        "select older.identifier as older, code.identifier as code, older.valid_from_on as first_on"
        " from core.dim_enterprise_identifier as older inner join core.dim_enterprise_identifier as code"
        " using (enterprise_id) where older.scheme = 'REG15' and code.scheme = 'USCC' and older.identifier <> %s",
        registration_no(99),
    )
    assert {r["older"] for r in joined} == {registration_no(number) for number in range(0, 30, 3)}
    for r in joined:
        shown = [day for day, rows in EXTRACTS.items() if any(own["注册号"] == r["older"] for own in rows)]
        assert r["first_on"] == min(shown), r
    assert warehouse.rows(
        "select count(*) from core.dim_enterprise_name where valid_before_on <= valid_from_on or is_listed_as_former"
    ) == [{"count": 0}]

    # What only one extract said goes with it, a number that it joined too; and it comes back whole.
    for day in (sorted(EXTRACTS)[3], sorted(EXTRACTS)[5]):
        deliveries.decide(arrived[day], "withdraw", "sent by mistake")
        publish.build()
        assert dimension(warehouse) == oracle({d: rows for d, rows in EXTRACTS.items() if d != day})
        deliveries.decide(arrived[day], "accept", "it was right")
    publish.build()
    assert warehouse.rows(everything) == whole


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
