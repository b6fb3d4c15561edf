"""What becomes of deliveries when people correct, repeat, withdraw and decide; and what readers see of it."""

import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from baotu import dbt, deliveries, gate, ingest, landing, publish, storage
from baotu.sources import load_source
from baotu.trace import trace
from baotu.upgrade import upgrade
from baotu.warehouse import connect
from tests.conftest import WarehouseServer
from tests.pipeline.conftest import Installation

pytestmark = pytest.mark.operations

FOOD = "food_spot_checks"
SURVEYS = "satisfaction_surveys"
WEIGHTS = "reference_weights"
HEADER = "抽样编号,食品名称,被抽样单位名称,抽样所在区县,抽样日期,抽样类型,检验项目,判定结论\n"


def sample(number: str, result: str = "合格", *, item: str = "", day: str = "2021-05-03") -> str:
    """One row of an evaluation sample of 2021."""
    return f"{number},面包,示例店,历下区,{day},评价性抽检,{item},{result}\n"


def samples(prefix: str, passing: int, failing: int = 0) -> str:
    """A file of so many samples, each of its own number."""
    return (
        HEADER
        + "".join(sample(f"{prefix}-{n}") for n in range(passing))
        + "".join(sample(f"{prefix}-F{n}", "不合格", item="铅") for n in range(failing))
    )


def issued(day: str) -> str:
    return f"issued_on: {day}\n"


def q03(warehouse: Installation) -> tuple[Decimal, Decimal, Decimal]:
    """n, x and value that readers see for 2021."""
    (row,) = warehouse.rows(
        "select denominator, numerator, value from marts.mart_target_tracking where is_current and is_headline"
        " and indicator_id = 'Q03' and period_type = 'year' and period_start_on = '2021-01-01'"
    )
    return row["denominator"], row["numerator"], row["value"]


def statuses(warehouse: Installation) -> dict[int, str]:
    return {
        row["delivery_id"]: row["status"]
        for row in warehouse.rows("select delivery_id, status from ops.delivery order by 1")
    }


def delivery(warehouse: Installation, delivery_id: int) -> dict[str, Any]:
    (row,) = warehouse.rows("select * from ops.delivery where delivery_id = %s", delivery_id)
    return row


def results(warehouse: Installation) -> dict[str, str | None]:
    """Sample number → final result of its version in force."""
    return {
        row["sample_no"]: row["final_result"]
        for row in warehouse.rows("select sample_no, final_result from core.fct_sample where known_before_on is null")
    }


def assert_rows_add_up(warehouse: Installation) -> None:
    """Every row that was read is once in raw, and is counted or quarantined."""
    for source in (FOOD, SURVEYS, WEIGHTS):
        for row in warehouse.rows(
            f"""
            select delivery.*, (select count(*) from raw.{source} as r where r.delivery_id = delivery.delivery_id) as raw,
                (select count(distinct row_no) from raw.{source} as r where r.delivery_id = delivery.delivery_id) as rows,
                (select count(distinct q.row_no) from quarantine.row as q where q.delivery_id = delivery.delivery_id
                    and q.resolution is distinct from 'passed' and q.resolution is distinct from 'accepted') as held
            from ops.delivery as delivery where source = %s
            """,
            source,
        ):
            assert row["raw"] == row["rows"] == (row["rows_read"] or 0), row
            if row["status"] in ("accepted", "rejected"):
                assert row["rows_quarantined"] == row["held"], row
                assert row["rows_read"] == row["rows_accepted"] + row["rows_quarantined"], row


def open_alerts(warehouse: Installation) -> list[str]:
    return [
        row["fingerprint"]
        for row in warehouse.rows(
            # Which periods should have come is another question (test_freshness).
            "select fingerprint from ops.alert where resolved_at is null and kind <> 'late' order by 1"
        )
    ]


def publication_on_page() -> int:
    """Which publication the scorecard page says it shows."""
    page = publish.scorecard_path().read_text(encoding="utf-8")
    found = re.search(r">Publication</.*?<dd>.*?(\d+)", page, re.DOTALL)
    assert found is not None
    return int(found[1])


def source_with(monkeypatch: pytest.MonkeyPatch, folder: Path, change: Callable[[str], str]) -> None:
    """Let `deliveries retry` read the food source's YAML as changed."""
    changed = change((landing_sources() / f"{FOOD}.yml").read_text(encoding="utf-8"))
    folder.mkdir(exist_ok=True)
    (folder / f"{FOOD}.yml").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(deliveries, "load_source", lambda source: load_source(source, folder))


def landing_sources() -> Path:
    from baotu.sources import SOURCES

    return SOURCES


# ----------------------------------------------------------------------------------------------------
# Taking back, and what readers see meanwhile


