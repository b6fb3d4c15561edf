"""Deliveries that are right in each row and yet not like those before them: told to the owner, and counted as usual."""

import importlib
import math
import random
import statistics
from typing import Any

import pytest
from click.testing import CliRunner
from psycopg.types.json import Jsonb

from baotu import drift
from baotu.cli import main
from baotu.deliveries import decide
from baotu.sources import load_source, load_sources
from tests.pipeline.conftest import Installation
from tests.pipeline.test_console import client

FOOD = "food_spot_checks"
HEADER = [
    "抽样编号",
    "食品名称",
    "被抽样单位名称",
    "被抽样单位所在区县",
    "结果判定",
    "抽样日期",
    "抽样类型",
    "公告日期",
]


def put_notice(
    warehouse: Installation, number: int, rows: int, *, failing: int = 2, header: list[str] = HEADER
) -> None:
    """A notice of a month with so many samples, of which so many fail."""
    lines = [
        f"S{number:04}{row:04},面包{row},示例商店,济南市历下区,{'不合格' if row < failing else '合格'},"
        f"{2015 + number // 12}-{number % 12 + 1:02}-{row % 28 + 1:02},评价性抽检,{2015 + number // 12}-{number % 12 + 1:02}-28"
        for row in range(rows)
    ]
    warehouse.put(
        FOOD, f"食品抽检{2015 + number // 12}年{number % 12 + 1}月.csv", "\n".join([",".join(header), *lines])
    )


def open_drifts(warehouse: Installation) -> list[dict[str, Any]]:
    return warehouse.rows("select * from ops.alert where kind = 'drift' and resolved_at is null order by alert_id")


def test_what_is_not_like_those_before_is_told(warehouse: Installation) -> None:
    draw = random.Random(1)
    for number in range(12):
        put_notice(warehouse, number, draw.randint(150, 250), failing=draw.randint(1, 6))
    warehouse.ingest(FOOD)
    assert open_drifts(warehouse) == []
    # A tenth of the rows, a column that nobody requires under a name that nobody knows, a sixth failing.
    put_notice(warehouse, 12, 20, failing=0)
    put_notice(warehouse, 13, 200, header=[*HEADER[:2], "示例列名", *HEADER[3:]])
    put_notice(warehouse, 14, 200, failing=33)
    put_notice(warehouse, 15, 170)
    _, verdicts = warehouse.ingest(FOOD)
    assert [verdict.status for verdict in verdicts] == ["accepted"] * 4
    few, renamed, failing = open_drifts(warehouse)
    assert "行数 20（此前 12 份的中位数 " in few["title_zh"] and "rows 20 (median of the 12 before: " in few["title_en"]
    assert renamed["evidence"]["measures"] == ["filled_share:sampled_name"]
    assert "“被抽样单位名称”有值的行占比 0.0%（此前 13 份的中位数 100.0%）" in renamed["title_zh"]
    assert failing["evidence"]["measures"] == ["failing_share"] and "不合格占比 16.5%" in failing["title_zh"]
    assert {alert["owner"] for alert in (few, renamed, failing)} == {load_source(FOOD).owner}
    # The page in Airflow and the command line say the same.
    said = "“被抽样单位名称”有值的行占比 0.0%（此前 13 份的中位数 100.0%）"
    assert said in client().get(f"/baotu/deliveries/{renamed['delivery_id']}").text
    shown = CliRunner().invoke(main, ["deliveries", "show", str(renamed["delivery_id"])], catch_exceptions=False)
    assert f"not as before      {said}" in shown.output
    # It is over when the delivery is.
    decide(verdicts[0].delivery_id, "withdraw", "half a file")
    assert [alert["alert_id"] for alert in open_drifts(warehouse)] == [renamed["alert_id"], failing["alert_id"]]
    # Nobody is told for ever: what comes a third time is how they send it now.
    for number in (16, 17):
        put_notice(warehouse, number, 200, header=[*HEADER[:2], "示例列名", *HEADER[3:]])
    warehouse.ingest(FOOD)
    told = [alert["delivery_id"] for alert in open_drifts(warehouse)]
    assert told == [verdicts[1].delivery_id, verdicts[2].delivery_id, verdicts[3].delivery_id + 1]


def test_only_a_series_is_compared(warehouse: Installation) -> None:
    for number in range(10):
        put_notice(warehouse, number, 100)
    warehouse.put(
        FOOD, "专项抽检.csv", ",".join(HEADER) + "\nS1,面包,示例商店,济南市历下区,合格,2016-01-01,评价性抽检,2016-01-28"
    )
    warehouse.ingest(FOOD)
    assert open_drifts(warehouse) == []
    series = warehouse.rows("select distinct series from ops.delivery order by 1")
    assert [row["series"] for row in series] == ["专项抽检.csv", "食品抽检#年#月.csv"]


