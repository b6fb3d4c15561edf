"""Quarantine as a workplace: what is held back is listed, corrected by its sender, readmitted, read again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from baotu import deliveries, gate, ingest, publish, quarantine, replay
from baotu.cli import main
from baotu.deliveries import NotPossible
from baotu.sources import SOURCES, load_source
from tests.pipeline.conftest import Installation

pytestmark = pytest.mark.operations

FOOD, SURVEYS = "food_spot_checks", "satisfaction_surveys"
HEADER = "抽样编号,食品名称,被抽样单位名称,抽样所在区县,抽样日期,抽样类型,检验项目,判定结论,内部编码\n"


def sample(number: str, result: str = "合格", *, name: str = "面包", item: str = "", day: str = "2021-05-03") -> str:
    return f"{number},{name},示例店,历下区,{day},评价性抽检,{item},{result},k-{number}\n"


def good(prefix: str, count: int) -> str:
    return "".join(sample(f"{prefix}-{number}") for number in range(count))


def baotu(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def load(path: Path, source: str = FOOD, *options: str) -> tuple[Any, Any]:
    landed, verdicts = ingest.load_files(load_source(source), [path], dict(o.split("=") for o in options))
    (judged,) = [v for v in verdicts if v.delivery_id == landed[0].delivery_id] or [None]
    return landed[0], judged


def open_lines(warehouse: Installation) -> list[tuple[int, int, str]]:
    return [
        (row["delivery_id"], row["row_no"], row["rule"])
        for row in warehouse.rows(
            "select delivery_id, row_no, rule from quarantine.row where resolved_at is null order by 1, 2, 3"
        )
    ]


def lines(warehouse: Installation, delivery_id: int) -> list[tuple[int, str, str | None, str | None]]:
    return [
        (row["row_no"], row["rule"], row["resolution"], row["resolved_by"])
        for row in warehouse.rows(
            "select row_no, rule, resolution, resolved_by from quarantine.row where delivery_id = %s order by 1, 2",
            delivery_id,
        )
    ]


def counters(warehouse: Installation, delivery_id: int) -> tuple[str, int, int, int]:
    (row,) = warehouse.rows("select * from ops.delivery where delivery_id = %s", delivery_id)
    assert row["rows_read"] == row["rows_accepted"] + row["rows_quarantined"]
    (held,) = warehouse.rows(
        f"select count(distinct row_no) from quarantine.row where delivery_id = %s and {quarantine.HELD}", delivery_id
    )
    assert held["count"] == row["rows_quarantined"]
    return row["status"], row["rows_read"], row["rows_accepted"], row["rows_quarantined"]


def q03(warehouse: Installation) -> tuple[int, int, int]:
    """n, x, and samples held back for 2021."""
    (row,) = warehouse.rows(
        "select denominator, numerator, quarantined_count from marts.mart_target_tracking where is_current"
        " and is_headline and indicator_id = 'Q03' and period_type = 'year' and period_start_on = '2021-01-01'"
    )
    return int(row["denominator"]), int(row["numerator"]), int(row["quarantined_count"])


def in_force(warehouse: Installation) -> dict[str, tuple[str | None, str | None]]:
    """Sample number, or name → result and reason of what is known now."""
    return {
        row["sample_no"] or row["product_name"] or "?": (row["final_result"], row["unjudged_reason"])
        for row in warehouse.rows("select * from core.fct_sample where known_before_on is null")
    }


def correct(path: Path, change: Callable[[dict[str, Any]], dict[str, str] | None], out: Path | None = None) -> Path:
    """A workbook as its sender returns it: `change` gets a row by header and says which cells to write."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    headers = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        given = {header: cell.value for header, cell in zip(headers, row, strict=True) if header != "隔离原因"}
        for header, text in (change(given) or {}).items():
            row[headers.index(header)].value = text
    target = out or path.with_name(f"returned-{path.name}")
    book.save(target)
    return target


def export(warehouse: Installation, name: str = "held.xlsx", **chosen: Any) -> list[quarantine.Exported]:
    with warehouse.connect() as connection:
        return quarantine.export(connection, warehouse.state / name, **chosen)


# ----------------------------------------------------------------------------------------------------
# There and back