def test_a_withdrawn_file_leaves_the_number_as_it_was(warehouse: Installation) -> None:
    warehouse.put(FOOD, "right.csv", samples("A", 60, 1), issued("2021-07-01"))
    warehouse.ingest(FOOD)
    assert publish.build().status == "published"
    before = q03(warehouse)
    assert before[:2] == (61, 60)

    # The wrong file turns one of the samples over and brings others.
    wrong = samples("B", 28, 1) + sample("A-0", "不合格", item="镉")
    warehouse.put(FOOD, "wrong.csv", wrong, issued("2021-08-01"))
    ((landed,), (verdict,)) = warehouse.ingest(FOOD)
    assert verdict.status == "accepted" and ingest.is_publishable()
    assert publish.build().status == "published" and not ingest.is_publishable()
    during = q03(warehouse)
    assert during[:2] == (90, 87)
    assert {d["delivery_id"] for d in trace(warehouse.connect(), "Q03", "2021").deliveries} == {1, landed.delivery_id}

    decided = deliveries.decide(landed.delivery_id, "withdraw", "sent by mistake")
    assert decided.status == "withdrawn" and ingest.is_publishable()
    assert q03(warehouse) == during  # until the next build
    third = publish.build()
    assert third.status == "published"
    assert q03(warehouse) == before

    found = trace(warehouse.connect(), "Q03", "2021", all_rows=True, limit=1000)
    assert found.is_reproduced and not found.applied_since
    assert [(d["delivery_id"], d["numerator"], d["denominator"]) for d in found.deliveries] == [(1, 60, 61)]
    assert len(found.rows) == 61
    assert any("✓" in line for line in found.text())
    history = warehouse.rows(
        "select publication_id, n, x, value from ops.published_value where measure_code = 'FOOD_EVALUATION'"
        " and period_type = 'year' and period_start_on = '2021-01-01' order by 1"
    )
    assert [(h["n"], h["x"], h["value"]) for h in history] == [before, during, before]
    assert history[-1]["publication_id"] == third.build_id
    (decision,) = warehouse.rows("select * from ops.decision")
    assert (decision["subject"], decision["action"], decision["delivery_id"], decision["reason"]) == (
        "delivery",
        "withdraw",
        landed.delivery_id,
        "sent by mistake",
    )
    assert decision["decided_by"]
    # The withdrawn rows stay in raw, and in no fact.
    assert warehouse.rows(f"select count(*) from raw.{FOOD}") == [{"count": 91}]
    assert warehouse.rows("select distinct delivery_id from core.fct_sample_item") == [{"delivery_id": 1}]


@pytest.fixture
def reader_url(warehouse: Installation, warehouse_server: WarehouseServer) -> Iterator[str]:
    """The role `bi_reader`, which this server has only while the test runs."""
    database = warehouse.url.rsplit("/", 1)[1]
    warehouse_server.server.ensure_role("bi_reader", "reads-only")
    with psycopg.connect(warehouse_server.server.superuser_url(database)) as connection:
        connection.execute(f"grant connect on database {database} to bi_reader")
    yield warehouse_server.server.url("bi_reader", "reads-only", database)
    warehouse_server.drop_roles("bi_reader")


def assert_reads_marts_and_quality_only(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as reader:
        for name in ("marts.mart_target_tracking", "marts.mart_publication", "quality.delivery", "quality.publication"):
            assert reader.execute(f"select count(*) from {name}").fetchone() > (0,), name
        (old,) = reader.execute(r"select array_agg(nspname) from pg_namespace where nspname ~ '^marts_\d+$'").fetchone()
        hidden = [f"{schema}.mart_target_tracking" for schema in old or []]
        hidden += ["core.fct_sample", f"raw.{FOOD}", f"staging.stg_{FOOD}", "ops.delivery", "quarantine.row"]
        hidden += [f"audit.{FOOD}", "reference.indicator"]
        for name in hidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"select * from {name}")


