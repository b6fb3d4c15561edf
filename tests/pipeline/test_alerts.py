"""Alerts against a real PostgreSQL and real HTTP receivers: told once, to all, and without a cell."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from baotu import alerts, warehouse
from baotu.alerts import Alert, Delivered, deliver, open_alert, resolve
from baotu.sources import Source, load_source

CELL = "泉城牌把子肉370102"
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
    warehouse.migrate(made)
    return made


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with warehouse.connect(url=url) as opened:
        opened.execute("truncate ops.alert, ops.delivery restart identity cascade")
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


def _unsent(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from ops.alert where sent_at is null").fetchone()
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
    assert message["title"] == "趵突 Baotu\uff1a3 条告警 · 3 alerts"
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
    mine = [record for record in caplog.records if record.name == "baotu.alerts"]
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
    assert title.startswith("趵突 Baotu\uff1a100 条告警")
    assert len((title + body).encode()) <= alerts.MAX_BYTES
    zh, en = body.split("\n\n")
    shown = len(zh.splitlines()) - 1
    assert 5 <= shown <= alerts.MAX_LINES and len(en.splitlines()) - 1 == shown
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
        words = (alert.title_zh, alert.title_en, alert.action_zh, alert.action_en)
        opened.append(alerts._Open(number, alert.severity, *words, alert.evidence))
    title, body = alerts.digest(opened, room)
    assert body.startswith(("1. ", "… 另有 30 条"))
    assert len((title + body).encode()) <= room


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
        with warehouse.connect(url=url) as own:
            results.append(deliver(own, urls=receiver.url))

    first = threading.Thread(target=send)
    first.start()
    assert inside.wait(10)
    # While the first is on the line, the second finds nothing to send, and does not wait either.
    receiver.gate = None
    assert deliver(connection, urls=receiver.url) == Delivered()
    # A problem that comes up meanwhile does not wait for the first sender.
    _rejected(connection, source, 6)
    assert deliver(connection, urls=receiver.url) == Delivered(sent=1)
    go.set()
    first.join(10)
    assert results == [Delivered(sent=5)]
    assert [message["title"].split(" · ")[1] for message in receiver.got] == ["1 alert", "5 alerts"]
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
    row = connection.execute("select count(*) from ops.alert where evidence ? 'sending'").fetchone()
    assert row == (0,)


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


def test_no_channel_keeps_alerts_but_not_for_a_year(
    connection: psycopg.Connection, source: Source, receiver: Receiver
) -> None:
    for number in range(1, 4):
        _rejected(connection, source, number)
    assert deliver(connection, urls=receiver.url.replace(str(receiver.port), "9")).waiting == 3
    for number in range(4, 6):
        _rejected(connection, source, number)
    assert deliver(connection, urls=" ") == Delivered(waiting=5)
    # 1: long in the air for a channel that was down. 4: long ago, and nobody was listening then.
    connection.execute("update ops.alert set opened_at = now() - interval '1 year' where delivery_id in (1, 4)")
    connection.commit()
    assert deliver(connection, urls=receiver.url) == Delivered(sent=4)
    row = connection.execute("select array_agg(delivery_id) from ops.alert where sent_at is null").fetchone()
    assert row == ([4],)


def test_urls_come_from_the_settings(
    connection: psycopg.Connection, source: Source, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baotu.settings import settings

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
    # It comes back: a new problem, told anew.
    open_alert(connection, quarantined)
    connection.commit()
    assert deliver(connection, urls=receiver.url) == Delivered(sent=1)
    assert _count(connection) == 4
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