def test_a_corrected_workbook_closes_what_it_corrects(warehouse: Installation) -> None:
    bad = sample("B-1", "不祥", item="铅") + sample("B-1", "不合格", item="镉") + sample("B-2", day="2021-13-45")
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 20) + bad, "issued_on: 2021-07-01\n")
    warehouse.ingest(FOOD)
    assert publish.build().status == "published"
    assert q03(warehouse) == (20, 20, 2)
    assert counters(warehouse, 1) == ("accepted", 23, 21, 2)

    (book,) = export(warehouse)
    # The failing item of the same sample comes along, as context.
    assert (book.rows, book.quarantined, book.deliveries) == (3, 2, (1,))

    def right(row: dict[str, Any]) -> dict[str, str]:
        if row["原行号"] == "21":
            return {"判定结论": "合格"}
        return {"抽样日期": "2021-05-09"} if row["原行号"] == "23" else {}

    landed, verdict = load(correct(book.path, right))
    assert (verdict.status, verdict.rows_read, verdict.rows_quarantined) == ("accepted", 3, 0)
    assert [code for code, _, _ in landed.notes] == ["corrections"]
    assert open_lines(warehouse) == []
    assert lines(warehouse, 1) == [
        (21, "FSC002", "replaced", f"delivery {landed.delivery_id}"),
        (23, "FSC003", "replaced", f"delivery {landed.delivery_id}"),
    ]
    # Not readmitted: they stay counted as held back.
    assert counters(warehouse, 1) == ("accepted", 23, 21, 2)
    extra = warehouse.rows(f"select extra from raw.{FOOD} where delivery_id = %s order by row_no", landed.delivery_id)
    assert [row["extra"] for row in extra] == [{"内部编码": "k-B-1"}, {"内部编码": "k-B-1"}, {"内部编码": "k-B-2"}]

    assert publish.build().status == "published"
    assert q03(warehouse) == (22, 21, 0)
    assert in_force(warehouse)["B-1"] == ("fail", None) and in_force(warehouse)["B-2"] == ("pass", None)
    # What was known before stays, with its delivery.
    versions = warehouse.rows(
        "select delivery_id, unjudged_reason from core.fct_sample where sample_no = 'B-2' order by 1"
    )
    assert [(v["delivery_id"], v["unjudged_reason"]) for v in versions] == [
        (1, "quarantined"),
        (landed.delivery_id, None),
    ]

    # Taken back, everything is as it was; and back again.
    deliveries.decide(landed.delivery_id, "withdraw", "the wrong file")
    assert open_lines(warehouse) == [(1, 21, "FSC002"), (1, 23, "FSC003")]
    publish.build()
    assert q03(warehouse) == (20, 20, 2)
    deliveries.decide(landed.delivery_id, "accept", "the right one after all")
    assert open_lines(warehouse) == []
    publish.build()
    assert q03(warehouse) == (22, 21, 0)


