"""Repeats, corrections and withdrawals by files: whatever the order of arrival, the same is known of every sample."""

import itertools
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from baotu import dbt, deliveries, ingest, publish
from baotu.cli import main
from baotu.sources import load_source
from baotu.trace import trace
from tests.pipeline.conftest import Installation
from tests.pipeline.test_deliveries import CORE, FOOD, HEADER, issued, q03, results, sample, statuses
from tests.pipeline.test_truth import assert_every_row_ends

pytestmark = pytest.mark.operations

#: Five files about the samples A to F, in order of issue: name → (content, sidecar). `{p}` tells one office's files
#: from another's.
FILES = {
    # E is there twice, line for line.
    "original-{p}.csv": (
        HEADER
        + sample("{p}-A")
        + sample("{p}-B", "不合格", item="铅")
        + sample("{p}-B", item="镉")
        + sample("{p}-C")
        + sample("{p}-D", "不合格", item="铅")
        + sample("{p}-E")
        + sample("{p}-E"),
        issued("2021-07-01"),
    ),
    "repeat-{p}.csv": (HEADER + sample("{p}-A") + sample("{p}-F"), issued("2021-07-05")),
    # B passes after all, C was none of theirs, E is reported as before.
    "corrected-{p}.csv": (
        HEADER + sample("{p}-A") + sample("{p}-B") + sample("{p}-D", "不合格", item="铅") + sample("{p}-E"),
        issued("2021-08-01") + "corrects: original-{p}.csv\n",
    ),
    # The name says what it is; form numbers only, one of them nobody's.
    "关于撤销部分抽检结果的公告-{p}.csv": ("抽样编号\n{p}-D\n{p}-Z\n", issued("2021-09-01")),
    "later-{p}.csv": (HEADER + sample("{p}-A", "不合格", item="镉"), issued("2021-10-01")),
}

#: What is known in the end: (sample, file that states it, known from, known before, result, reason, file with its rows).
KNOWN = {
    ("A", "original", "2021-07-01", "2021-07-05", "pass", None, "original"),
    ("A", "repeat", "2021-07-05", "2021-08-01", "pass", None, "repeat"),
    ("A", "corrected", "2021-08-01", "2021-10-01", "pass", None, "corrected"),
    ("A", "later", "2021-10-01", None, "fail", None, "later"),
    ("B", "original", "2021-07-01", "2021-08-01", "fail", None, "original"),
    ("B", "corrected", "2021-08-01", None, "pass", None, "corrected"),
    ("C", "original", "2021-07-01", "2021-08-01", "pass", None, "original"),
    ("C", "corrected", "2021-08-01", None, None, "dropped_by_correction", "original"),
    ("D", "original", "2021-07-01", "2021-08-01", "fail", None, "original"),
    ("D", "corrected", "2021-08-01", "2021-09-01", "fail", None, "corrected"),
    ("D", "关于撤销部分抽检结果的公告", "2021-09-01", None, None, "withdrawn", "corrected"),
    ("E", "original", "2021-07-01", "2021-08-01", "pass", None, "original"),
    ("E", "corrected", "2021-08-01", None, "pass", None, "corrected"),
    ("F", "repeat", "2021-07-05", None, "pass", None, "repeat"),
    ("Z", "关于撤销部分抽检结果的公告", "2021-09-01", None, None, "withdrawn", "关于撤销部分抽检结果的公告"),
}


def known(warehouse: Installation) -> dict[str, set[tuple[Any, ...]]]:
    """Office → versions of its samples, with files named as in FILES."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for row in warehouse.rows(
        "select sample_no, stating.file_uri as stating, known_from_on::text, known_before_on::text, final_result,"
        " unjudged_reason, described.file_uri as described from core.fct_sample as sample"
        " inner join ops.delivery as stating using (delivery_id)"
        " inner join ops.delivery as described on described.delivery_id = sample.described_in_id"
    ):
        office, letter = row.pop("sample_no").split("-")
        stating, described = (row.pop(key).rsplit("/", 1)[1].rsplit("-", 1)[0] for key in ("stating", "described"))
        versions = found.setdefault(office, set())
        size = len(versions)
        versions.add((letter, stating, *row.values(), described))
        assert len(versions) == size + 1, row
    return found


def build() -> publish.Build:
    """Publish what moves a final year too: it is small and made to move."""
    return publish.build(approval="made to move", decided_by="tester")


def put(warehouse: Installation, name: str, office: str) -> None:
    content, sidecar = FILES[name]
    warehouse.put(FOOD, name.format(p=office), content.replace("{p}", office), sidecar.replace("{p}", office))


def assert_as_from_scratch(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The increments so far have made what a full refresh makes."""
    with warehouse.connect() as connection:
        connection.execute("drop schema if exists kept cascade")
        connection.execute("create schema kept")
        for table in CORE:
            connection.execute(f"create table kept.{table} as select * from core.{table}")
    run = dbt.run
    with monkeypatch.context() as patch:
        patch.setattr(dbt, "run", lambda stage, arguments, **said: run(stage, [*arguments, "--full-refresh"], **said))
        build()
    for table in CORE:
        for one, other in (("core", "kept"), ("kept", "core")):
            assert warehouse.rows(f"select * from {one}.{table} except all select * from {other}.{table}") == [], table