def expected(values: list[float], now: float, rows: int, *, is_volume: bool) -> bool:
    """The rule of baotu.drift once more, in floats."""
    if len(values) < drift.ENOUGH:
        return False
    median = statistics.median(values)
    if is_volume:
        spread = 1.4826 * statistics.median(abs(math.log(value / median)) for value in values)
        far = abs(math.log(now / median)) > max(math.log(drift.MIN_FACTOR), drift.SIGMAS * spread)
    else:
        spread = 1.4826 * statistics.median(abs(value - median) for value in values)
        noise = max(median * (1 - median), 1 / (rows + 2)) / rows
        far = abs(now - median) > max(drift.MIN_SHARE, drift.SIGMAS * math.sqrt(spread**2 + noise))
    before = [v for v in values if (v - median) * (now - median) > 0 and abs(v - median) >= abs(now - median) / 2]
    return far and len(before) < drift.HABIT


def simulate(warehouse: Installation, histories: list[list[tuple[int, float]]]) -> dict[tuple[int, int, str], bool]:
    """Series of (rows, share) as profiles of accepted deliveries, compared; (series, place, measure) → is it drift."""
    ids: dict[int, tuple[int, int]] = {}
    with warehouse.connect() as connection:
        for one, history in enumerate(histories):
            for place, (rows, share) in enumerate(history):
                found = connection.execute(
                    "insert into ops.delivery (origin_id, delivery_id, attempt, source, file_uri, file_sha256, file_bytes,"
                    " given, meta, status, issued_on, issued_on_basis, rows_read, rows_quarantined, rows_accepted)"
                    " overriding system value select id, id, 1, %(source)s, %(uri)s, %(sha)s, 1, %(none)s, %(none)s,"
                    " 'accepted', date '2000-01-01' + %(place)s, 'title', %(rows)s, 0, %(rows)s"
                    " from nextval(pg_get_serial_sequence('ops.delivery', 'delivery_id')) as id returning delivery_id",
                    {
                        "source": FOOD, "uri": f"file:///{'ab'[one % 2] * (one + 1)}.csv", "none": Jsonb({}),
                        "sha": f"{one:032x}{place:032x}", "place": place, "rows": rows,
                    },
                ).fetchone()  # fmt: skip
                assert found is not None
                ids[found[0]] = (one, place)
                connection.cursor().executemany(
                    "insert into ops.delivery_profile (delivery_id, measure, value) values (%s, %s, %s)",
                    [(found[0], "row_count", rows), (found[0], "failing_share", share)],
                )
        drift.compare(connection, list(ids))
        return {
            (*ids[delivery_id], measure): is_drift
            for delivery_id, measure, is_drift in connection.execute(
                "select delivery_id, measure, is_drift from ops.delivery_profile"
            )
        }


def test_the_rule_against_an_oracle(warehouse: Installation) -> None:
    draw = random.Random(2)
    histories = []
    for _ in range(60):
        level, share, noise = (
            draw.choice([30, 300, 3000]),
            draw.choice([0.0, 0.02, 0.3, 0.97]),
            draw.choice([0.05, 0.6]),
        )
        histories.append([
            (
                max(1, round(level * math.exp(draw.gauss(0, noise) + (draw.random() < 0.1) * draw.gauss(0, 2)))),
                min(1.0, max(0.0, round(share + (draw.random() < 0.15) * draw.uniform(-0.5, 0.5), 4))),
            )
            for _ in range(draw.randint(5, 40))
        ])  # fmt: skip
    found = simulate(warehouse, histories)
    for one, history in enumerate(histories):
        for place, (rows, share) in enumerate(history):
            before = history[max(0, place - drift.HISTORY) : place]
            assert found[one, place, "row_count"] == expected([float(r) for r, _ in before], rows, rows, is_volume=True)
            assert found[one, place, "failing_share"] == expected([s for _, s in before], share, rows, is_volume=False)
    assert sum(found.values()) > 50 and sum(not each for each in found.values()) > 1000


def test_chance_is_not_told(warehouse: Installation) -> None:
    """Forty series of sixty deliveries that do not change: volumes that vary by a third, shares of few rows."""
    draw = random.Random(3)
    histories = []
    for number in range(40):
        share, history = [0.0, 0.02, 0.1, 0.5][number % 4], []
        for _ in range(60):
            rows = max(1, round(60 * math.exp(draw.gauss(0, 0.3))))
            history.append((rows, sum(draw.random() < share for _ in range(rows)) / rows))
        histories.append(history)
    found = simulate(warehouse, histories)
    assert sum(found.values()) <= 0.002 * len(found), [key for key, is_drift in found.items() if is_drift]


@pytest.mark.parametrize("source", load_sources())
def test_every_share_has_a_name_for_people(source: str) -> None:
    shares = {name for name in importlib.import_module(f"expectations.{source}").PROFILE if name.endswith("_share")}
    assert shares <= drift.MEASURES.keys()