def test_a_corrected_key_leaves_no_ghost_beside_the_new_sample(
    warehouse: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a number a sample is what its cells say: the corrected cell is part of its key."""
    nameless = ",,示例店,历下区,2021-05-04,评价性抽检,,合格,x\n"
    typed_wrong = sample("A-0", "不祥", name="饼干")  # the number of another sample
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 30), "issued_on: 2021-07-01\n")
    warehouse.put(FOOD, "b.csv", HEADER + good("B", 20) + nameless + typed_wrong, "issued_on: 2021-08-01\n")
    warehouse.ingest(FOOD)
    publish.build()
    assert q03(warehouse) == (49, 49, 2)

    (book,) = export(warehouse)

    def right(row: dict[str, Any]) -> dict[str, str]:
        if row["原行号"] == "21":
            return {"食品名称": "桃酥"}
        return {"抽样编号": "C-1", "判定结论": "不合格"}

    landed, _ = load(correct(book.path, right))
    publish.build()
    assert q03(warehouse) == (52, 51, 0)
    known = in_force(warehouse)
    assert known["桃酥"] == ("pass", None) and known["C-1"] == ("fail", None) and known["A-0"] == ("pass", None)
    assert "?" not in known

    deliveries.decide(landed.delivery_id, "withdraw", "by mistake")
    publish.build()
    assert q03(warehouse) == (49, 49, 2)
    deliveries.decide(landed.delivery_id, "accept", "after all")
    publish.build()
    assert q03(warehouse) == (52, 51, 0)
    assert_same_from_scratch(warehouse, monkeypatch)


def assert_same_from_scratch(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Core as it is equals core made anew from the same accepted deliveries."""
    from baotu import dbt

    tables = ("fct_sample", "fct_sample_item", "fct_survey_response")
    with warehouse.connect() as connection:
        connection.execute("create schema kept")
        for table in tables:
            connection.execute(f"create table kept.{table} as select * from core.{table}")
    run = dbt.run
    monkeypatch.setattr(
        dbt, "run", lambda stage, arguments, **options: run(stage, [*arguments, "--full-refresh"], **options)
    )
    publish.build()
    for table in tables:
        for one, other in (("core", "kept"), ("kept", "core")):
            assert warehouse.rows(f"select * from {one}.{table} except all select * from {other}.{table}") == [], table


def test_a_respondent_without_a_number_is_corrected_once(warehouse: Installation) -> None:
    header = "调查批次,行业,区县,调查日期,总体满意度\n"
    rows = "".join(f"2021,批发零售,历下区,2021-05-0{day},{day}\n" for day in range(4, 10)) * 5
    warehouse.put(
        SURVEYS, "s.csv", header + rows + "2021,批发零售,历下区,2021-05-09,11\n", "scale_min: 1\nscale_max: 10\n"
    )
    warehouse.ingest(SURVEYS)
    publish.build()
    (book,) = export(warehouse, source=SURVEYS)
    landed, verdict = load(correct(book.path, lambda row: {"总体满意度": "9"}), SURVEYS)
    assert verdict.status == "accepted"
    # The scale stood in the sidecar of the first file.
    (meta,) = warehouse.rows("select meta from ops.delivery where delivery_id = %s", landed.delivery_id)
    assert (meta["meta"]["scale_min"], meta["meta"]["scale_max"]) == (1, 10)
    publish.build()
    known = warehouse.rows("select excluded_reason from core.fct_survey_response where known_before_on is null")
    assert len(known) == 31 and {row["excluded_reason"] for row in known} == {None}


def test_what_fails_again_stays_and_so_does_the_old_line(warehouse: Installation) -> None:
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 20) + sample("B-1", "不祥") + sample("B-2", "不祥"))
    warehouse.ingest(FOOD)
    (book,) = export(warehouse)
    again, verdict = load(correct(book.path, lambda row: {"判定结论": "合格"} if row["原行号"] == "21" else {}))
    # Half of the rows of a correction fail: it is not rejected for that.
    assert (verdict.status, verdict.rows_quarantined) == ("accepted", 1)
    assert open_lines(warehouse) == [(1, 22, "FSC002"), (again.delivery_id, 2, "FSC002")]
    publish.build()
    assert q03(warehouse) == (21, 21, 1)

    # The next export asks for the newer row only, and its correction closes both.
    (book,) = export(warehouse, "again.xlsx")
    assert (book.rows, book.deliveries) == (1, (again.delivery_id,))
    last, _ = load(correct(book.path, lambda row: {"判定结论": "不合格"}))
    assert open_lines(warehouse) == []
    publish.build()
    assert q03(warehouse) == (22, 21, 0)
    deliveries.decide(last.delivery_id, "withdraw", "too early")
    assert open_lines(warehouse) == [(1, 22, "FSC002"), (again.delivery_id, 2, "FSC002")]


def test_numbers_that_are_not_ours_are_told_and_do_nothing(warehouse: Installation) -> None:
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 20) + sample("B-1", "不祥"))
    warehouse.ingest(FOOD)
    foreign = "原交付编号,原行号," + HEADER
    for number, row in (("1", "999"), ("77", "1"), ("一", "21"), ("1", ""), ("99999999999999999999", "1"), ("-1", "2")):
        foreign += f"{number},{row},{sample(f'C-{number}-{row}')}"
    path = warehouse.state / "foreign.csv"
    path.write_text(foreign, encoding="utf-8")
    landed, verdict = load(path)
    assert verdict.status == "accepted" and verdict.rows_quarantined == 0
    assert [code for code, _, _ in landed.notes] == ["unknown_corrections"]
    assert "6 rows" in landed.notes[0][2]
    assert open_lines(warehouse) == [(1, 21, "FSC002")]