def test_every_order_of_arrival_ends_alike(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the 120 orders every third: each two files come in both orders, and the test in minutes.
    orders = {f"O{n}": order for n, order in enumerate([*itertools.permutations(FILES)][::3])}
    n = len(orders)
    for pair in itertools.permutations(FILES, 2):
        assert any(order.index(pair[0]) < order.index(pair[1]) for order in orders.values())
    for turn in range(len(FILES)):
        for office, order in orders.items():
            put(warehouse, order[turn], office)
        _, verdicts = warehouse.ingest(FOOD)
        assert [v for v in verdicts if v.status != "accepted" or v.rows_quarantined] == []
        assert build().status == "published"
    assert known(warehouse) == dict.fromkeys(orders, KNOWN)
    outcomes = assert_every_row_ends(warehouse, FOOD)
    assert outcomes["withdrawn by a file"] == 2 * n and outcomes["duplicate"] == n
    # D and C are in the year, not judged; of the others A fails.
    assert q03(warehouse)[:2] == (4 * n, 3 * n)
    traced = trace(warehouse.connect(), "Q03", "2021", limit=10_000)
    assert traced.is_reproduced
    assert Counter(row["outcome"] for row in traced.rows) == {
        "fail": n,
        "withdrawn": n,
        "dropped_by_correction": n,
    }
    assert_as_from_scratch(warehouse, monkeypatch)
    unknown = warehouse.rows(
        "select distinct delivery_id from ops.check_result where rule = 'FSC121' and not is_success"
    )
    # Z never came, and in some orders D had not come yet.
    assert len(unknown) == n

    # A correction that is taken back ends nothing; admitted again it does; read again, it or the original, as well.
    ids = {
        row["file_uri"].rsplit("/", 1)[1]: row["delivery_id"] for row in warehouse.rows("select * from ops.delivery")
    }
    deliveries.decide(ids["corrected-O0.csv"], "withdraw", "not theirs")
    deliveries.decide(ids["关于撤销部分抽检结果的公告-O1.csv"], "withdraw", "not theirs")
    deliveries.retry(ids["original-O2.csv"], "once more")
    deliveries.retry(ids["corrected-O3.csv"], "once more")
    build()
    now = known(warehouse)
    assert {v for v in now["O0"] if v[0] == "C"} == {("C", "original", "2021-07-01", None, "pass", None, "original")}
    assert {v[1] for v in now["O1"] if v[0] == "D"} == {"original", "corrected"}
    assert now["O2"] == now["O3"] == KNOWN
    assert_as_from_scratch(warehouse, monkeypatch)
    deliveries.decide(ids["corrected-O0.csv"], "accept", "theirs after all")
    deliveries.decide(ids["关于撤销部分抽检结果的公告-O1.csv"], "accept", "theirs after all")
    deliveries.decide(ids["original-O4.csv"], "withdraw", "the wrong file")
    build()
    now = known(warehouse)
    assert now["O0"] == now["O1"] == KNOWN
    assert "C" not in {v[0] for v in now["O4"]}
    assert_as_from_scratch(warehouse, monkeypatch)


def test_what_a_correction_names(warehouse: Installation) -> None:
    """By number or by name; a name that several bear, and a number that nobody has, are told and correct nothing."""
    source = load_source(FOOD)
    warehouse.put(FOOD, "2020/a.csv", HEADER + sample("A") + sample("B"), issued("2021-07-01"))
    warehouse.put(FOOD, "2021/a.csv", HEADER + sample("C") + sample("D"), issued("2021-07-02"))
    warehouse.ingest(FOOD)
    path = warehouse.put(FOOD, "b.csv", HEADER + sample("A"), issued("2021-08-01") + "corrects: a.csv\n")
    _, (verdict,) = warehouse.ingest(FOOD)
    assert (verdict.status, [reason["code"] for reason in verdict.reasons]) == ("rejected", ["FSC202"])
    _, (verdict,) = ingest.load_files(source, [path], {"corrects": "99"})
    assert (verdict.status, [reason["code"] for reason in verdict.reasons]) == ("rejected", ["FSC203"])
    _, (verdict,) = ingest.load_files(source, [path], {"corrects": "1"})
    assert verdict.status == "accepted"
    build()
    assert results(warehouse) == {"A": "pass", "B": None, "C": "pass", "D": "pass"}

    # Another file of a name that a correction gave: it is no longer clear which one was meant, and nobody guesses.
    warehouse.put(FOOD, "c.csv", HEADER + sample("C"), issued("2021-08-02") + "corrects: d.csv\n")
    _, (verdict,) = warehouse.ingest(FOOD)
    assert verdict.status == "accepted"
    assert warehouse.rows(
        "select is_success from ops.check_result where rule = 'FSC221' order by check_result_id desc"
    )[0] == {"is_success": False}
    warehouse.put(FOOD, "d.csv", HEADER + sample("C") + sample("E"), issued("2021-07-03"))
    warehouse.ingest(FOOD)
    assert build().status == "published"
    assert results(warehouse)["E"] is None
    warehouse.put(FOOD, "other/d.csv", HEADER + sample("F"), issued("2021-07-04"))
    warehouse.ingest(FOOD)
    held = build()
    assert (held.status, [reason["code"] for reason in held.reasons]) == ("held", ["MRT007"])
    assert results(warehouse)["E"] == "pass"
    d = next(row["delivery_id"] for row in warehouse.rows("select * from ops.delivery where file_uri like '%/d.csv'"))
    ingest.load_files(source, [warehouse.landing / FOOD / "c.csv"], {"corrects": str(d)})
    assert build().status == "published"
    assert results(warehouse) == {"A": "pass", "B": None, "C": "pass", "D": "pass", "E": None, "F": "pass"}
    assert Counter(statuses(warehouse).values()) == {"accepted": 6, "replaced": 3}


def test_a_tie_is_told(warehouse: Installation) -> None:
    """Of two files of one day the later arrival counts, and the audit says where they disagree."""
    warehouse.put(FOOD, "a.csv", HEADER + sample("A") + sample("B"), issued("2021-07-01"))
    warehouse.put(FOOD, "b.csv", HEADER + sample("A") + sample("B", "不合格", item="铅"), issued("2021-07-01"))
    warehouse.ingest(FOOD)
    assert build().status == "published"
    assert results(warehouse) == {"A": "pass", "B": "fail"}
    assert warehouse.rows("select is_success, severity, rows_failed from ops.check_result where rule = 'MRT101'") == [
        {"is_success": False, "severity": "info", "rows_failed": 1}
    ]


def test_counts_are_withdrawn_and_dropped_too(warehouse: Installation) -> None:
    header = "期间,区县,类别,检验批次数,合格批次数\n"
    said = "sampling_kind: 评价性抽检\n"
    line = "2021年第1季度,{},合计,{},{}\n"
    first = header + line.format("历下区", 60, 60) + line.format("章丘区", 80, 70) + line.format("市中区", 40, 40)
    warehouse.put(FOOD, "counts.csv", first, issued("2021-05-01") + said)
    corrected = header + line.format("历下区", 60, 59) + line.format("市中区", 40, 40)
    warehouse.put(FOOD, "right.csv", corrected, issued("2021-06-01") + said + "corrects: counts.csv\n")
    withdrawn = header + line.format("市中区", 40, 40)
    warehouse.put(FOOD, "gone.csv", withdrawn, issued("2021-07-01") + said + "record_action: withdraw\n")
    _, verdicts = warehouse.ingest(FOOD)
    assert [v.status for v in verdicts] == ["accepted"] * 3
    build()
    assert warehouse.rows(
        "select sampled_place, passed_count, known_from_on::text as a, known_before_on::text as b, is_withdrawn as w"
        " from core.fct_sample_summary order by sampled_place, known_from_on"
    ) == [
        {"sampled_place": "历下区", "passed_count": 60, "a": "2021-05-01", "b": "2021-06-01", "w": False},
        {"sampled_place": "历下区", "passed_count": 59, "a": "2021-06-01", "b": None, "w": False},
        {"sampled_place": "市中区", "passed_count": 40, "a": "2021-05-01", "b": "2021-06-01", "w": False},
        {"sampled_place": "市中区", "passed_count": 40, "a": "2021-06-01", "b": "2021-07-01", "w": False},
        {"sampled_place": "市中区", "passed_count": 40, "a": "2021-07-01", "b": None, "w": True},
        {"sampled_place": "章丘区", "passed_count": 70, "a": "2021-05-01", "b": "2021-06-01", "w": False},
    ]


def test_what_changed_since_a_day(warehouse: Installation) -> None:
    """Each cause alone, counted by hand: 5 samples were known of 2021, 3 of them passed; 6 and 5 are now."""
    again = HEADER.replace("判定结论", "判定结论,复检结论")
    warehouse.put(
        FOOD,
        "original.csv",
        HEADER
        + sample("A")
        + sample("B", "不合格", item="铅")
        + sample("C")
        + sample("D", "不合格", item="铅")
        + sample("E"),
        issued("2021-06-01"),
    )
    notice = sample("B", "不合格,合格", item="铅")
    warehouse.put(FOOD, "复检结果.csv", again + notice, issued("2021-07-10"))
    # Two that were on their way, one that was not taken yet.
    late = sample("F", day="2021-05-20") + sample("G", "不合格", item="镉", day="2021-06-30")
    warehouse.put(FOOD, "next.csv", HEADER + late + sample("H", day="2021-07-01"), issued("2021-07-15"))
    # A is of the year before, C was none of theirs, D passes.
    right = sample("A", day="2020-12-30") + sample("D") + sample("E")
    warehouse.put(FOOD, "right.csv", HEADER + right, issued("2021-08-01") + "corrects: original.csv\n")
    _, verdicts = warehouse.ingest(FOOD)
    assert [v for v in verdicts if v.status != "accepted" or v.rows_quarantined] == []
    assert build().status == "published"

    #: Period → judged and passed then, by new deliveries, later samples, re-inspections, corrections, and now.
    expected = {
        ("year", "2020-01-01"): [(0, 0), (0, 0), (0, 0), (0, 0), (1, 1), (1, 1)],
        ("year", "2021-01-01"): [(5, 3), (2, 1), (1, 1), (0, 1), (-2, -1), (6, 5)],
        ("quarter", "2021-04-01"): [(5, 3), (2, 1), (0, 0), (0, 1), (-2, -1), (5, 4)],
        ("month", "2021-06-01"): [(0, 0), (1, 0), (0, 0), (0, 0), (0, 0), (1, 0)],
    }
    (published,) = warehouse.rows(
        "select * from marts.mart_restatement where measure_code = 'FOOD_EVALUATION' and value_basis = 'computed'"
        " and then_known_at_on = '2021-06-30' and period_type = 'year'"
    )
    parts = ("new_delivery", "later", "reinspection", "correction")
    found = [(published[f"{part}_judged"], published[f"{part}_passed"]) for part in parts]
    assert found == expected["year", "2021-01-01"][1:-1]

    said = CliRunner().invoke(main, ["scorecard", "--as-of", "2021-06-30", "--format", "json"], catch_exceptions=False)
    rows = {
        (row["period_type"], row["period_start_on"]): row
        for row in json.loads(said.output, parse_float=Decimal)
        if row["measure_code"] == "FOOD_EVALUATION" and row["value_basis"] == "computed"
    }
    for period, wanted in expected.items():
        then, since = rows[period], rows[period]["since"]
        assert [
            (then["denominator"] or 0, then["numerator"] or 0),
            *((since[f"{part}_judged"], since[f"{part}_passed"]) for part in parts),
            (since["now_denominator"], since["now_numerator"]),
        ] == wanted, period
        assert (since["definition_judged"], since["definition_passed"]) == (0, 0)
    # Periods that had not begun are not looked at.
    assert ("quarter", "2021-07-01") not in rows

    card = publish.preview(date(2021, 6, 30))
    line = (
        "2021年当时 60.00 %（3 / 5），此后变为 83.33 %（5 / 6）：新送达 +2 批次，不合格 +1；此后抽样 +1 批次，不合格 ±0；"
        "复检 ±0 批次，不合格 −1；更正 −2 批次，不合格 −1。"
    )
    for shown in (" ".join(card.text(400).split()), card.html().replace("\u00a0", " ")):
        assert line in shown
        assert "re-inspections ±0 samples, −1 failing; corrections −2 samples, −1 failing." in shown
    after = publish.preview(date(2021, 8, 1)).text(400)
    assert "此后无变化。 2021: no change since." in after and "此后变为" not in after
    assert warehouse.rows("select to_regnamespace('marts_preview') as left") == [{"left": None}]
