"""Alerts against a real PostgreSQL and real HTTP receivers: told once, to all, and without a cell."""

import email
import email.policy
import hmac
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baotu import alerts, digest, runs
from baotu import warehouse as warehouse_module
from baotu.alerts import Alert, open_alert, resolve
from baotu.channels import MAX_BYTES
from baotu.digest import Delivered, deliver
from baotu.settings import settings
from baotu.sources import Source, load_source
from tests.pipeline.conftest import Installation

CELL = "泉城牌把子肉370102"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
PERSON_PATH = "/home/zhang/landing/food_spot_checks/2023/"


class Receiver:
    """An HTTP endpoint for `json://`: keeps what it was sent, answers as told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        #: What a request waits for before it is answered.
        self.gate: Callable[[], object] | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.gate is not None:
                    receiver.gate()
                if receiver.status == 200:
                    receiver.got.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"json://watcher:s3cr3t-pass@127.0.0.1:{self.port}/hook-t0ken-path?-key=t0ken-query"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def bodies(self) -> list[str]:
        return [message["message"] for message in self.got]


@contextmanager
def _receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _receiver() as made:
        yield made


@pytest.fixture
def second_receiver() -> Iterator[Receiver]:
    with _receiver() as made:
        yield made


@pytest.fixture(scope="module")
def url(warehouse_server: Any) -> str:
    made: str = warehouse_server.new_database("alerts")
    warehouse_module.migrate(made)
    return made


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with warehouse_module.connect(url=url) as opened:
        opened.execute("truncate ops.alert, ops.alert_channel, ops.delivery restart identity cascade")
        opened.commit()
        yield opened


@pytest.fixture(scope="module")
def source() -> Source:
    return load_source("food_spot_checks")


def _delivery(connection: psycopg.Connection, number: int) -> int:
    row = connection.execute(
        "insert into ops.delivery (origin_id, source, file_uri, file_sha256, file_bytes, status, issued_on,"
        " issued_on_basis) values (1, 'food_spot_checks', 'x', %s, 1, 'landed', '2023-07-01', 'set')"
        " returning delivery_id",
        (f"{number:064x}",),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _rejected(connection: psycopg.Connection, source: Source, number: int, **other: Any) -> Alert:
    """A rejected delivery with its alert open and committed, as the gate leaves it."""
    delivery_id = _delivery(connection, number)
    given: dict[str, Any] = {
        "file_uri": f"{PERSON_PATH}食品抽检 第{number}期.csv",
        "rules": {"food.result_known": 37, "food.sampled_on_readable": 1204},
        "rows_read": 5000,
    }
    alert = alerts.rejected_delivery(source, delivery_id=delivery_id, **given | other)
    open_alert(connection, alert)
    connection.commit()
    return alert


def _told(alert: Alert, **other: Any) -> digest.Told:
    """The alert as a digest reads it, open since noon of a day."""
    words = (alert.owner, alert.title_zh, alert.title_en, alert.action_zh, alert.action_en)
    which = (1, alert.kind, alert.fingerprint, alert.delivery_id, alert.severity)
    known = digest.Told(*which, *words, alert.evidence, NOON, None, False)
    return replace(known, **other)


def _unsent(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select count(*) from ops.alert where not exists (select from ops.alert_receipt as told"
        " where told.alert_id = alert.alert_id)"
    ).fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def _count(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from ops.alert").fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


# ------------------------------------------------------------------------------------------ what is sent


def test_one_digest_tells_all_in_chinese_and_english(
    connection: psycopg.Connection, source: Source, receiver: Receiver
) -> None:
    refused = _delivery(connection, 1)
    open_alert(
        connection,
        alerts.refused_delivery(
            source, delivery_id=refused, file_uri="s3://bucket/a/二月.xlsx", codes=["missing_column"]
        ),
    )
    _rejected(connection, source, 2)
    held = _delivery(connection, 3)
    open_alert(
        connection,
        alerts.quarantined_rows(
            source,
            delivery_id=held,
            file_uri="landing/三月.csv",
            rules={"food.credit_code": 1, "food.result_known": 250},
            rows_read=3000,
            rows_quarantined=250,
        ),
    )
    connection.commit()

    assert deliver(connection, urls=receiver.url) == Delivered(sent=3)

    assert len(receiver.got) == 1
    message = receiver.got[0]
    assert message["title"] == "趵突 Baotu\uff1a3 条新告警 · 3 new alerts"
    assert message["type"] == "failure"
    lines = message["message"].splitlines()
    assert len(lines) == 7 and lines[3] == ""
    # Each line: source, file, rules with rows (most first), what to do, where to look.
    rejected_zh, rejected_en = lines[1], lines[5]
    assert f"{source.label_zh}\uff1a文件 食品抽检 第2期.csv 未通过校验" in rejected_zh
    assert "规则\uff1afood.sampled_on_readable 1,204 行、food.result_known 37 行" in rejected_zh
    assert "处理\uff1a核对未通过的规则" in rejected_zh
    assert "查看\uff1abaotu deliveries show 2\uff1bbaotu quarantine list --delivery 2" in rejected_zh
    assert f"{source.label_en}: file 食品抽检 第2期.csv failed validation" in rejected_en
    assert "rules: food.sampled_on_readable 1,204 rows, food.result_known 37 rows" in rejected_en
    assert "baotu deliveries accept 2 --reason" in rejected_en
    assert "look: baotu deliveries show 2; baotu quarantine list --delivery 2" in rejected_en
    assert rejected_en.endswith("runbook: docs/runbook.md#rejected")
    # What is critical comes first, whatever was opened when.
    assert "【严重】" in lines[0] and "二月.xlsx" in lines[0] and "missing_column" in lines[0]
    assert "【警告】" in lines[2] and "250 行被隔离" in lines[2] and "8.3%" in lines[2]
    assert "food.credit_code 1 row |" in lines[6]
    # Told once: nothing is left for the next run.
    assert deliver(connection, urls=receiver.url) == Delivered()
    assert len(receiver.got) == 1


def test_no_path_no_cell_and_no_secret_leaves(
    connection: psycopg.Connection, source: Source, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    _rejected(connection, source, 1)
    # A file name is the sender's text: it must not draw lines of its own, nor hide behind direction marks.
    _rejected(connection, source, 2, file_uri="C:\\Users\\li\\a\n9. 【提示】 fine\u202egpj.csv")
    # As loud as Airflow at its DEBUG level, where requests and Apprise log URLs and bodies.
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    receiver.status = 500
    deliver(connection, urls=receiver.url)
    receiver.status = 200
    deliver(connection, urls=receiver.url)

    body = receiver.bodies[0]
    assert "/home" not in body and "zhang" not in body and "Users" not in body
    assert "\u202e" not in body and len(body.splitlines()) == 5
    mine = [record for record in caplog.records if record.name == "baotu.digest"]
    assert [record.getMessage() for record in mine] == [
        (
            f"Alert channel 1 of BAOTU_ALERT_URLS (json://127.0.0.1:{receiver.port}) did not take the digest "
            "(unreachable, or refused it); alerts wait for the next run"
        )
    ]
    for secret in ("s3cr3t", "t0ken", "watcher", "zhang"):
        assert secret not in caplog.text
    # What was quietened for the sending is as loud as before.
    assert logging.getLogger("urllib3").level == logging.DEBUG


@pytest.mark.parametrize("code", [CELL, "37.5", "result known", "", "x" * 101])
def test_a_cell_cannot_pass_for_a_rule_code(source: Source, code: str) -> None:
    with pytest.raises(ValueError, match="rule code") as caught:
        alerts.rejected_delivery(source, delivery_id=1, file_uri="a.csv", rules={code: 1}, rows_read=1)
    assert not code or code not in str(caught.value)


def test_a_robots_token_is_not_taken_for_its_host(
    connection: psycopg.Connection,
    source: Source,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # For a robot, Apprise keeps the token where other channels have their host.
    tokens = ("robotkey-0123456789", "T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ", "hunter2")
    urls = f"wecombot://{tokens[0]} slack://{tokens[1]}/{tokens[2]}/{tokens[3]} nonsense://{tokens[4]}"
    # No network: every address is a closed port of this machine.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    _rejected(connection, source, 1)
    result = deliver(connection, urls=urls)
    assert result.waiting == 1
    assert [name.partition("(")[2] for name in result.failed] == [
        "wecombot)",
        "slack)",
        "not an Apprise URL, see `apprise --details`)",
    ]
    for token in tokens:
        assert token not in caplog.text + str(result)


def test_a_long_digest_is_cut(connection: psycopg.Connection, source: Source, receiver: Receiver) -> None:
    for number in range(1, 101):
        _rejected(connection, source, number, rules={f"food.rule_{i:02}": i for i in range(1, 41)})
    assert deliver(connection, urls=receiver.url) == Delivered(sent=100)
    title, body = receiver.got[0]["title"], receiver.bodies[0]
    assert title.startswith("趵突 Baotu\uff1a100 条新告警")
    assert len((title + body).encode()) <= MAX_BYTES
    zh, en = body.split("\n\n")
    shown = len(zh.splitlines()) - 1
    assert 5 <= shown <= digest.MAX_LINES and len(en.splitlines()) - 1 == shown
    assert zh.splitlines()[-1] == f"… 另有 {100 - shown} 条\uff1abaotu alerts list"
    assert en.splitlines()[-1] == f"… and {100 - shown} more: baotu alerts list"
    assert "food.rule_40 40 行" in zh and "food.rule_01" not in zh and "等 40 条" in zh
    assert _unsent(connection) == 0


@pytest.mark.parametrize("room", [140, 160, 700, 2048, 8000])
def test_a_digest_fits_its_channel_in_bytes(connection: psycopg.Connection, source: Source, room: int) -> None:
    opened = []
    for number in range(30):
        alert = alerts.rejected_delivery(
            source, delivery_id=number, file_uri="泉" * 500, rules={"food.result_known": 1}, rows_read=1
        )
        opened.append(("opened", _told(alert)))
    made = digest.message(opened, room)
    assert made.body.startswith(("1. ", "… 另有 30 条")) and made.is_critical
    assert len((made.title + made.body).encode()) <= room


def test_an_alert_leads_to_the_page(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    alert = alerts.refused_delivery(source, delivery_id=7, file_uri="a.csv", codes=["empty"])
    assert "页面" not in digest.message([("opened", _told(alert))]).body
    monkeypatch.setenv("BAOTU_PAGE_URL", "https://airflow.example.org/baotu/")
    settings.cache_clear()
    for told, place in (
        (_told(alert), "deliveries/7"),
        (_told(alert, kind="target", fingerprint="target/Q03/2022", delivery_id=None), "indicators/Q03"),
        (
            _told(alert, kind="late", fingerprint="late/brand_records", delivery_id=None),
            "deliveries?source=brand_records",
        ),
        (_told(alert, kind="failed_run", fingerprint="failed_run/x", delivery_id=None), ""),
    ):
        assert f"页面\uff1ahttps://airflow.example.org/baotu/{place} |" in digest.message([("opened", told)]).body
    monkeypatch.undo()
    settings.cache_clear()


# ------------------------------------------------------------------------------------------ told once


def test_the_same_problem_is_one_alert(connection: psycopg.Connection, source: Source, receiver: Receiver) -> None:
    alert = _rejected(connection, source, 1)
    deliver(connection, urls=receiver.url)
    again = alerts.rejected_delivery(
        source, delivery_id=1, file_uri="a.csv", rules={"food.result_known": 41}, rows_read=5000
    )
    assert again.fingerprint == alert.fingerprint == "rejected/food_spot_checks/1"
    open_alert(connection, again)
    connection.commit()
    row = connection.execute("select count(*), min(evidence #>> '{rules,food.result_known}') from ops.alert").fetchone()
    connection.commit()
    assert row == (1, "41")
    assert deliver(connection, urls=receiver.url) == Delivered()
    assert len(receiver.got) == 1


def test_an_alert_lives_and_dies_with_its_transaction(
    connection: psycopg.Connection, source: Source, receiver: Receiver
) -> None:
    open_alert(
        connection,
        alerts.refused_delivery(source, delivery_id=_delivery(connection, 1), file_uri="a.csv", codes=["empty"]),
    )
    # A sender inside the transaction would tell of a verdict that may be rolled back.
    with pytest.raises(RuntimeError, match="commit first"):
        deliver(connection, urls=receiver.url)
    connection.rollback()
    assert deliver(connection, urls=receiver.url) == Delivered()
    assert receiver.got == []


def test_two_senders_at_once_send_once(
    connection: psycopg.Connection, url: str, source: Source, receiver: Receiver
) -> None:
    for number in range(1, 6):
        _rejected(connection, source, number)
    inside, go = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        go.wait(10)

    receiver.gate = hold
    results: list[Delivered] = []

    def send() -> None:
        with warehouse_module.connect(url=url) as own:
            results.append(deliver(own, urls=receiver.url))

    first = threading.Thread(target=send)
    first.start()
    assert inside.wait(10)
    # While the first is on the line, the second sends nothing, and does not wait either.
    receiver.gate = None
    assert deliver(connection, urls=receiver.url) == Delivered()
    # A problem that comes up meanwhile is not left for the next run: the first looks again.
    _rejected(connection, source, 6)
    assert deliver(connection, urls=receiver.url) == Delivered()
    go.set()
    first.join(10)
    assert results == [Delivered(sent=6)]
    assert [message["title"].split(" · ")[1] for message in receiver.got] == ["5 new alerts", "1 new alert"]
    assert _unsent(connection) == 0


# ------------------------------------------------------------------------------------------ dead channels


def test_a_receiver_down_then_up(connection: psycopg.Connection, source: Source, receiver: Receiver) -> None:
    _rejected(connection, source, 1)
    receiver.close()
    port = receiver.port
    result = deliver(connection, urls=receiver.url)
    assert result.waiting == 1 and result.sent == 0
    assert result.failed == (f"channel 1 of BAOTU_ALERT_URLS (json://127.0.0.1:{port})",)
    assert _unsent(connection) == 1
    with _receiver() as reborn:
        _rejected(connection, source, 2)
        assert deliver(connection, urls=reborn.url) == Delivered(sent=2)
        assert len(reborn.got) == 1 and "第1期" in reborn.bodies[0] and "第2期" in reborn.bodies[0]
    assert _unsent(connection) == 0


def test_one_dead_channel_of_two(
    connection: psycopg.Connection, source: Source, receiver: Receiver, second_receiver: Receiver
) -> None:
    both = f"{receiver.url}, {second_receiver.url}"
    second_receiver.status = 503
    _rejected(connection, source, 1)
    assert deliver(connection, urls=both).waiting == 1
    assert deliver(connection, urls=both).waiting == 1
    # The one that works has it once, however often the other is tried.
    assert len(receiver.got) == 1 and second_receiver.got == []
    # New evidence for an alert on its way does not forget who has it.
    open_alert(
        connection,
        alerts.rejected_delivery(source, delivery_id=1, file_uri="neu.csv", rules={"food.x": 1}, rows_read=1),
    )
    _rejected(connection, source, 2)
    second_receiver.status = 200
    assert deliver(connection, urls=both) == Delivered(sent=2)
    assert len(receiver.got) == 2 and "neu.csv" not in receiver.bodies[1] and "第2期" in receiver.bodies[1]
    assert len(second_receiver.got) == 1
    assert "neu.csv" in second_receiver.bodies[0] and "第2期" in second_receiver.bodies[0]
    # It is known which one was down, and that it is up again.
    rows = connection.execute("select failing_since is not null, failure from ops.alert_channel").fetchall()
    assert rows == [(False, None), (False, None)]


def test_a_channel_that_hangs_stops_nobody(
    connection: psycopg.Connection, source: Source, receiver: Receiver, second_receiver: Receiver
) -> None:
    _rejected(connection, source, 1)
    go = threading.Event()
    receiver.gate = lambda: go.wait(10)
    began = time.monotonic()
    result = deliver(connection, urls=f"{receiver.url} {second_receiver.url}", patience=0.5)
    assert time.monotonic() - began < 3
    go.set()
    assert result.waiting == 1 and len(result.failed) == 1
    assert len(second_receiver.got) == 1


def test_an_error_inside_a_channel_is_not_ours(
    connection: psycopg.Connection,
    source: Source,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apprise.plugins.custom_json import NotifyJSON

    def explode(self: object, *args: object, **kwargs: object) -> bool:
        raise KeyError(f"cannot reach {receiver.url}")

    monkeypatch.setattr(NotifyJSON, "send", explode)
    _rejected(connection, source, 1)
    assert deliver(connection, urls=receiver.url).waiting == 1
    assert "s3cr3t" not in caplog.text and "did not take the digest" in caplog.text
    assert _unsent(connection) == 1


def test_no_channel_keeps_alerts(connection: psycopg.Connection, source: Source, receiver: Receiver) -> None:
    for number in range(1, 4):
        _rejected(connection, source, number)
    assert deliver(connection, urls=" ") == Delivered(waiting=3)
    resolve(connection, 2)
    connection.commit()
    # What is still open is still to be told, in one digest, to whoever listens.
    assert deliver(connection, urls=receiver.url) == Delivered(sent=2)
    assert len(receiver.got) == 1 and "第2期" not in receiver.bodies[0]


def test_urls_come_from_the_settings(
    connection: psycopg.Connection, source: Source, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rejected(connection, source, 1)
    monkeypatch.setenv("BAOTU_ALERT_URLS", receiver.url)
    settings.cache_clear()
    try:
        assert deliver(connection) == Delivered(sent=1)
    finally:
        settings.cache_clear()


# ------------------------------------------------------------------------------------------ resolved


def test_resolution_of_a_delivery(connection: psycopg.Connection, source: Source, receiver: Receiver) -> None:
    _rejected(connection, source, 1)
    other = _rejected(connection, source, 2)
    quarantined = alerts.quarantined_rows(
        source, delivery_id=1, file_uri="a.csv", rules={"food.x": 9}, rows_read=100, rows_quarantined=9
    )
    open_alert(connection, quarantined)
    connection.commit()
    # Judged again: the rejection no longer holds; the quarantine does, and stays the same alert.
    assert resolve(connection, 1, keep=[quarantined]) == 1
    connection.commit()
    assert deliver(connection, urls=receiver.url) == Delivered(sent=2)
    assert "第1期" not in receiver.bodies[0]
    assert resolve(connection, 1) == 1
    assert resolve(connection, 1) == 0
    connection.commit()
    # It comes back on the same day: the same alert, which is not told again.
    open_alert(connection, quarantined)
    connection.commit()
    assert deliver(connection, urls=receiver.url) == Delivered()
    assert _count(connection) == 3
    # By fingerprint: whole parts only.
    assert resolve(connection, "rejected/food") == 0
    assert resolve(connection, "rejected/food_spot_checks/2") == 1
    assert other.fingerprint == "rejected/food_spot_checks/2"
    assert resolve(connection, "quarantine") == 1


def test_kinds_and_fingerprints_are_checked() -> None:
    def made(**other: Any) -> Alert:
        given: dict[str, Any] = {
            "kind": "failed_run",
            "severity": "critical",
            "parts": ("a/b", "100%"),
            "source": None,
            "delivery_id": None,
            "owner": "平台组",
            "title_zh": "运行失败",
            "title_en": "run failed",
            "action_zh": "看日志",
            "action_en": "read the log",
        }
        return Alert(**given | other)

    assert made().fingerprint == "failed_run/a%2Fb/100%25"
    with pytest.raises(ValueError, match="kind or severity"):
        made(kind="task_failed")
    with pytest.raises(ValueError, match="without parts"):
        made(parts=())


# ------------------------------------------------------------------------------------------ its life

HOUR = timedelta(hours=1)


def _time_passes(connection: psycopg.Connection, hours: float) -> None:
    """Everything noted so far was noted so much earlier."""
    for statement in (
        "update ops.alert_receipt set sent_at = sent_at - make_interval(secs => %s)",
        "update ops.alert set opened_at = opened_at - make_interval(secs => %s),"
        " resolved_at = resolved_at - make_interval(secs => %s)",
    ):
        connection.execute(statement, [3600 * hours] * statement.count("%s"))
    connection.commit()


def test_reminded_acknowledged_worse_and_resolved(
    connection: psycopg.Connection, source: Source, receiver: Receiver
) -> None:
    held = alerts.quarantined_rows(
        source,
        delivery_id=_delivery(connection, 1),
        file_uri="三月.csv",
        rules={"FSC002": 9},
        rows_read=99,
        rows_quarantined=9,
    )
    open_alert(connection, held)
    connection.commit()

    def told(hours: float) -> list[str]:
        _time_passes(connection, hours)
        before = len(receiver.got)
        deliver(connection, urls=receiver.url)
        return [str(message["title"]).partition("\uff1a")[2] for message in receiver.got[before:]]

    assert told(0) == ["1 条新告警 · 1 new alert"]
    assert told(7 * 24 - 1) == []
    assert told(1) == ["1 条提醒 · 1 reminder"]
    assert "【警告·" in receiver.bodies[-1] and "起未解除】" in receiver.bodies[-1]
    alerts.acknowledge(connection, 1, "li", "asked the office")
    connection.commit()
    assert told(30 * 24) == []
    # Worse than what was told: told at once, and whoever took care of the lesser has not of this.
    open_alert(connection, replace(held, severity="critical"))
    connection.commit()
    assert told(0) == ["1 条新告警 · 1 new alert"]
    assert told(23) == [] and told(1) == ["1 条提醒 · 1 reminder"]
    # Over: told when it has held.
    resolve(connection, 1)
    connection.commit()
    assert told(0.2) == []
    assert told(0.1) == ["1 条解除 · 1 resolved"]
    assert "【已解除】" in receiver.bodies[-1] and receiver.got[-1]["type"] == "warning"
    assert told(24) == []
    with pytest.raises(alerts.NotPossible, match="no open alert 1"):
        alerts.acknowledge(connection, 1, "li")
    # A week later it is another problem.
    _time_passes(connection, 7 * 24)
    open_alert(connection, held)
    connection.commit()
    assert told(0) == ["1 条新告警 · 1 new alert"] and _count(connection) == 2


def test_a_check_that_flaps_is_one_alert(connection: psycopg.Connection, source: Source, receiver: Receiver) -> None:
    alert = _rejected(connection, source, 1)
    for _ in range(48):  # two days, every hour there and gone, each run with its digest
        deliver(connection, urls=receiver.url)
        resolve(connection, 1)
        connection.commit()
        _time_passes(connection, 0.5)
        deliver(connection, urls=receiver.url)
        open_alert(connection, alert)
        connection.commit()
        _time_passes(connection, 0.5)
    assert _count(connection) == 1
    # Opened and resolved at most once a day each.
    assert len(receiver.got) <= 2 * 3, [message["title"] for message in receiver.got]
    row = connection.execute("select reopened_count from ops.alert").fetchone()
    assert row == (48,)


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 60), st.sampled_from(["open", "resolve", "worse", "better", "acknowledge", "send", "send"])
        ),
        max_size=60,
    )
)
def test_no_problem_is_told_more_often_than_its_rule(steps: list[tuple[float, str]]) -> None:
    """Whatever happens: between two tellings of one severity lies a day, and after the last word all is known."""
    words = dict.fromkeys(("owner", "title_zh", "title_en", "action_zh", "action_en"), "x")
    which = (1, "late", "late/x", None, "warning")
    alert = digest.Told(*which, **words, evidence={}, opened_at=NOON, resolved_at=None, is_acknowledged=False)
    now, told = NOON, list[tuple[datetime, str, str]]()
    last: digest.Receipt | None = None

    def send() -> None:
        nonlocal last
        event = digest.due(alert, last, now)
        if event is not None:
            told.append((now, event, alert.severity))
            last = digest.Receipt(event, alert.severity, now)

    for hours, what in steps:
        now += hours * HOUR
        match what:
            case "send":
                send()
            case "open" if alert.resolved_at is not None:
                alert = replace(alert, resolved_at=None, is_acknowledged=False)
            case "resolve" if alert.resolved_at is None:
                alert = replace(alert, resolved_at=now)
            case "worse" if alert.resolved_at is None:
                alert = replace(alert, severity="critical", is_acknowledged=alert.severity == "critical")
            case "better" if alert.resolved_at is None:
                alert = replace(alert, severity="warning")
            case "acknowledge" if alert.resolved_at is None:
                alert = replace(alert, is_acknowledged=True)
    problems = [(at, severity) for at, event, severity in told if event != "resolved"]
    for (at, severity), (later, then) in pairwise(problems):
        assert later - at >= timedelta(days=1) or (severity, then) == ("warning", "critical")
    # In the end, in two days of quiet, the last word is the truth.
    for _ in range(49):
        now += HOUR
        send()
    if last is not None:
        assert (last.event == "resolved") == (alert.resolved_at is not None)
    elif alert.resolved_at is None:
        pytest.fail("an open alert was never told")


def test_each_recipient_hears_what_is_theirs(
    connection: psycopg.Connection, source: Source, receiver: Receiver, second_receiver: Receiver
) -> None:
    _rejected(connection, source, 1)
    open_alert(
        connection,
        alerts.quarantined_rows(
            load_source("enterprise_registry"),
            delivery_id=_delivery(connection, 2),
            file_uri="名录.csv",
            rules={"ENT001": 9},
            rows_read=99,
            rows_quarantined=9,
        ),
    )
    connection.commit()
    only_food = f"{receiver.url}&baotu_owner=食品抽检处,农业&baotu_language=zh"
    only_worst = f"{second_receiver.url}&baotu_severity=critical&baotu_language=en"
    assert deliver(connection, urls=f"{only_food} {only_worst}") == Delivered(sent=1)
    assert receiver.got[0]["title"] == "趵突 Baotu\uff1a1 条新告警" and "to do" not in receiver.bodies[0]
    assert second_receiver.got[0]["title"] == "趵突 Baotu\uff1a1 new alert" and "处理" not in second_receiver.bodies[0]
    # Ours is not Apprise's: what stands beside it in the URL is still sent, and ours is not.
    assert "baotu" not in str(receiver.got[0].get("attachments", "")) and "第1期" in receiver.bodies[0]
    # Who listens to everything hears of both.
    assert deliver(connection, urls=receiver.url) == Delivered(sent=2)
    for wrong in ("baotu_severity=urgent", "baotu_language=de", "baotu_owners=x"):
        result = deliver(connection, urls=f"{receiver.url}&{wrong}")
        assert len(result.failed) == 1 and "is not one of" in result.failed[0] and "s3cr3t" not in result.failed[0]


def test_trial_of_all_channels(connection: psycopg.Connection, receiver: Receiver, second_receiver: Receiver) -> None:
    second_receiver.status = 500
    outcome = digest.try_channels(connection, urls=f"{receiver.url} {second_receiver.url}")
    assert list(outcome.values()) == [None, "unreachable, or refused it"]
    assert receiver.got[0]["title"] == "趵突 Baotu\uff1a试发 · trial"
    rows = connection.execute("select name, failure is not null from ops.alert_channel order by name").fetchall()
    assert [is_down for _, is_down in rows] == [False, True]


KILLED = """
import sys
from baotu import digest, warehouse
with warehouse.connect(url=sys.argv[1]) as connection:
    digest.deliver(connection, urls=sys.argv[2])