def test_a_correction_is_known_no_earlier_than_what_it_corrects(warehouse: Installation) -> None:
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 20) + sample("B-1", "不祥"), "issued_on: 2021-09-01\n")
    warehouse.ingest(FOOD)
    (book,) = export(warehouse)
    # Its name says a day before the file that it corrects.
    landed, _ = load(correct(book.path, lambda row: {"判定结论": "不合格"}, warehouse.state / "表_20210801.xlsx"))
    (row,) = warehouse.rows("select issued_on from ops.delivery where delivery_id = %s", landed.delivery_id)
    assert str(row["issued_on"]) == "2021-09-01"
    publish.build()
    assert in_force(warehouse)["B-1"] == ("fail", None)


def test_what_a_file_said_of_all_rows_is_said_again(warehouse: Installation) -> None:
    """The verdict by the sidecar, the period by the title: the workbook has neither name nor title."""
    header = "食品名称,被抽样单位名称,抽样所在区县,检验项目\n"
    rows = "".join(f"面包{number},示例店,历下区,\n" for number in range(20))
    said = "verdict: pass\nperiod: 2021年第2季度\nsampling_kind: 评价性抽检\nissued_on: 2021-08-01\n"
    warehouse.put(FOOD, "a.csv", header + rows + ",示例店,历下区,\n", said)
    warehouse.ingest(FOOD)
    (book,) = export(warehouse)
    assert openpyxl.load_workbook(book.path).worksheets[0]["J2"].value is not None
    _, verdict = load(correct(book.path, lambda row: {"食品名称": "桃酥"}))
    assert verdict.status == "accepted" and verdict.rows_quarantined == 0, verdict
    publish.build()
    (row,) = warehouse.rows("select * from core.fct_sample where product_name = '桃酥'")
    assert (row["final_result"], str(row["sampled_on"]), row["sampling_kind"]) == ("pass", "2021-06-30", "evaluation")

    # Two files that say different things come back as two workbooks; merged by hand they are refused.
    warehouse.put(FOOD, "b.csv", header + rows + ",乙店,历下区,\n", said.replace("第2", "第3"))
    warehouse.put(FOOD, "c.csv", header + rows + ",丙店,历下区,\n", said.replace("第2", "第1"))
    warehouse.ingest(FOOD)
    books = export(warehouse, "two.xlsx")
    assert [book.path.name for book in books] == ["two_food_spot_checks_3.xlsx", "two_food_spot_checks_4.xlsx"]
    first, second = (openpyxl.load_workbook(book.path) for book in books)
    first.worksheets[0].append([cell.value for cell in second.worksheets[0][2]])
    first.save(warehouse.state / "merged.xlsx")
    merged, _ = load(warehouse.state / "merged.xlsx")
    assert merged.status == "refused" and merged.notes[0][0] == "corrections_differ"
    assert "period" in merged.notes[0][2]


ITEM_TABLES = {
    "limit before result in one cell": (
        "抽样编号,食品名称,抽样所在区县,抽样日期,抽样类型,不合格项目║标准值║检验结果,判定结论\n",
        "{0},面包,历下区,{1},评价性抽检,铅(以Pb计)║≤0.2mg/kg║0.35mg/kg,不合格\n",
    ),
    "items as columns": (
        "抽样编号,食品名称,抽样所在区县,抽样日期,抽样类型,铅(mg/kg),毒死蜱(mg/kg),判定结论\n",
        "{0},面包,历下区,{1},评价性抽检,0.35,未检出,不合格\n",
    ),
    "numbered groups": (
        "抽样编号,食品名称,抽样所在区县,抽样日期,抽样类型,项目1,结果1,标准1,项目2,结果2,标准2,判定结论\n",
        "{0},面包,历下区,{1},评价性抽检,铅,0.35,≤0.2,镉,0.01,≤0.1,不合格\n",
    ),
}


@pytest.mark.parametrize("table", ITEM_TABLES)
def test_items_come_back_as_they_were(warehouse: Installation, table: str) -> None:
    """Whatever form a table has, a row that is corrected in one cell says the same in the others."""
    header, row = ITEM_TABLES[table]
    rows = "".join(row.format(f"A-{number}", "2021-05-03") for number in range(20))
    warehouse.put(FOOD, "a.csv", header + rows + row.format("B-1", "2021-13-03"))
    warehouse.ingest(FOOD)
    (book,) = export(warehouse)
    landed, _ = load(correct(book.path, lambda _: {"抽样日期": "2021-05-03"}))
    differing = "sample_no, sampled_on, sampled_on_text, sampled_on_basis, is_sampled_on_readable"
    columns = warehouse.rows(
        "select column_name from information_schema.columns where table_schema = 'staging' and table_name = %s"
        " and column_name not in ('delivery_id', 'row_no', 'part', 'file_row', 'origin_id', 'sample_id', 'issued_on')"
        " and column_name <> all(%s) order by ordinal_position",
        f"stg_{FOOD}",
        differing.split(", "),
    )
    names = ", ".join(column["column_name"] for column in columns)
    typed = f"select {names} from staging.stg_{FOOD} where delivery_id = %s and sample_no = 'B-1' order by item_no"
    was, now = warehouse.rows(typed, 1), warehouse.rows(typed, landed.delivery_id)
    assert now == was and len(was) == (1 if "cell" in table else 2)


