"""Processes that are killed in the middle, and processes that do the same at once: everything happens exactly once.

Children are forks of this process, which has dbt and Great Expectations loaded already; what they patch stays theirs.
"""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from baotu import alerts, gate, ingest, landing, publish, storage
from baotu.settings import settings
from baotu.sources import load_source
from baotu.warehouse import connect
from tests.pipeline.conftest import Installation
from tests.pipeline.test_deliveries import (
    FOOD,
    HEADER,
    assert_rows_add_up,
    issued,
    publication_on_page,
    q03,
    results,
    sample,
    samples,
    statuses_of_builds,
)

FORK = multiprocessing.get_context("fork")
PATIENCE = 180


@pytest.fixture
def children() -> Iterator[list[Any]]:
    """Those started by `start`; none outlives its test."""
    started: list[Any] = []
    yield started
    for child in started:
        if child.is_alive():
            child.kill()
        child.join()


def start(children: list[Any], work: Callable[..., Any], *arguments: Any) -> Any:
    child = FORK.Process(target=work, args=arguments)
    child.start()
    children.append(child)
    return child


def finish(*running: Any) -> None:
    for child in running:
        child.join(PATIENCE)
        assert child.exitcode == 0


def die(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def run_ingest() -> None:
    ingest.load(FOOD)
    ingest.validate(FOOD)


def killed(children: list[Any], work: Callable[[], Any]) -> None:
    """Run it in a child that must kill itself."""
    child = start(children, work)
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL


def killed_in_statement(children: list[Any], warehouse: Installation, table: str, work: Callable[[], Any]) -> None:
    """Run it in a child that is killed while it inserts into `table`; its server session naps on for a while."""
    with warehouse.connect() as connection:
        connection.execute("drop sequence if exists public.naps; create sequence public.naps")
        connection.execute(
            "create or replace function public.nap_once() returns trigger language plpgsql as $$ begin"
            " if nextval('public.naps') = 1 then perform pg_sleep(2); end if; return null; end $$"
        )
        connection.execute(f"create trigger nap after insert on {table} execute function public.nap_once()")
    child = start(children, work)
    until = time.monotonic() + PATIENCE
    while not warehouse.rows("select 1 from pg_stat_activity where wait_event = 'PgSleep'"):
        assert child.is_alive() and time.monotonic() < until
        time.sleep(0.05)
    child.kill()
    child.join()


def test_killed_while_ingesting(warehouse: Installation, children: list[Any]) -> None:
    warehouse.put(FOOD, "base.csv", samples("A", 60), issued("2021-07-01"))
    run_ingest()  # dbt and Great Expectations are loaded from here on

    def in_archive() -> None:
        storage.CHUNK = 64
        digest = hashlib.sha256
        hashlib.sha256 = lambda *whole: digest(*whole) if whole else _Digest(5)  # type: ignore[assignment]
        run_ingest()

    def in_copy() -> None:
        written = psycopg.Copy.write
        left = iter(range(2))

        def write(self: psycopg.Copy, buffer: Any) -> None:
            if next(left, None) is None:
                die()
            written(self, buffer)

        psycopg.Copy.write = write  # type: ignore[method-assign, assignment]
        run_ingest()

    def loaded() -> None:
        ingest.load(FOOD)
        die()

    def staged() -> None:
        gate._slice = die
        run_ingest()

    def in_verdict() -> None:
        decide = gate._decide

        def and_die(*arguments: Any) -> None:
            decide(*arguments)
            die()

        gate._decide = and_die
        run_ingest()

    moments = [in_archive, in_copy, loaded, run_ingest, staged, in_verdict]
    for number, moment in enumerate(moments, start=1):
        # Each brings samples of its own and turns one of the base over.
        rows = samples(f"K{number}", 300) + sample(f"A-{number}", "不合格", item="铅")
        path = warehouse.put(FOOD, f"{number}.csv", rows + sample(f"Q-{number}", "?"), issued("2021-08-01"))
        if moment is run_ingest:
            killed_in_statement(children, warehouse, f"staging.stg_{FOOD}", moment)
        else:
            killed(children, moment)
        assert warehouse.rows("select status from ops.delivery where file_uri like '%%/' || %s", path.name) in (
            [],
            [{"status": "landed"}],
        )
        assert warehouse.rows("select count(*) from quarantine.row") == [{"count": number - 1}]
        run_ingest()
        (found,) = warehouse.rows("select * from ops.delivery where file_uri like '%%/' || %s", path.name)
        assert (found["status"], found["rows_read"], found["rows_quarantined"]) == ("accepted", 302, 1), moment
        staged_rows = f"select count(*), count(distinct row_no) as rows from staging.stg_{FOOD} where delivery_id = %s"
        assert warehouse.rows(staged_rows, found["delivery_id"]) == [{"count": 302, "rows": 302}], moment
        checks = "select count(distinct validation_run_id) as runs from ops.check_result where delivery_id = %s"
        assert warehouse.rows(checks, found["delivery_id"]) == [{"runs": 1}]
    assert_rows_add_up(warehouse)
    assert ingest.load(FOOD) == []
    assert publish.build().status == "published"
    # As if nobody had been killed.
    assert q03(warehouse)[:2] == (60 + 300 * len(moments), 60 + 299 * len(moments))


class _Digest:
    """Dies after so many pieces of a file."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces

    def update(self, _: bytes) -> None:
        self.left -= 1
        if not self.left:
            die()


def test_killed_while_building(warehouse: Installation, children: list[Any]) -> None:
    warehouse.put(FOOD, "base.csv", samples("A", 60), issued("2021-07-01"))
    run_ingest()
    publish.build()

    def after_dbt() -> None:
        publish.audit = die
        publish.build()

    def in_swap() -> None:
        # After the rename and its values, before the commit.
        alerts.resolve = die
        publish.build()

    def before_page() -> None:
        publish.write_scorecard = die
        publish.build()

    expected = dict.fromkeys((f"A-{n}" for n in range(60)), "pass")
    moments = [publish.build, after_dbt, in_swap, before_page]
    for number, moment in enumerate(moments, start=1):
        before = q03(warehouse)
        rows = HEADER + sample(f"K-{number}") + sample(f"A-{number}", "不合格", item="铅")
        warehouse.put(FOOD, f"{number}.csv", rows, issued("2021-08-01"))
        expected |= {f"K-{number}": "pass", f"A-{number}": "fail"}
        run_ingest()
        if moment is publish.build:
            killed_in_statement(children, warehouse, "core.fct_sample", moment)
        else:
            killed(children, moment)
        if moment is before_page:
            # Readers see it; only the page is of yesterday.
            assert not ingest.is_publishable()
            with connect() as connection:
                shown = publish.current_publication(connection)
            assert publication_on_page() < shown
            publish.ensure_scorecard()
            assert publication_on_page() == shown
        else:
            # Nothing of it is seen, the scheduler knows that a build is due, and the next one takes over.
            assert q03(warehouse) == before
            assert ingest.is_publishable(), moment
            assert publish.build().status == "published"
            assert statuses_of_builds(warehouse)[-2:] == ["failed", "published"]
            assert not ingest.is_publishable()
        assert results(warehouse) == expected, moment
        assert q03(warehouse)[:2] == (60 + number, 60), moment
    assert_rows_add_up(warehouse)
    history = "select count(*) from ops.published_value where measure_code = 'FOOD_EVALUATION' and period_type = 'year'"
    published = statuses_of_builds(warehouse).count("published")
    assert published == 5 and warehouse.rows(f"{history} and period_start_on = '2021-01-01'") == [{"count": 5}]


# ----------------------------------------------------------------------------------------------------
# At once


def load_rounds(turnstile: Any, paths: list[Path], told: Path) -> None:
    """Load one file a round, at the same moment as the other loader."""
    source, found = load_source(FOOD), []
    with connect() as connection:
        for path in paths:
            turnstile.wait(PATIENCE)
            found += [
                (one.status, one.delivery_id) for one in landing.load(connection, source, [landing.local_file(path)])
            ]
    told.write_text(json.dumps(found), encoding="utf-8")


def test_two_loaders_at_once(warehouse: Installation, children: list[Any], tmp_path: Path) -> None:
    rounds: list[tuple[Path, Path]] = []
    for number in range(20):
        one = warehouse.put(FOOD, f"same/{number}.csv", samples(f"S{number}", 40))
        # Every other round under another name.
        other = warehouse.put(FOOD, f"copy/{number}.csv", one.read_bytes()) if number % 2 else one
        rounds.append((one, other))
    for number in range(20):
        rounds.append(
            (
                warehouse.put(FOOD, f"left/{number}.csv", samples(f"L{number}", 40)),
                warehouse.put(FOOD, f"right/{number}.csv", samples(f"R{number}", 40)),
            )
        )
    turnstile = FORK.Barrier(2)
    told = [tmp_path / "one.json", tmp_path / "other.json"]
    finish(*[start(children, load_rounds, turnstile, [pair[who] for pair in rounds], told[who]) for who in (0, 1)])
    left, right = (json.loads(path.read_text(encoding="utf-8")) for path in told)
    for (status, delivery_id), (other_status, other_id) in zip(left[:20], right[:20], strict=True):
        assert sorted([status, other_status]) == ["known", "landed"] and delivery_id == other_id
    assert {status for status, _ in left[20:] + right[20:]} == {"landed"}
    assert warehouse.rows("select count(*), count(distinct file_sha256) as files from ops.delivery") == [
        {"count": 60, "files": 60}
    ]
    assert warehouse.rows(f"select count(*) from raw.{FOOD}") == [{"count": 60 * 40}]
    assert_rows_add_up(warehouse)
    # Both names of each are sighted: nothing is left to open.
    assert ingest.load(FOOD) == []


@pytest.mark.parametrize("end", ["runs on", "is killed"])
def test_second_try_beside_its_first(warehouse: Installation, children: list[Any], end: str) -> None:
    """When a worker's main process dies, the task that it forked runs on beside its second try."""
    warehouse.put(FOOD, "base.csv", samples("B", 60), issued("2021-07-01"))
    run_ingest()  # dbt has parsed: its parser's threads are this process's, and a fork that parses waits for them for ever
    warehouse.put(FOOD, "a.csv", samples("A", 300), issued("2021-08-01"))
    waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

    def wait_until(sessions: int) -> None:
        until = time.monotonic() + PATIENCE
        while len(warehouse.rows(waiting)) < sessions:
            assert all(child.is_alive() for child in children) and time.monotonic() < until
            time.sleep(0.05)

    with warehouse.connect() as holder:
        # The first has its line in the ledger and no rows, nothing of it committed; the second has found the file too.
        holder.execute("lock table ops.delivery_sighting in share mode")
        first = start(children, ingest.load, FOOD)
        wait_until(1)
        second = start(children, run_ingest)
        wait_until(2)
        if end == "is killed":
            first.kill()
            first.join()
    finish(second, *[first] * (end == "runs on"))
    delivery = "select status, rows_read, rows_accepted + rows_quarantined as kept from ops.delivery"
    assert warehouse.rows(f"{delivery} where file_uri like '%%/a.csv'") == [
        {"status": "accepted", "rows_read": 300, "kept": 300}
    ]
    for layer in (f"raw.{FOOD}", f"staging.stg_{FOOD}"):
        assert warehouse.rows(f"select count(*) from {layer}") == [{"count": 60 + 300}]
    assert_rows_add_up(warehouse)
    assert ingest.load(FOOD) == []


def test_loader_beside_validator_and_everything_twice(
    warehouse: Installation, children: list[Any], tmp_path: Path
) -> None:
    for number in range(30):
        warehouse.put(FOOD, f"{number:02}.csv", samples(f"S{number}", 4, number % 3 == 0), issued("2021-08-01"))

    def trickle() -> None:
        source = load_source(FOOD)
        with connect() as connection:
            found = landing.discover(connection, source)
            connection.commit()
            for candidate in found:
                landing.load(connection, source, [candidate])
                time.sleep(0.1)

    loader = start(children, trickle)
    judged: list[int] = []
    while loader.is_alive():
        judged += [verdict.delivery_id for verdict in ingest.validate(FOOD)]
    finish(loader)
    judged += [verdict.delivery_id for verdict in ingest.validate(FOOD)]
    assert sorted(judged) == list(range(1, 31))
    assert warehouse.rows("select distinct status from ops.delivery") == [{"status": "accepted"}]

    # Two validations at once: one judges, the other finds nothing left.
    for number in range(3):
        warehouse.put(FOOD, f"late {number}.csv", samples(f"T{number}", 4), issued("2021-08-02"))
    ingest.load(FOOD)
    turnstile = FORK.Barrier(2)

    def at_once(work: Callable[[], Any], told: Path) -> None:
        settings()
        turnstile.wait(PATIENCE)
        told.write_text(json.dumps(work()), encoding="utf-8")

    def at_once_twice(work: Callable[[], Any]) -> list[Any]:
        told = [tmp_path / "one.json", tmp_path / "other.json"]
        finish(*[start(children, at_once, work, path) for path in told])
        return [json.loads(path.read_text(encoding="utf-8")) for path in told]

    found = at_once_twice(lambda: [verdict.delivery_id for verdict in ingest.validate(FOOD)])
    assert sorted(found) == [[], [31, 32, 33]]
    runs = warehouse.rows(
        "select delivery_id, count(distinct validation_run_id) as runs from ops.check_result group by 1"
    )
    assert Counter(row["runs"] for row in runs) == {1: 33}
    assert warehouse.rows("select 1 from ops.validation_run where finished_at is null") == []
    assert_rows_add_up(warehouse)

    # Two builds at once: one after the other.
    found = at_once_twice(lambda: publish.build().status)
    assert found == ["published", "published"]
    first, second = warehouse.rows("select * from ops.build order by started_at")
    assert first["finished_at"] <= second["started_at"] and first["status"] == second["status"] == "published"
    assert q03(warehouse)[:2] == (33 * 4 + 10, 33 * 4)
    assert publication_on_page() == second["build_id"]