"""


def test_a_sender_killed_in_the_middle(
    connection: psycopg.Connection, url: str, source: Source, receiver: Receiver
) -> None:
    for number in range(1, 4):
        _rejected(connection, source, number)
    inside = threading.Event()
    receiver.gate = lambda: (inside.set(), time.sleep(60))
    sender = subprocess.Popen([sys.executable, "-c", KILLED, url, receiver.url])
    try:
        assert inside.wait(60)
    finally:
        sender.kill()
        sender.wait()
    receiver.gate = None
    # Nobody knows whether it came through: it is sent again, rather than lost. The lock went with the process.
    deadline = time.monotonic() + 15
    while (result := deliver(connection, urls=receiver.url)) == Delivered() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert result == Delivered(sent=3) and deliver(connection, urls=receiver.url) == Delivered()
    assert len(receiver.got) == 1


# ------------------------------------------------------------------------------------------ the robots, and mail


class Robot:
    """Answers as WeCom, DingTalk and Feishu do: always 200, and the truth in the body."""

    SECRET = "SEC0123456789abcdef"

    def __init__(self) -> None:
        self.got: list[str] = []
        self.refuses = False
        robot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                answer = robot.answer(urlsplit(self.path), json.loads(raw), self.headers["Content-Type"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: Any, body: dict[str, Any], content_type: str) -> dict[str, Any]:
        assert content_type.startswith("application/json")
        kind, asked = path.path.strip("/").split("/")[0], dict(parse_qsl(path.query))
        refusals = {
            "wecom": {"errcode": 45009, "errmsg": "api freq out of limit"},
            "dingtalk": {"errcode": 310000, "errmsg": "sign not match"},
            "feishu": {"code": 9499, "msg": "Bad Request", "data": {}},
        }
        if self.refuses:
            return refusals[kind]
        match kind:
            case "wecom":
                text, limit = body["text"]["content"], 2048
                is_right = body["msgtype"] == "text" and asked["key"] == "robot-key"
            case "dingtalk":
                text, limit = body["text"]["content"], 20_000
                signed = hmac.new(self.SECRET.encode(), f"{asked['timestamp']}\n{self.SECRET}".encode(), "sha256")
                is_right = body["msgtype"] == "text" and asked["sign"] == b64encode(signed.digest()).decode()
            case _:
                text, limit = body["content"]["text"], 20_000
                is_right = body["msg_type"] == "text"
        if not is_right or len(text.encode()) > limit:
            return refusals[kind]
        self.got.append(text)
        return {"code": 0, "msg": "success"} if kind == "feishu" else {"errcode": 0, "errmsg": "ok"}


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "feishu"])
def test_robots(
    connection: psycopg.Connection,
    source: Source,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apprise.plugins.dingtalk import NotifyDingTalk
    from apprise.plugins.feishu import NotifyFeishu
    from apprise.plugins.wecombot import NotifyWeComBot

    robot = Robot()
    monkeypatch.setattr(NotifyWeComBot, "notify_url", f"{robot.url}/wecom?key={{key}}")
    monkeypatch.setattr(NotifyDingTalk, "notify_url", f"{robot.url}/dingtalk?access_token={{token}}")
    monkeypatch.setattr(NotifyFeishu, "notify_url", f"{robot.url}/feishu/{{token}}")
    urls = {
        "wecom": "wecombot://robot-key",
        "dingtalk": f"dingtalk://{robot.SECRET}@0123456789abcdef",
        "feishu": "feishu://0123456789abcdef",
    }[kind]
    for number in range(1, 41):
        _rejected(connection, source, number)
    robot.refuses = True
    result = deliver(connection, urls=urls)
    assert (result.sent, result.waiting) == (0, 40) and len(result.failed) == 1
    code = {"wecom": "45009", "dingtalk": "310000", "feishu": "9499"}[kind]
    assert f"the robot refused it: {code}" in caplog.text
    robot.refuses = False
    assert deliver(connection, urls=urls) == Delivered(sent=40)
    robot.server.shutdown()
    (text,) = robot.got
    assert "40 条新告警 · 40 new alerts" in text and "第1期" in text and "另有" in text
    for secret in (robot.SECRET, "0123456789abcdef", "robot-key"):
        assert secret not in caplog.text


def test_mail(connection: psycopg.Connection, source: Source) -> None:
    from aiosmtpd.controller import Controller

    class Mailbox:
        def __init__(self) -> None:
            self.got: list[Any] = []

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
            self.got.append(envelope)
            return "250 OK"

    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        _rejected(connection, source, 1)
        urls = (
            f"mailto://127.0.0.1:{port}?smtp=127.0.0.1&mode=insecure&from=baotu@example.org"
            "&to=a@example.org,b@example.org&baotu_severity=critical"
        )
        assert deliver(connection, urls=urls) == Delivered(sent=1)
    finally:
        server.stop()
    assert sorted(each for envelope in mailbox.got for each in envelope.rcpt_tos) == ["a@example.org", "b@example.org"]
    received = email.message_from_bytes(mailbox.got[0].content, policy=email.policy.default)
    assert received["subject"] == "趵突 Baotu\uff1a1 条新告警 · 1 new alert"
    text = received.get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    assert "食品抽检 第1期.csv 未通过校验" in text and "failed validation" in text


@pytest.mark.timeout(300)
def test_a_storm_is_one_digest(warehouse: Installation, receiver: Receiver) -> None:
    """10,000 failing rows in 200 files of one run."""
    header = "抽样编号,食品名称,被抽样单位名称,被抽样单位所在区县,结果判定,抽样日期,抽样类型,公告日期\n"
    for number in range(200):
        rows = "".join(
            f"S{number:03}{row:03},面包,示例商店,济南市历下区,{'' if row < 50 else '合格'},2022-06-01,评价性抽检,2022-07-01\n"
            for row in range(300)
        )
        warehouse.put("food_spot_checks", f"风暴_{number:03}.csv", header + rows)
    _, verdicts = warehouse.ingest("food_spot_checks")
    assert len(verdicts) == 200 and sum(verdict.rows_quarantined for verdict in verdicts) == 10_000
    with warehouse.connect() as connection:
        # One of each file, and one of the periods that did not come.
        assert deliver(connection, urls=receiver.url) == Delivered(sent=201)
        assert deliver(connection, urls=receiver.url) == Delivered()
    (message,) = receiver.got
    assert message["title"] == "趵突 Baotu\uff1a201 条新告警 · 201 new alerts"
    assert "另有" in message["message"] and len(message["message"].encode()) <= MAX_BYTES


def test_a_run_that_fails_is_late_and_ends_well(
    warehouse: Installation, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the last task of each DAG does, whatever became of the others; and what its deadline calls."""
    monkeypatch.setenv("BAOTU_ALERT_URLS", receiver.url)
    settings.cache_clear()

    def ended(**states: str) -> Delivered:
        task = SimpleNamespace(owner="市场监管局 食品抽检处")
        ti = SimpleNamespace(get_task_states=lambda dag_id, run_ids: {run_ids[0]: states})
        dag = SimpleNamespace(dag_id="ingest_food_spot_checks")
        return runs.end({"dag": dag, "run_id": "run/1", "ti": ti, "task": task})

    def open_ones() -> list[tuple[str, str]]:
        query = "select fingerprint, severity from ops.alert where resolved_at is null order by 1"
        return [(row["fingerprint"], row["severity"]) for row in warehouse.rows(query)]

    # A file that did not get through has an alert of its own.
    assert ended(load="success", validate="success", verdicts_0="failed") == Delivered()
    runs.late({"dag_run": {"dag_id": "ingest_food_spot_checks", "dag_run_id": "run/1"}})
    assert open_ones() == [("late_run/ingest_food_spot_checks", "warning")]
    assert "run is late" in receiver.bodies[-1]
    assert ended(load="failed", validate="upstream_failed") == Delivered(sent=1)
    assert open_ones() == [("failed_run/ingest_food_spot_checks", "critical")]
    assert "任务 load" in receiver.bodies[-1] and "runbook.md#failed-run" in receiver.bodies[-1]
    assert ended(load="success", validate="success", publishable="skipped") == Delivered()
    assert open_ones() == []