def test_hostile_cells_come_back_as_they_were(warehouse: Installation) -> None:
    nasty = ["=1+1", "+86", "-5", "@sum", "\tx", "'quoted", "_x0041_", "＝HYPERLINK", " 空 ", "a\rb", "\x0bv"]
    rows = [
        f'N-{number},"{text}",示例店,历下区,2021-05-03,评价性抽检,,不祥,{number}\n' for number, text in enumerate(nasty)
    ]
    warehouse.put(FOOD, "a.csv", (HEADER + good("A", 60) + "".join(rows)).encode())
    warehouse.ingest(FOOD)
    before = warehouse.rows(
        f"select product_name, extra from raw.{FOOD} where delivery_id = 1 and row_no > 60 order by row_no"
    )
    (book,) = export(warehouse)
    sheet = openpyxl.load_workbook(book.path).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    column = next(cell.column for cell in sheet[1] if cell.value == "食品名称")
    assert not any(str(sheet.cell(row, column).value)[:1] in "=+-@\t\r" for row in range(2, sheet.max_row + 1))
    landed, _ = load(correct(book.path, lambda row: {"判定结论": "合格"}))
    after = warehouse.rows(
        f"select product_name, extra from raw.{FOOD} where delivery_id = %s order by row_no", landed.delivery_id
    )
    assert after == before and len(after) == len(nasty)


# ----------------------------------------------------------------------------------------------------
# Readmitting


def test_readmitted_rows_count_and_stay_so_when_the_file_is_read_again(warehouse: Installation) -> None:
    late = sample("B-1", day="2021-08-09") + sample("B-2", "不祥", day="2021-08-09") + sample("B-3", "不祥")
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 20) + late, "issued_on: 2021-07-01\n")
    warehouse.ingest(FOOD)
    publish.build()
    assert q03(warehouse) == (20, 20, 3) and counters(warehouse, 1) == ("accepted", 23, 20, 3)

    with pytest.raises(NotPossible, match="row 1 of delivery 1"):
        deliveries.readmit(1, "?", rows=[1, 21])
    assert counters(warehouse, 1)[3] == 3
    for rows in ("3-1", "x", "3,", "-4"):
        assert baotu("quarantine", "accept", "--delivery", "1", f"--rows={rows}", "--reason", "?").exit_code == 2, rows
    done = baotu(
        "quarantine", "accept", "--delivery", "1", "--rule", "FSC004", "--rows", "21-22", "--reason", "it is so"
    )
    assert done.exit_code == 0 and "1 rows readmitted, 2 stay held back" in done.output, done.output
    assert "1 of the chosen rows fail another rule" in done.output and "no_result" in done.output
    assert counters(warehouse, 1) == ("accepted", 23, 21, 2)
    (decision,) = warehouse.rows("select action, detail, reason from ops.decision")
    assert decision == {"action": "accept_rows", "detail": {"rule": "FSC004", "rows": [21, 22]}, "reason": "it is so"}
    assert ingest.is_publishable()
    publish.build()
    assert q03(warehouse) == (21, 21, 2)

    deliveries.readmit(1, "nobody will correct it", rule="FSC002", rows=[23])
    publish.build()
    assert in_force(warehouse)["B-3"] == (None, "no_result") and q03(warehouse) == (21, 21, 1)

    again = deliveries.retry(1, "read it again")
    assert counters(warehouse, again.delivery_id) == ("accepted", 23, 22, 1)
    assert [line[:3] for line in lines(warehouse, again.delivery_id)] == [
        (21, "FSC004", "accepted"), (22, "FSC002", None), (22, "FSC004", "accepted"), (23, "FSC002", "accepted"),
    ]  # fmt: skip


# ----------------------------------------------------------------------------------------------------
# The list