def test_publication_hold_rollback_and_what_readers_see(
    warehouse: Installation, reader_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = "select denominator from marts.mart_target_tracking where measure_code = 'FOOD_EVALUATION' and is_current"
    number += " and period_type = 'year' and period_start_on = '2021-01-01'"
    warehouse.put(FOOD, "first.csv", samples("A", 60, 1), issued("2021-07-01"))
    warehouse.ingest(FOOD)
    first = publish.build()
    assert not upgrade()  # nothing to rebuild; but the role is new, and quality opens to it
    assert_reads_marts_and_quality_only(reader_url)

    with pytest.raises(publish.BuildFailed, match="no earlier publication"):
        publish.rollback("to what", "tester")

    # Readers of three kinds during a publication.
    warehouse.put(FOOD, "second.csv", samples("B", 30), issued("2021-08-01"))
    warehouse.ingest(FOOD)
    seen: Counter[Any] = Counter()
    stop = threading.Event()

    def poll() -> None:
        with psycopg.connect(reader_url, autocommit=True) as reader:
            while not stop.is_set():
                try:
                    seen[reader.execute(number).fetchone()] += 1
                except psycopg.Error as error:
                    seen[str(error)] += 1

    poller = threading.Thread(target=poll)
    with psycopg.connect(reader_url) as committed, psycopg.connect(reader_url) as repeatable:
        repeatable.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert committed.execute(number).fetchone() == repeatable.execute(number).fetchone() == (61,)
        poller.start()
        second = publish.build()
        stop.set()
        poller.join()
        assert second.status == "published"
        assert committed.execute(number).fetchone() == (91,)
        # Why BI roles are pinned to READ COMMITTED: the new tables' rows are younger than the snapshot.
        assert repeatable.execute(number).fetchone() is None
    assert set(seen) <= {(61,), (91,)} and seen[(61,)], seen
    assert_reads_marts_and_quality_only(reader_url)

    # A swap is never seen half done.
    seen.clear()
    stop.clear()
    pollers = [threading.Thread(target=poll) for _ in range(2)]
    for thread in pollers:
        thread.start()
    with connect(autocommit=True) as connection:
        for turn in range(60):
            there, back = (first.build_id, second.build_id)[:: 1 if turn % 2 == 0 else -1]
            with connection.transaction():
                publish.swap(connection, incoming=f"marts_{there}", outgoing=f"marts_{back}")
            publish.close_old_schemas(connection)
    stop.set()
    for thread in pollers:
        thread.join()
    assert set(seen) <= {(61,), (91,)}, seen

    # A year that was final moves by more than five points: held, whatever else is right.
    tables = "select relname, pg_class.oid from pg_class where relnamespace = 'marts'::regnamespace order by 1"
    before = warehouse.rows(tables)
    warehouse.put(FOOD, "wrong.csv", samples("C", 0, 20), issued("2021-09-01"))
    ((wrong,), _) = warehouse.ingest(FOOD)
    held = publish.build()
    assert (held.status, [reason["code"] for reason in held.reasons]) == ("held", ["MRT004"])
    assert warehouse.rows(tables) == before and q03(warehouse)[:2] == (91, 90)
    assert open_alerts(warehouse) == ["publication_held/marts"]
    assert not ingest.is_publishable()
    assert publication_on_page() == second.build_id
    # Core has gone on, and the trace says it.
    assert trace(warehouse.connect(), "Q03", "2021").applied_since == [wrong.delivery_id]
    assert not trace(warehouse.connect(), "Q03", "2021").is_reproduced

    # A build that breaks with core already applied is due again, though no delivery is.
    deliveries.decide(wrong.delivery_id, "withdraw", "twenty copies of one failure")
    with monkeypatch.context() as patch:
        patch.setattr(publish, "audit", lambda _: (_ for _ in ()).throw(gate.BrokenRule("MRT999")))
        with pytest.raises(gate.BrokenRule):
            publish.build()
    assert warehouse.rows(tables) == before and ingest.is_publishable()
    assert statuses_of_builds(warehouse) == ["published", "published", "superseded", "failed"]

    third = publish.build()
    assert third.status == "published" and q03(warehouse)[:2] == (91, 90)
    assert open_alerts(warehouse) == [] and not ingest.is_publishable()
    alerts = warehouse.rows("select resolved_at from ops.alert where kind = 'publication_held'")
    assert len(alerts) == 1 and alerts[0]["resolved_at"] is not None

    # Back to the one before; on hold until somebody lifts it.
    assert publish.rollback("looks wrong", "tester") == (second.build_id, third.build_id)
    assert_reads_marts_and_quality_only(reader_url)
    assert publication_on_page() == second.build_id
    warehouse.put(FOOD, "third.csv", samples("D", 9), issued("2021-09-01"))
    warehouse.ingest(FOOD)
    held = publish.build()
    assert (held.status, [reason["code"] for reason in held.reasons]) == ("held", ["rollback"])
    assert q03(warehouse)[:2] == (91, 90)
    publish.resume("it was right", "tester")

    # A page that cannot be written does not make a publication a failure.
    with monkeypatch.context() as patch:
        patch.setattr(publish, "write_scorecard", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            publish.build()
    assert q03(warehouse)[:2] == (100, 99) and open_alerts(warehouse) == []
    assert statuses_of_builds(warehouse)[4:] == ["rolled_back", "superseded", "published"]
    assert_reads_marts_and_quality_only(reader_url)
    publish.ensure_scorecard()
    with connect() as connection:
        shown = publish.current_publication(connection)
    assert publication_on_page() == shown
    assert [d["action"] for d in warehouse.rows("select action from ops.decision where subject = 'publication'")] == [
        "rollback",
        "resume",
    ]


def statuses_of_builds(warehouse: Installation) -> list[str]:
    return [row["status"] for row in warehouse.rows("select status from ops.build order by build_id")]


def test_a_model_that_fails_leaves_marts_as_they_were(warehouse: Installation) -> None:
    warehouse.put(FOOD, "first.csv", samples("A", 40), issued("2021-07-01"))
    warehouse.ingest(FOOD)
    publish.build()
    with warehouse.connect() as connection:
        connection.execute(
            "create function public.refuse() returns trigger language plpgsql as"
            " $$ begin raise exception 'planted'; end $$"
        )
        # The keys of the new delivery are forgotten already when the insert fails.
        connection.execute("create trigger refuse before insert on core.fct_sample execute function public.refuse()")
    warehouse.put(FOOD, "second.csv", samples("A", 50), issued("2021-08-01"))
    warehouse.ingest(FOOD)
    with pytest.raises(publish.BuildFailed, match="planted"):
        publish.build()
    assert q03(warehouse)[:2] == (40, 40) and statuses_of_builds(warehouse) == ["published", "failed"]
    assert warehouse.rows("select count(*) from core.fct_sample") == [{"count": 40}]
    assert ingest.is_publishable()
    with warehouse.connect() as connection:
        connection.execute("drop trigger refuse on core.fct_sample")
    assert publish.build().status == "published"
    assert q03(warehouse)[:2] == (50, 50) and not ingest.is_publishable()


# ----------------------------------------------------------------------------------------------------
# Decisions


def test_reject_accept_and_retry(warehouse: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = sample("X", "看不清", day="2021-02-30")
    warehouse.put(FOOD, "good.csv", samples("A", 9) + sample("A-9", "看不清"), issued("2021-07-01"))
    warehouse.put(FOOD, "bad.csv", samples("B", 6) + broken + "".join(sample(f"Y{n}", "?") for n in range(3)))
    renamed = samples("C", 5).replace("判定结论", "总的说法")
    warehouse.put(FOOD, "renamed.csv", renamed, issued("2021-07-02"))
    landed, verdicts = warehouse.ingest(FOOD)
    good, bad, refused = (one.delivery_id for one in landed)
    assert statuses(warehouse) == {good: "accepted", bad: "rejected", refused: "refused"}
    assert [v.rows_quarantined for v in verdicts] == [1, 4]
    # One row that fails two rules is one row in quarantine, in two lines.
    assert len(warehouse.rows("select * from quarantine.row where delivery_id = %s and row_no = 7", bad)) == 2
    assert_rows_add_up(warehouse)
    assert open_alerts(warehouse) == [
        f"quarantine/{FOOD}/{good}",
        f"refused/{FOOD}/{refused}",
        f"rejected/{FOOD}/{bad}",
    ]

    # Acts that do not fit.
    for delivery_id, action, message in [
        (refused, "accept", f"deliveries retry {refused}"),
        (refused, "withdraw", "is refused"),
        (good, "accept", "is accepted"),
        (bad, "reject", "is rejected"),
        (999, "withdraw", "no delivery 999"),
    ]:
        with pytest.raises(deliveries.NotPossible, match=message):
            deliveries.decide(delivery_id, action, "try")
    assert warehouse.rows("select * from ops.decision") == []

    # A rejected delivery is admitted without the rows that failed.
    assert deliveries.decide(bad, "accept", "smudged forms").status == "accepted"
    found = delivery(warehouse, bad)
    assert (found["rows_read"], found["rows_accepted"], found["rows_quarantined"]) == (10, 6, 4)
    assert f"rejected/{FOOD}/{bad}" not in open_alerts(warehouse)
    assert_rows_add_up(warehouse)

    # A refused one is read again once its alias is known.
    with pytest.raises(deliveries.NotPossible, match="no delivery 999"):
        deliveries.retry(999, "try")
    again = deliveries.retry(refused, "too early")
    assert again.status == "refused" and statuses(warehouse)[refused] == "replaced"
    with pytest.raises(deliveries.NotPossible, match=str(again.delivery_id)):
        deliveries.retry(refused, "the old one")
    with monkeypatch.context() as patch:
        source_with(
            patch,
            tmp_path / "alias",
            lambda text: text.replace("- 判定结论\n", "- 判定结论\n      - 总的说法\n"),
        )
        read = deliveries.retry(again.delivery_id, "alias added")
    assert read.status == "accepted"
    found = delivery(warehouse, read.delivery_id)
    assert (found["attempt"], found["replaces_id"], found["origin_id"]) == (3, again.delivery_id, refused)
    assert found["issued_on"] == date(2021, 7, 2) and found["rows_read"] == 5
    assert [statuses(warehouse)[i] for i in (refused, again.delivery_id)] == ["replaced", "replaced"]
    assert open_alerts(warehouse) == [f"quarantine/{FOOD}/{good}"]

    # A retry that ends in a rejection keeps what is in force.
    def strict(text: str) -> str:
        return text.replace("max_quarantined_share: 0.20", "max_quarantined_share: 0")

    with monkeypatch.context() as patch:
        source_with(patch, tmp_path / "strict", strict)
        worse = deliveries.retry(good, "stricter now")
        assert (worse.status, statuses(warehouse)[good]) == ("rejected", "accepted")
        with pytest.raises(deliveries.NotPossible, match=f"Delivery {good} is an accepted reading"):
            deliveries.decide(worse.delivery_id, "accept", "both")
        publish.build()
        assert {n for n, r in results(warehouse).items() if r} == {
            *(f"A-{n}" for n in range(9)),
            *(f"B-{n}" for n in range(6)),
            *(f"C-{n}" for n in range(5)),
        }
        assert warehouse.rows("select distinct delivery_id from core.fct_sample order by 1") == [
            {"delivery_id": i} for i in (good, bad, read.delivery_id)
        ]
        # What a person decided outranks a later verdict, in both directions.
        deliveries.decide(good, "withdraw", "the other reading")
        deliveries.decide(worse.delivery_id, "accept", "one row is all right")
        stands = deliveries.retry(worse.delivery_id, "once more")
    assert stands.status == "accepted" and stands.reasons[-1] == "a person decided: one row is all right"
    assert statuses(warehouse)[worse.delivery_id] == "replaced"
    deliveries.decide(stands.delivery_id, "reject", "not ours")
    assert deliveries.retry(stands.delivery_id, "and again").status == "rejected"
    assert [row["action"] for row in warehouse.rows("select action from ops.decision order by decision_id")] == [
        *("accept", "retry", "retry", "retry", "withdraw", "accept", "retry", "reject", "retry")
    ]
    assert_rows_add_up(warehouse)
    publish.build()
    assert {n[0] for n in results(warehouse)} == {"B", "C", "X", "Y"}


# ----------------------------------------------------------------------------------------------------
# Sidecars and known bytes


def test_a_refused_file_keeps_the_date_that_its_name_says(warehouse: Installation) -> None:
    warehouse.put(FOOD, "通告_20210304.csv", "序号,谁也不认识的列\n1,甲\n")
    warehouse.put(FOOD, "通告.csv", "序号,谁也不认识的列\n2,甲\n")
    dated, plain = sorted(ingest.load(FOOD), key=lambda one: "_" not in one.file_uri)
    assert dated.status == plain.status == "refused"
    found = delivery(warehouse, dated.delivery_id)
    assert (found["issued_on"], found["issued_on_basis"]) == (date(2021, 3, 4), "file_name")
    assert delivery(warehouse, plain.delivery_id)["issued_on_basis"] == "landing_date"


def test_sidecars(warehouse: Installation) -> None:
    path = warehouse.put(FOOD, "a.csv", samples("A", 3))
    sidecar = path.with_name("a.csv.meta.yml")
    warehouse.ingest(FOOD)
    assert delivery(warehouse, 1)["issued_on_basis"] == "landing_date"
    with connect() as connection:
        assert landing.discover(connection, load_source(FOOD)) == []

    # A sidecar comes: a second reading, and the first is in force until that one's verdict.
    sidecar.write_text(issued("2021-08-01"), encoding="utf-8")
    (landed,) = ingest.load(FOOD)
    found = delivery(warehouse, landed.delivery_id)
    assert (found["attempt"], found["replaces_id"], found["origin_id"]) == (2, 1, 1)
    assert (found["issued_on"], found["issued_on_basis"]) == (date(2021, 8, 1), "sidecar")
    assert list(statuses(warehouse).values()) == ["accepted", "landed"]
    ingest.validate(FOOD)
    assert list(statuses(warehouse).values()) == ["replaced", "accepted"]

    # It goes again, though file and time are those of the first sighting.
    sidecar.unlink()
    (landed,), _ = warehouse.ingest(FOOD)
    assert delivery(warehouse, landed.delivery_id)["issued_on_basis"] == "landing_date"
    assert list(statuses(warehouse).values()) == ["replaced", "replaced", "accepted"]
    assert ingest.load(FOOD) == []

    # A broken one refuses the reading, not what is in force.
    for broken in ("issued_on: [2021-08-01\n", "2021-08-01\n", "issued: 2021-08-01\n"):
        sidecar.write_text(broken, encoding="utf-8")
        (landed,), verdicts = warehouse.ingest(FOOD)
        assert (landed.status, verdicts) == ("refused", []), broken
        assert ingest.load(FOOD) == []
    assert landed.notes[0][0] != "broken_sidecar" and "issued_on" in landed.notes[0][2]  # did you mean
    assert list(statuses(warehouse).values()) == [*["replaced"] * 2, "accepted", *["replaced"] * 2, "refused"]
    assert open_alerts(warehouse) == [f"refused/{FOOD}/{landed.delivery_id}"]
    sidecar.write_text(issued("2021-09-01"), encoding="utf-8")
    (landed,), _ = warehouse.ingest(FOOD)
    assert delivery(warehouse, landed.delivery_id)["issued_on"] == date(2021, 9, 1)
    assert Counter(statuses(warehouse).values()) == {"accepted": 1, "replaced": 6} and open_alerts(warehouse) == []

    # What is said on the command line outranks it, and is kept when the file is read again.
    source = load_source(FOOD)
    (landed,), (verdict,) = ingest.load_files(source, [path], {"issued_on": "2021-10-01"})
    assert (landed.status, verdict.status) == ("landed", "accepted")
    found = delivery(warehouse, landed.delivery_id)
    assert (found["issued_on"], found["issued_on_basis"], found["attempt"]) == (date(2021, 10, 1), "set", 8)
    (landed,), _ = ingest.load_files(source, [path], {"issued_on": "2021-10-01"})
    assert landed.status == "known"
    sidecar.unlink()
    (landed,), _ = warehouse.ingest(FOOD)
    assert delivery(warehouse, landed.delivery_id)["issued_on"] == date(2021, 10, 1)
    assert Counter(statuses(warehouse).values()) == {"accepted": 1, "replaced": 8}

    # Broken from the beginning: refused with the reason, also when it is tried again; read when that is gone.
    path = warehouse.put(FOOD, "b.csv", samples("B", 3), "issued_on: [\n")
    copy = warehouse.put(FOOD, "c.csv", samples("C", 3), "issued_on: [\n")
    broken, other = ingest.load(FOOD)
    assert [note[0] for note in broken.notes] == ["broken_sidecar"] and "b.csv.meta.yml" in broken.notes[0][1]
    assert deliveries.retry(other.delivery_id, "hoping").status == "refused"
    path.with_name("b.csv.meta.yml").unlink()
    # The other one is sent again under another name, with a sidecar that can be read.
    warehouse.put(FOOD, "corrected/c.csv", copy.read_bytes(), issued("2021-11-01"))
    landed_now, verdicts = warehouse.ingest(FOOD)
    assert [one.status for one in landed_now] == ["landed", "landed"]
    assert [verdict.status for verdict in verdicts] == ["accepted", "accepted"]
    assert open_alerts(warehouse) == []
    assert_rows_add_up(warehouse)


def test_known_bytes_add_nothing_and_later_knowledge_wins(warehouse: Installation) -> None:
    first = samples("A", 2) + sample("A-2", "不合格", item="铅") + sample("A-2", "合格", item="镉")
    second = samples("A", 1) + sample("A-2", "合格", item="镉")
    path = warehouse.put(FOOD, "a.csv", first, issued("2021-07-01"))
    warehouse.put(FOOD, "b.csv", first)
    warehouse.put(FOOD, "2021/七月/a.csv", first)
    warehouse.put(FOOD, "empty.csv", HEADER)
    warehouse.put(FOOD, "empty too.csv", HEADER)
    warehouse.put(FOOD, "nothing.csv", b"")
    landed = ingest.load(FOOD)
    assert [one.status for one in landed] == ["landed", "known", "known", "landed", "known", "refused"]
    assert {one.delivery_id for one in landed[:3]} == {1}
    verdicts = ingest.validate(FOOD)
    assert [(v.status, v.rows_read, v.rows_quarantined) for v in verdicts] == [("accepted", 4, 0), ("accepted", 0, 0)]
    sighted = warehouse.rows("select delivery_id from ops.delivery_sighting order by sighting_id")
    assert Counter(row["delivery_id"] for row in sighted) == {1: 3, landed[3].delivery_id: 2, landed[5].delivery_id: 1}
    assert ingest.load(FOOD) == []

    # B over A, then A over B: B stays, and the loader says what counts and how to change that.
    stamp = path.stat().st_mtime_ns
    path.write_text(second, encoding="utf-8")
    path.with_name("a.csv.meta.yml").write_text(issued("2021-08-01"), encoding="utf-8")
    warehouse.settle(path)
    (correction,), _ = warehouse.ingest(FOOD)
    assert correction.status == "landed"
    path.write_text(first, encoding="utf-8")
    path.with_name("a.csv.meta.yml").write_text(issued("2021-07-01"), encoding="utf-8")
    # As rsync would, with the time of old: not one byte differs from the first sighting.
    os.utime(path, ns=(stamp, stamp))
    (again,), verdicts = warehouse.ingest(FOOD)
    assert (again.status, again.delivery_id, verdicts) == ("known", 1, [])
    assert (
        f"delivery {correction.delivery_id} counts since" in again.notes[0][2]
        and "--set issued_on" in again.notes[0][2]
    )
    assert str(correction.delivery_id) in again.notes[0][1]
    assert ingest.load(FOOD) == []

    # Knowledge goes by the date of issue, whichever came first; on one date the later arrival counts.
    warehouse.put(FOOD, "late.csv", HEADER + sample("L"), issued("2021-09-01"))
    warehouse.put(
        FOOD, "early.csv", HEADER + sample("L", "不合格", item="铅") + sample("L", item="镉"), issued("2021-08-01")
    )
    warehouse.put(FOOD, "tie 1.csv", HEADER + sample("T", "不合格", item="铅"), issued("2021-08-05"))
    warehouse.put(FOOD, "tie 2.csv", HEADER + sample("T"), issued("2021-08-05"))
    landed, verdicts = warehouse.ingest(FOOD)
    late, _, _, tie = (one.delivery_id for one in landed)
    assert {v.status for v in verdicts} == {"accepted"}
    publish.build()
    # The correction took the failing item of A-2 away: by sample, not by item.
    assert results(warehouse) == {"A-0": "pass", "A-1": "pass", "A-2": "pass", "L": "pass", "T": "pass"}
    intervals = warehouse.rows(
        "select known_from_on, known_before_on from core.fct_sample where sample_no = 'L' order by 1"
    )
    assert [tuple(row.values()) for row in intervals] == [
        (date(2021, 8, 1), date(2021, 9, 1)),
        (date(2021, 9, 1), None),
    ]
    assert q03(warehouse)[:2] == (5, 5)

    # Each correction withdrawn restores what it corrected; A by a later date, as its note said.
    deliveries.decide(late, "withdraw", "not that one")
    deliveries.decide(tie, "withdraw", "not that one")
    (forced,), _ = ingest.load_files(load_source(FOOD), [path], {"issued_on": "2021-12-01"})
    assert forced.status == "landed" and delivery(warehouse, forced.delivery_id)["origin_id"] == 1
    publish.build()
    assert results(warehouse) == {"A-0": "pass", "A-1": "pass", "A-2": "fail", "L": "fail", "T": "fail"}
    assert_rows_add_up(warehouse)


# ----------------------------------------------------------------------------------------------------
# Files that are not at rest


def test_files_that_are_not_at_rest(
    warehouse: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = load_source(FOOD)
    folder = warehouse.landing / FOOD
    for name in ("half.csv.part", ".hidden.csv", "~$open.xlsx", ".git/a.csv", "a.csv.meta.yml"):
        warehouse.put(FOOD, name, samples("H", 2))
    with connect() as connection:
        assert landing.discover(connection, source) == []
    assert not landing.is_settling(source)

    # Too young: left for the next run.
    young = folder / "young.csv"
    young.write_text(samples("Y", 2), encoding="utf-8")
    assert landing.is_settling(source) and ingest.load(FOOD) == []
    warehouse.settle(young)
    assert [one.status for one in ingest.load(FOOD)] == ["landed"]

    # One that grows while it is read; others of the same run are taken.
    growing = warehouse.put(FOOD, "growing.csv", samples("G", 20_000))
    warehouse.put(FOOD, "whole.csv", samples("W", 3))
    vanishing = warehouse.put(FOOD, "vanishing.csv", samples("V", 3))
    with connect() as connection:
        found = landing.discover(connection, source)
    vanishing.unlink()
    stop, begun = threading.Event(), threading.Event()

    def append() -> None:
        with growing.open("a", encoding="utf-8") as out:
            for number in range(100_000):
                if stop.is_set():
                    break
                out.write(sample(f"G-more-{number}"))
                out.flush()
                begun.set()
                time.sleep(0.0005)

    monkeypatch.setattr(storage, "CHUNK", 64)
    writer = threading.Thread(target=append)
    writer.start()
    begun.wait()
    with connect() as connection:
        taken = landing.load(connection, source, found)
    stop.set()
    writer.join()
    assert [Path(one.file_uri).name for one in taken] == ["whole.csv"]
    assert "growing.csv changed while it was read" in caplog.text and "vanishing.csv" in caplog.text
    kept = sorted((warehouse.state / "archive").iterdir())
    assert not [path for path in kept if path.name.startswith(".")]
    monkeypatch.undo()

    # Nothing of it was kept, so it comes whole when it has come to rest.
    warehouse.settle(growing)
    (landed,) = ingest.load(FOOD)
    assert landed.rows_read == growing.read_text(encoding="utf-8").count("\n") - 1 > 20_000
    # As long as a name can be.
    warehouse.put(FOOD, "很" * 83 + ".csv", samples("N", 2))
    assert [one.status for one in ingest.load(FOOD)] == ["landed"]
    assert_rows_add_up(warehouse)


# ----------------------------------------------------------------------------------------------------
# Dry runs


def everything(warehouse: Installation) -> dict[str, Any]:
    """What a dry run must leave as it was."""
    kept = {
        name: warehouse.rows(f"select * from {name} as t order by t::text")
        for name in ("ops.delivery", "ops.delivery_sighting", "ops.check_result", "ops.alert", "ops.decision")
    }
    for name in (f"raw.{FOOD}", f"staging.stg_{FOOD}", "quarantine.row", "ops.validation_run", "ops.applied_delivery"):
        kept[name] = warehouse.rows(f"select count(*), sum(hashtext(t::text)) from {name} as t")
    return kept


def test_a_dry_run_leaves_nothing(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    source = load_source(FOOD)
    known = warehouse.put(FOOD, "known.csv", samples("A", 5))
    warehouse.ingest(FOOD)
    path = warehouse.put(FOOD, "new.csv", samples("B", 5) + sample("X", "?"))
    refused = warehouse.put(FOOD, "refused.csv", "甲,乙\n1,2\n")
    before = everything(warehouse)
    landed, verdict = ingest.dry_run(source, path, {"issued_on": "2021-08-01"})
    assert (landed.status, landed.rows_read, landed.mapping is not None) == ("dry_run", 6, True)
    assert verdict is not None and (verdict.status, verdict.rows_quarantined) == ("accepted", 1)
    assert everything(warehouse) == before
    landed, verdict = ingest.dry_run(source, refused, {})
    assert (landed.status, verdict) == ("refused", None)
    assert everything(warehouse) == before
    landed, verdict = ingest.dry_run(source, known, {})
    assert verdict is not None and verdict.status == "accepted"
    assert everything(warehouse) == before

    # Killed before it could forget: what it left stands in nobody's way.
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    for file, moment in ((path, "_profile"), (known, "_slice"), (path, "_judge")):
        with monkeypatch.context() as patch:
            patch.setattr(gate, moment, killed)
            patch.setattr(ingest, "forget_dry_runs", lambda *_: None)
            with pytest.raises(Killed):
                ingest.dry_run(source, file, {})
    assert "dry_run" in statuses(warehouse).values()
    assert deliveries.retry(1, "beside what is left of a dry run").status == "accepted"
    landed_now, verdicts = warehouse.ingest(FOOD)
    assert [one.status for one in landed_now] == ["landed", "refused"]
    assert [(v.status, v.rows_read) for v in verdicts] == [("accepted", 6)]
    assert publish.build().status == "published"
    assert q03(warehouse)[:2] == (10, 10)
    # The next one forgets it.
    ingest.dry_run(source, known, {})
    assert Counter(statuses(warehouse).values()) == {"accepted": 2, "replaced": 1, "refused": 1}
    for table in (f"raw.{FOOD}", f"staging.stg_{FOOD}"):
        assert warehouse.rows(
            f"select count(*) from {table} where delivery_id not in (select delivery_id from ops.delivery)"
        ) == [{"count": 0}]
    assert_rows_add_up(warehouse)


# ----------------------------------------------------------------------------------------------------
# Incremental core


def random_delivery(dice: random.Random) -> tuple[str, str]:
    """Source and content; keys repeat, so that each delivery corrects others; some rows fail, some files do."""
    source = dice.choice([FOOD, FOOD, SURVEYS, WEIGHTS])
    hopeless = dice.random() < 0.15
    if source == FOOD:
        rows = "".join(
            sample(
                f"S{dice.randrange(12)}",
                "?" if hopeless or dice.random() < 0.08 else dice.choice(["合格", "合格", "不合格"]),
                item=dice.choice(["铅", "镉", ""]),
                day=f"2021-0{dice.randrange(1, 7)}-11",
            )
            for _ in range(dice.randrange(3, 12))
        )
        return source, HEADER + rows
    if source == SURVEYS:
        rows = "".join(
            f"R{dice.randrange(15)},2021,批发零售,历下区,2021-05-0{dice.randrange(1, 9)},"
            f"{99 if hopeless or dice.random() < 0.08 else dice.randrange(5, 11)},{dice.randrange(5, 11)},9\n"
            for _ in range(dice.randrange(3, 12))
        )
        return source, "受访者编号,调查批次,行业,区县,调查日期,总体满意度,与预期相比,与理想相比\n" + rows
    codes = dice.sample("FGHI", dice.randrange(2, 5))
    rows = "".join(
        f"service_value_added,GB/T 4754,{c},,{'' if hopeless else dice.randrange(10, 90)},2020\n" for c in codes
    )
    return source, "权重集,分类标准,代码,名称,数值,基准年\n" + rows


CORE = ("fct_sample", "fct_sample_item", "fct_survey_response", "fct_reference_weight")


def test_incremental_core_equals_core_from_scratch(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(20201023)
    acts: Counter[str] = Counter()
    for turn in range(4):
        touched = set()
        for number in range(5):
            source, content = random_delivery(dice)
            day = f"2021-{dice.randrange(7, 10):02}-0{dice.randrange(1, 5)}"
            warehouse.put(source, f"{turn}-{number}.csv", content, issued(day))
            touched.add(source)
        for source in sorted(touched):
            warehouse.ingest(source)
        for _ in range(3 if turn else 0):
            action, states = dice.choice(
                [
                    ("withdraw", ["accepted", "rejected"]),
                    ("accept", ["rejected", "withdrawn"]),
                    ("reject", ["accepted"]),
                ]
            )
            able = [i for i, status in statuses(warehouse).items() if status in states]
            if able:
                deliveries.decide(dice.choice(able), action, "by lot")
                acts[action] += 1
        if turn == 3:
            # The last word, so that the end holds every kind.
            able = [i for i, status in statuses(warehouse).items() if status == "accepted"]
            for act, delivery_id in zip(("retry", "withdraw", "reject"), dice.sample(able, 3), strict=True):
                acts[act] += 1
                if act == "retry":
                    deliveries.retry(delivery_id, "by lot")
                else:
                    deliveries.decide(delivery_id, act, "by lot")
        publish.build()
    assert len(acts) == 4, acts
    assert {"accepted", "rejected", "withdrawn", "replaced"} <= set(statuses(warehouse).values())
    assert_rows_add_up(warehouse)
    with warehouse.connect() as connection:
        connection.execute("create schema kept")
        for table in CORE:
            connection.execute(f"create table kept.{table} as select * from core.{table}")

    run = dbt.run

    def from_scratch(stage: str, arguments: list[str], **options: Any) -> list[dbt.NodeResult]:
        return run(stage, [*arguments, "--full-refresh"], **options)

    monkeypatch.setattr(dbt, "run", from_scratch)
    publish.build()
    for table in CORE:
        counts = warehouse.rows(f"select count(*) from core.{table}")[0]["count"]
        assert counts > 3, table
        for one, other in (("core", "kept"), ("kept", "core")):
            assert warehouse.rows(f"select * from {one}.{table} except all select * from {other}.{table}") == [], table
