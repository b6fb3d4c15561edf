"""What grows and is nobody's history goes; what is history stays."""

import os
import time

from baotu import maintenance
from tests.pipeline.conftest import Installation


def test_what_goes_and_what_stays(warehouse: Installation) -> None:
    with warehouse.connect() as connection:
        connection.execute("create schema marts_1; create table marts_1.x (); create schema marts_99999")
        connection.execute(
            "insert into ops.build (status, as_of_on, known_at_on, code_version, backend_pid, started_at, dbt_summary)"
            " select 'failed', '2022-12-31', '2022-12-31', 'x', 0, now() - make_interval(days => days), '[]'"
            " from unnest(array[1, 100]) as days"
        )
        connection.execute(
            "insert into ops.alert (fingerprint, kind, severity, owner, title_zh, title_en, action_zh, action_en, resolved_at)"
            " select 'late/' || days, 'late', 'warning', 'x', 'x', 'x', 'x', 'x', now() - make_interval(days => days)"
            " from unnest(array[30, 500]) as days"
        )
        connection.execute(
            "create table staging.rewritten as select generate_series(1, 20000) as n; delete from staging.rewritten"
        )
    with warehouse.connect() as connection:
        connection.execute("select pg_stat_force_next_flush()")
    logs = warehouse.state / "logs" / "dbt"
    logs.mkdir(parents=True)
    for name, days in (("old.log", 40), ("new.log", 1)):
        (logs / name).write_text("x")
        os.utime(logs / name, (time.time() - 86_400 * days,) * 2)
    done = maintenance.maintain()
    assert {what: done[what] for what in ("build details", "alerts", "log files")} == dict.fromkeys(
        ("build details", "alerts", "log files"), 1
    )
    assert [path.name for path in logs.iterdir()] == ["new.log"]
    assert warehouse.rows("select fingerprint from ops.alert") == [{"fingerprint": "late/30"}]
    assert warehouse.rows("select count(*) as n from ops.build where dbt_summary is null") == [{"n": 1}]
    assert warehouse.rows(r"select nspname from pg_namespace where nspname ~ '^marts_\d'") == []
    # Again: nothing is left to do, but tables may have become busy meanwhile.
    again = maintenance.maintain()
    assert {what: count for what, count in again.items() if count and what != "vacuumed tables"} == {}