def test_the_list_groups_and_names_places(warehouse: Installation) -> None:
    warehouse.put(
        FOOD, "甲.csv", HEADER + good("A", 20) + sample("B-1", "不祥") + sample("B-2", "不祥", day="2021-02-30")
    )
    warehouse.put(FOOD, "乙.csv", HEADER + good("C", 20) + sample("D-1", "不祥"))
    warehouse.ingest(FOOD)
    shown = baotu("quarantine", "list").output
    assert "food_spot_checks 食品安全抽检 · FSC002 (warning) · 3 行 rows" in shown
    assert "[1] 甲.csv · accepted · 2 行 rows" in shown and "[2] 乙.csv · accepted · 1 行 rows" in shown
    assert "抽样日期无法识别" in shown and "the sampling date cannot be read" in shown
    one = baotu("quarantine", "list", "--delivery", "2").output
    assert "乙.csv" in one and "甲.csv" not in one
    rows = baotu("quarantine", "list", "--rows", "--rule", "FSC003").output
    assert "[1/22] 甲.csv 第 23 行 row 23 · sampled_on · FSC003" in rows and "2021-02-30" not in rows
    assert "nothing is held back" in baotu("quarantine", "list", "--source", SURVEYS).output
    assert baotu("quarantine", "export", "--source", SURVEYS, "--out", "x.xlsx").exit_code == 1


# ----------------------------------------------------------------------------------------------------
# Replay


@pytest.fixture
def changed_yaml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Let a replay read the food source's YAML with one text instead of another."""

    def change(old: str, new: str) -> None:
        text = (SOURCES / f"{FOOD}.yml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / f"{FOOD}.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
        monkeypatch.setattr(replay, "load_source", lambda source: load_source(source, tmp_path))

    return change


def test_a_replay_shows_first_what_would_differ(
    warehouse: Installation, changed_yaml: Callable[[str, str], None]
) -> None:
    odd = (HEADER + good("A", 20) + sample("B-1", "不祥")).replace("食品名称", "食物叫法")
    warehouse.put(FOOD, "refused.csv", odd)
    warehouse.put(FOOD, "other.csv", HEADER + good("C", 20) + sample("D-1", "不祥"))
    warehouse.ingest(FOOD)
    with warehouse.connect() as connection:
        assert replay.outdated(connection) == []
        with pytest.raises(NotPossible, match="Say which"):
            replay.choose(connection)
        with pytest.raises(NotPossible, match="Delivery 9"):
            replay.choose(connection, delivery_ids=[9])
        chosen = replay.choose(connection, source=FOOD)
    assert chosen == {FOOD: [1, 2]}
    changed_yaml("- 食品名称\n", "- 食品名称\n      - 食物叫法\n")
    before = warehouse.rows("select * from ops.delivery order by 1")
    first, second = replay.dry_run(chosen)
    assert (first.status, first.rows_read) == (("refused", "accepted"), (None, 21))
    assert ("", "食物叫法", "-", "product_name") in first.headers
    assert first.rules == {"FSC002": (0, 1)} and first.only_after == 21
    assert second.is_none and second.rules == {"FSC002": (1, 1)}
    assert any("refused → accepted" in line for line in first.text())
    assert "nothing would differ" in next(second.text())
    # Nothing is kept.
    assert warehouse.rows("select * from ops.delivery order by 1") == before
    assert warehouse.rows(f"select distinct delivery_id from staging.stg_{FOOD} order by 1") == [{"delivery_id": 2}]

    done = replay.replay({FOOD: [1]}, "alias added")
    assert [(d.delivery_id > 2, d.status) for d in done] == [(True, "accepted")]
    assert warehouse.rows("select status from ops.delivery order by delivery_id") == [
        {"status": "replaced"}, {"status": "accepted"}, {"status": "accepted"},
    ]  # fmt: skip
    (decision,) = warehouse.rows("select delivery_id, action, reason from ops.decision")
    assert decision == {"delivery_id": 1, "action": "retry", "reason": "alias added"}


def test_a_replay_keeps_corrections_and_the_day_of_arrival(
    warehouse: Installation, changed_yaml: Callable[[str, str], None]
) -> None:
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 20) + ",,示例店,历下区,2021-05-04,评价性抽检,,合格,x\n")
    warehouse.ingest(FOOD)
    with warehouse.connect() as connection:
        connection.execute("update ops.delivery set landed_at = '2021-08-03 12:00+08', issued_on = '2021-08-03'")
        connection.execute(f"update staging.stg_{FOOD} set issued_on = '2021-08-03'")
    (book,) = export(warehouse)
    load(correct(book.path, lambda row: {"食品名称": "桃酥"}))
    publish.build()
    assert q03(warehouse) == (21, 21, 0)
    changed_yaml("- 食品名称\n", "- 食品名称\n      - 店名\n")
    (difference,) = replay.dry_run({FOOD: [1]})
    assert difference.is_none, difference
    (again,) = replay.replay({FOOD: [1]}, "an alias more")
    (row,) = warehouse.rows(
        "select issued_on, issued_on_basis from ops.delivery where delivery_id = %s", again.delivery_id
    )
    assert (str(row["issued_on"]), row["issued_on_basis"]) == ("2021-08-03", "landing_date")
    # The row is held back in the new reading too, and its correction stands for it there.
    assert [line[:3] for line in lines(warehouse, again.delivery_id)] == [(21, "FSC001", "replaced")]
    publish.build()
    assert q03(warehouse) == (21, 21, 0) and "?" not in in_force(warehouse)


def test_a_replay_tells_typed_values_that_differ(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.put(FOOD, "a.csv", HEADER + good("A", 3) + sample("B-1", "不合格", item="铅"))
    warehouse.ingest(FOOD)
    with warehouse.connect() as connection:
        connection.execute(f"update staging.stg_{FOOD} set final_result_code = 'pass' where sample_no = 'B-1'")
        connection.execute("update ops.delivery set rules_version = 'older'")
        connection.commit()
        assert replay.outdated(connection) == [(FOOD, "accepted", 1)]
        assert replay.choose(connection, statuses=["accepted"]) == {FOOD: [1]}
        with pytest.raises(NotPossible):
            replay.choose(connection, source=FOOD)  # nothing to gain
    (difference,) = replay.dry_run({FOOD: [1]})
    assert difference.columns == {"final_result_code": 1}
    assert "1 by older rules" in baotu("status").output


def test_a_run_that_was_killed_goes_on_where_it_was(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        warehouse.put(FOOD, f"{name}.csv", HEADER + good(name, 20) + sample(f"{name}-x", "不祥"))
    warehouse.ingest(FOOD)
    wanted: dict[str, Any] = {"source": None, "rule": None, "status": None, "reason": "why", "is_dry": False}
    with pytest.raises(NotPossible, match="reason"):
        replay.from_dag(**wanted | {"reason": " "}, delivery_ids=[1], dag_run_id="run")
    with monkeypatch.context() as patch:
        patch.setattr(gate, "validate", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            replay.from_dag(**wanted, delivery_ids=[1, 2], dag_run_id="run")
    assert replay.from_dag(**wanted, delivery_ids=[1, 2], dag_run_id="run") == [FOOD]
    assert [row["status"] for row in warehouse.rows("select status from ops.delivery order by delivery_id")] == [
        "replaced", "replaced", "accepted", "accepted",
    ]  # fmt: skip
    assert replay.from_dag(**wanted | {"is_dry": True}, delivery_ids=[3], dag_run_id="other") == []


# ----------------------------------------------------------------------------------------------------
# What the commands say


def test_commands_tell_how_it_ended(warehouse: Installation) -> None:
    bad = warehouse.state / "bad.csv"
    bad.write_text(HEADER + "".join(sample(f"X-{n}", "不祥") for n in range(4)), encoding="utf-8")
    done = baotu("load", FOOD, str(bad))
    assert done.exit_code == 1 and "rejected" in done.output and "next build" not in done.output
    done = baotu("deliveries", "retry", "1", "--reason", "again")
    assert done.exit_code == 1 and "rejected" in done.output and "next build" not in done.output
    well = warehouse.state / "well.csv"
    well.write_text(HEADER + good("A", 5).replace("示例店", "示例店"), encoding="utf-8")
    done = baotu("load", FOOD, str(well), "--dry-run")
    assert done.exit_code == 0
    well.write_text((HEADER + good("A", 5)).replace("评价性抽检", "某种"), encoding="utf-8")
    done = baotu("load", FOOD, str(well), "--dry-run")
    assert done.exit_code == 0 and "FSC104: 5 (info, they count)" in done.output, done.output
    done = baotu("load", FOOD, str(well))
    assert done.exit_code == 0 and "next build: baotu build" in done.output
