"""The page in Airflow: what is published, what came in, what was held back and why, down to the row in the file.

Pages are rendered here and hold no data of their own; they read with a connection that cannot write. Every route asks
for a signed-in user. No cell of a file is shown as it is: see `masked`.
"""

import logging
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import psycopg
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from psycopg import sql
from psycopg.rows import dict_row
from starlette.exceptions import HTTPException as AnyHTTPException

from baotu import approval, drift
from baotu.publish import current_publication, scorecard_path
from baotu.report import CITY, Entry, Label, Scorecard, clean, full, label, period_key, rounded, templates
from baotu.settings import settings
from baotu.sources import SOURCES, Source, SourceError, load_sources
from baotu.storage import shown
from baotu.trace import NotTraceable, trace
from baotu.warehouse import WarehouseError, connect

log = logging.getLogger(__name__)

PAGE_ROWS = 50
#: Of open alerts the overview names so many, the worst and newest; all stand on a page of their own.
OVERVIEW_ALERTS = 8
MASKED_CHARACTERS = 24

#: Codes of the ledger in words, with the light that goes with them.
STATUSES = {
    "accepted": ("green", Label("已采用", "accepted")),
    "landed": ("grey", Label("待校验", "landed, not judged yet")),
    "rejected": ("red", Label("不予采用", "rejected")),
    "refused": ("red", Label("拒收", "refused")),
    "withdrawn": ("grey", Label("已撤回", "withdrawn")),
    "replaced": ("grey", Label("已被取代", "replaced")),
}
SEVERITIES = {
    "critical": ("red", Label("严重", "critical")),
    "warning": ("yellow", Label("警告", "warning")),
    "info": ("grey", Label("提示", "info")),
}
ISSUED_ON_BASES = {
    "set": Label("装载时指定", "said when it was loaded"),
    "sidecar": Label("说明文件", "sidecar"),
    "title": Label("表题", "title"),
    "file_name": Label("文件名", "file name"),
    "landing_date": Label("到达日", "day it arrived"),
}
ACTIONS = {
    "retry": Label("重新读取", "read again"),
    "accept": Label("采用", "accept"),
    "reject": Label("不采用", "reject"),
    "withdraw": Label("撤回", "withdraw"),
    "accept_rows": Label("放行所隔离的行", "readmit rows"),
}
RESOLUTIONS = {
    None: Label("隔离中", "held back"),
    "passed": Label("重读后通过", "passed when read again"),
    "accepted": Label("人工放行", "readmitted by a person"),
    "replaced": Label("已由更正取代", "a corrected row came"),
}

#: What a warehouse says that `baotu up` has not made yet, or not brought up to date.
_NOT_SET_UP = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName)

_Id = Annotated[int, InPath(ge=1, le=2**63 - 1)]
_PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
_Status = Literal["accepted", "landed", "rejected", "refused", "withdrawn", "replaced", ""]
Rows = list[dict[str, Any]]

_DELIVERY = """
    delivery.delivery_id, delivery.source, delivery.status, delivery.issued_on, delivery.issued_on_basis,
    delivery.rows_read, delivery.rows_accepted, delivery.rows_quarantined, delivery.landed_at,
    regexp_replace(delivery.file_uri, '^.*/', '') as file_name
"""
#: Days between the day on which a period was due and this delivery, where it was the first to speak of it.
_LATE_DAYS = """
    (select max(delivery.issued_on - expected.due_on) from quality.expected_period as expected
    where expected.source = delivery.source and expected.status = 'late'
        and expected.first_issued_on = delivery.issued_on and delivery.status = 'accepted'
        and (delivery.period_start_on is null or (expected.period_start_on <= delivery.period_end_on
            and expected.period_end_on >= delivery.period_start_on))) as late_days
"""


def masked(text: str) -> str:
    """The shape of a cell: how long it is, where digits, letters and marks stand, and nothing of what it says.

    A digit becomes #, a Latin letter x, any other sign ＊; marks and spaces stay, for they are what is often wrong
    (a date with dots, a number with a unit). No first character is kept: of a name it is the family name. Numbers that
    the reader took for persons' are gone already, but a person may stand in any cell, and then this tells of a name that
    it has three signs, of a telephone that it has eleven digits.
    """

    def sign(character: str) -> str:
        if character.isdecimal():
            return "#"
        if character.isascii() and character.isalpha():
            return "x"
        return character if unicodedata.category(character)[0] in "PZ" or character in "+<=>" else "＊"

    shape = "".join(map(sign, clean(text[:MASKED_CHARACTERS])))
    return shape if len(text) <= MASKED_CHARACTERS else f"{shape}… ({len(text)})"


def make_app(signed_in: Callable[..., Any]) -> FastAPI:
    """The pages. `signed_in` is the dependency that refuses whoever is not; every route has it, there are no others."""
    app = FastAPI(title="Baotu", dependencies=[Depends(signed_in)], openapi_url=None, docs_url=None, redoc_url=None)
    routes: dict[str, Callable[..., HTMLResponse]] = {
        "/": overview,
        "/indicators/{indicator_id}": indicator,
        "/deliveries": deliveries,
        "/deliveries/{delivery_id}": delivery,
        "/deliveries/{delivery_id}/rules/{rule}": failing_rows,
        "/alerts": alerts,
        "/scorecard": scorecard,
    }
    for path, page in routes.items():
        app.get(path, response_class=HTMLResponse)(page)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    for error in (WarehouseError, psycopg.OperationalError, *_NOT_SET_UP):
        app.add_exception_handler(error, _unavailable)
    return app


# ----------------------------------------------------------------------------------------------------
# Pages


def overview(request: Request) -> HTMLResponse:
    """What readers see and since when, what holds a newer publication, open alerts, indicators, sources."""
    with connect(is_page=True) as connection:
        card = _card(connection)
        builds = _rows(
            connection,
            "select build.build_id, build.status, build.started_at, build.held_reason, refusal.reason as refused_because,"
            " refusal.decided_by as refused_by from ops.build as build left join ops.decision as refusal"
            " on refusal.build_id = build.build_id and refusal.subject = 'publication' and refusal.action = 'reject'"
            " order by build.build_id desc, refusal.decision_id desc limit 1",
        )
        decisions = _rows(
            connection,
            "select action, reason, decided_by, decided_at from ops.decision where action in ('rollback', 'resume')"
            " order by decision_id desc limit 1",
        )
        is_waiting = approval.waiting_build(connection) is not None
        open_alerts = _alerts(connection, is_open=True, limit=OVERVIEW_ALERTS, offset=0)
        counted = _rows(
            connection, "select severity, count(*) as n from ops.alert where resolved_at is null group by severity"
        )
        came = _rows(
            connection,
            f"""
            with counted as (
                select source, count(*) as deliveries, count(*) filter (where status in ('rejected', 'refused')) as failed,
                    sum(rows_read) filter (where status = 'accepted') as rows_read,
                    sum(rows_quarantined) filter (where status = 'accepted') as rows_quarantined
                from ops.delivery where status not in ('dry_run', 'replaced') group by source
            ), expected as (
                select source, count(*) filter (where status = 'missing') as missing,
                    min(due_on) filter (where status = 'missing') as missing_since,
                    count(*) filter (where status = 'late') as late, count(*) as periods
                from quality.expected_period group by source
            )
            select distinct on (delivery.source) {_DELIVERY}, counted.deliveries, counted.failed,
                counted.rows_read as all_read, counted.rows_quarantined as all_quarantined,
                expected.missing, expected.missing_since, expected.late, expected.periods
            from ops.delivery as delivery inner join counted using (source) left join expected using (source)
            where delivery.status not in ('dry_run', 'replaced')
            order by delivery.source, delivery.issued_on desc, delivery.delivery_id desc
            """,
        )
    by_source = {row["source"]: row for row in came}
    known = [*_sources(), *(source for source in by_source if source not in _sources())]
    newest = builds[0] if builds else None
    return _page(
        request,
        "overview",
        card=card,
        newest=newest if newest and newest["status"] in ("held", "failed") else None,
        is_waiting=is_waiting,
        rollback=decisions[0] if decisions and decisions[0]["action"] == "rollback" else None,
        alerts=open_alerts,
        counts=dict.fromkeys(SEVERITIES, 0) | {row["severity"]: row["n"] for row in counted},
        came=[(source, by_source.get(source)) for source in known],
    )


def indicator(request: Request, indicator_id: str, period: str | None = None) -> HTMLResponse:
    """One indicator by year and quarter, and the deliveries that the chosen period's number stands on."""
    with connect(is_page=True) as connection:
        card = _card(connection)
        entry = next((one for one in card.entries if one.id == indicator_id), None) if card else None
        if card is None or entry is None:
            raise _not_found(f"没有指标 {indicator_id}", f"There is no indicator {indicator_id}")
        rows = _periods(card, entry)
        chosen = period or (period_key(entry.current) if entry.current else None)
        traced = None
        if chosen is not None:
            try:
                traced = trace(connection, indicator_id, chosen, limit=0)
            except NotTraceable:
                raise _not_found(
                    f"指标 {indicator_id} 没有 {chosen} 的发布值",
                    f"Nothing is published of {indicator_id} for {chosen}",
                ) from None
        ids = [found["delivery_id"] for found in traced.deliveries] if traced else []
        stands_on = _rows(
            connection, f"select {_DELIVERY} from ops.delivery as delivery where delivery_id = any(%s)", [ids]
        )
    counts = {row["delivery_id"]: row for row in stands_on}
    return _page(
        request,
        "indicator",
        entry=entry,
        rows=rows,
        chosen=chosen,
        traced=traced,
        row=next((row for row in rows if period_key(row) == chosen), entry.current),
        stands_on=[found | counts[found["delivery_id"]] for found in traced.deliveries] if traced else [],
    )


def deliveries(request: Request, source: str = "", status: _Status = "", page: _PageNumber = 1) -> HTMLResponse:
    """What came in, newest first; of one source or status if wished."""
    wanted = {"source": source, "status": status, "limit": PAGE_ROWS, "offset": (page - 1) * PAGE_ROWS}
    chosen = (
        "from ops.delivery as delivery where delivery.status <> 'dry_run'"
        " and (%(source)s = '' or delivery.source = %(source)s) and (%(status)s = '' or delivery.status = %(status)s)"
    )
    with connect(is_page=True) as connection:
        total = _rows(connection, f"select count(*) as n {chosen}", wanted)[0]["n"]
        found = _rows(
            connection,
            f"select {_DELIVERY}, {_LATE_DAYS} {chosen} order by delivery.delivery_id desc"
            " limit %(limit)s offset %(offset)s",
            wanted,
        )
    return _page(
        request,
        "deliveries",
        found=found,
        total=total,
        source=source,
        status=status,
        pager=_pager(page, total, {"source": source, "status": status}),
    )


def delivery(request: Request, delivery_id: _Id) -> HTMLResponse:
    """One delivery: where from, what it said, how it was judged, what people decided, what is held back."""
    with connect(is_page=True) as connection:
        found = _delivery(connection, delivery_id)
        held = _rows(
            connection,
            "select rule, severity, column_name, max(detail_zh) as zh, max(detail_en) as en,"
            " count(*) filter (where resolution is null) as open, count(*) as lines"
            " from quarantine.row where delivery_id = %s group by rule, severity, column_name order by open desc, rule",
            [delivery_id],
        )
        # What holds rows back stands there already.
        checks = _rows(
            connection,
            "select rule, severity, rows_checked, rows_failed from ops.check_result where delivery_id = %(id)s"
            " and not is_success and not rule = any(%(held)s) and validation_run_id = (select max(validation_run_id) from ops.check_result"
            " where delivery_id = %(id)s) order by severity, rule",
            {"id": delivery_id, "held": [group["rule"] for group in held]},
        )
        decisions = _rows(
            connection,
            "select action, reason, decided_by, decided_at, detail from ops.decision where delivery_id = %s"
            " order by decision_id",
            [delivery_id],
        )
        readings = _rows(
            connection,
            "select delivery_id, attempt, status from ops.delivery where origin_id = %s and status <> 'dry_run'"
            " order by attempt",
            [found["origin_id"]],
        )
        moved = drift.drifts(connection, delivery_id)
    source = _sources().get(found["source"])
    return _page(
        request, "delivery", it=found, held=held, checks=checks, decisions=decisions, readings=readings,
        moved=[Label(*drift.told(source, one)) for one in moved] if source else [],
        archive=shown(settings().archive_url).rstrip("/").rpartition("/")[2],
        run=_run(found),
    )  # fmt: skip


def failing_rows(request: Request, delivery_id: _Id, rule: str, page: _PageNumber = 1) -> HTMLResponse:
    """The rows of a delivery that one rule holds or held back: where they stand, and the shape of the wrong cell."""
    with connect(is_page=True) as connection:
        found = _delivery(connection, delivery_id)
        source = _sources().get(found["source"])
        total = _rows(
            connection,
            "select count(*) as n from quarantine.row where delivery_id = %s and rule = %s",
            [delivery_id, rule],
        )[0]["n"]
        if not total:
            raise _not_found(
                f"交付 {delivery_id} 没有规则 {rule} 隔离的行",
                f"No row of delivery {delivery_id} is held back by {rule}",
            )
        lines = connection.cursor(row_factory=dict_row).execute(
            sql.SQL(
                """
                with line as (
                    select delivery_id, row_no, column_name, severity, detail_zh as zh, detail_en as en, resolution
                    from quarantine.row where delivery_id = %(id)s and rule = %(rule)s
                    order by resolution is not null, row_no, quarantine_id limit %(limit)s offset %(offset)s
                )
                select line.*, row.part, row.file_row,
                    case when line.column_name = any(%(shown)s) then to_jsonb(row) ->> line.column_name end as cell
                from line left join lateral (
                    select * from {rows} as row where row.delivery_id = %(id)s and row.row_no = line.row_no limit 1
                ) as row on true
                order by line.resolution is not null, line.row_no
                """
            ).format(
                # Where a row stood staging knows too; what the cell said is with the row in the archive.
                rows=sql.Identifier("staging", f"stg_{found['source']}")
                if found["raw_archived_at"]
                else sql.Identifier("raw", found["source"])
            ),
            {
                "id": delivery_id, "rule": rule, "limit": PAGE_ROWS, "offset": (page - 1) * PAGE_ROWS,
                "shown": [] if found["raw_archived_at"] else _columns_shown(source),
            },
        ).fetchall()  # fmt: skip
    for line in lines:
        cell = line.pop("cell")
        line["shape"] = None if cell is None else masked(cell)
        line["is_withheld"] = line["column_name"] is not None and line["column_name"] not in _columns_shown(source)
        line["column"] = _column_label(source, line["column_name"])
    return _page(
        request, "rows", it=found, rule=rule, lines=lines, total=total, pager=_pager(page, total, {}), run=_run(found)
    )


def alerts(request: Request, state: Literal["open", "all"] = "open", page: _PageNumber = 1) -> HTMLResponse:
    """Alerts, the open ones or all that there ever were."""
    is_open = state == "open"
    with connect(is_page=True) as connection:
        counts = _rows(
            connection, "select count(*) as every, count(*) filter (where resolved_at is null) as open from ops.alert"
        )[0]
        found = _alerts(connection, is_open=is_open, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
    total = counts["open"] if is_open else counts["every"]
    return _page(
        request, "alerts", found=found, counts=counts, state=state, pager=_pager(page, total, {"state": state})
    )


def scorecard(request: Request) -> HTMLResponse:
    """The scorecard as the last publication wrote it."""
    try:
        text = scorecard_path().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _not_found("尚无发布", "Nothing has been published yet") from None
    # In Airflow's frame there is no other way back.
    back = f'<div class="page"><p class="sub"><a href="{_root(request)}/">← 总览 Overview</a></p>'
    return HTMLResponse(text.replace('<div class="page">', back, 1), headers=_headers("style-src 'unsafe-inline'"))


# ----------------------------------------------------------------------------------------------------
# What they read


def _rows(connection: psycopg.Connection, query: str, parameters: Mapping[str, Any] | list[Any] | None = None) -> Rows:
    return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()


def _card(connection: psycopg.Connection) -> Scorecard | None:
    """What is published; nothing before the first publication."""
    return Scorecard.from_warehouse(connection) if current_publication(connection) is not None else None


def _periods(card: Scorecard, entry: Entry) -> list[Mapping[str, Any]]:
    """Years and quarters of the measure that stands for the indicator, newest first, a year before its quarters."""
    if entry.current is None:
        return []
    wanted = [
        row
        for row in card.rows
        if row["indicator_id"] == entry.id
        and row["is_headline"]
        and row["division_code"] == CITY
        and row["period_type"] in ("year", "quarter")
        and row["definition_version"] == entry.current["definition_version"]
    ]
    return sorted(wanted, key=lambda row: (str(row["period_end_on"]), row["period_type"]), reverse=True)


def _alerts(connection: psycopg.Connection, *, is_open: bool, limit: int, offset: int) -> Rows:
    return _rows(
        connection,
        "select alert_id, kind, severity, source, delivery_id, owner, title_zh, title_en, action_zh, action_en,"
        " opened_at, acknowledged_at, acknowledged_by, acknowledged_reason, resolved_at, reopened_count from ops.alert"
        " where resolved_at is null or not %(open)s order by resolved_at is not null,"
        " array_position(array['critical', 'warning', 'info'], severity), opened_at desc, alert_id desc"
        " limit %(limit)s offset %(offset)s",
        {"open": is_open, "limit": limit, "offset": offset},
    )


def _delivery(connection: psycopg.Connection, delivery_id: int) -> dict[str, Any]:
    found = _rows(
        connection,
        f"select {_DELIVERY}, {_LATE_DAYS}, delivery.origin_id, delivery.attempt, delivery.replaces_id,"
        " delivery.file_sha256, delivery.file_bytes, delivery.raw_archived_sha256, delivery.raw_archived_at, delivery.meta, delivery.status_reason, delivery.period_start_on,"
        " delivery.period_end_on, delivery.dag_run_id, delivery.validated_at,"
        # A reading that a person asked for; a changed sidecar has its file read again by the source's own run.
        " exists (select from ops.decision inner join ops.delivery as earlier using (delivery_id)"
        " where earlier.origin_id = delivery.origin_id and earlier.attempt = delivery.attempt - 1"
        " and decision.action = 'retry') as is_replayed"
        " from ops.delivery as delivery where delivery.delivery_id = %s and delivery.status <> 'dry_run'",
        [delivery_id],
    )
    if not found:
        raise _not_found(f"没有交付 {delivery_id}", f"There is no delivery {delivery_id}")
    return found[0]


def _run(found: Mapping[str, Any]) -> str | None:
    """Airflow's page of the run that brought a delivery, below Airflow's own address."""
    if found["dag_run_id"] is None:
        return None
    dag_id = "replay_deliveries" if found["is_replayed"] else f"ingest_{found['source']}"
    return f"/dags/{dag_id}/runs/{quote(found['dag_run_id'], safe='')}"


def _sources() -> dict[str, Source]:
    """The sources as their YAML is now; none while one of them cannot be read: then ids stand for labels."""
    return _read_sources(max((path.stat().st_mtime_ns for path in SOURCES.glob("*.yml")), default=0))


@lru_cache(maxsize=1)
def _read_sources(_changed_at: int) -> dict[str, Source]:
    try:
        return load_sources()
    except SourceError as error:
        log.error("%s", error)
        return {}


def _source_label(source_id: str) -> Label:
    source = _sources().get(source_id)
    return Label(source.label_zh, source.label_en) if source else Label(clean(source_id), clean(source_id))


def _columns_shown(source: Source | None) -> list[str]:
    """Columns of which the shape of a cell may be shown: none that a person's name or number is declared to stand in."""
    if source is None:
        return []
    return [
        name
        for name in source.raw_columns
        if not (column := source.columns[name]).personal and not column.personal_under
    ]


def _column_label(source: Source | None, name: str | None) -> Label | None:
    if name is None:
        return None
    column = source.columns.get(name) if source else None
    return Label(column.label_zh, column.label_en) if column else Label(clean(name), clean(name))


# ----------------------------------------------------------------------------------------------------
# How they are made


def _pager(page: int, total: int, chosen: Mapping[str, str]) -> dict[str, Any]:
    """Which page of how many, and the queries of the pages beside it."""
    pages = max(1, -(-total // PAGE_ROWS))
    kept = {key: text for key, text in chosen.items() if text}

    def query(number: int) -> str | None:
        return "?" + urlencode(kept | {"page": number}) if 1 <= number <= pages and number != page else None

    return {"page": page, "pages": pages, "before": query(page - 1), "after": query(page + 1)}


def _share(part: Any, whole: Any) -> str | None:
    """Percent with one digit; a small share is never shown as none, nor a large one as all."""
    return f"{rounded(100 * part / whole, [0, 100], 1)}\u00a0%" if whole and part is not None else None


def _headers(policy: str) -> dict[str, str]:
    # Airflow shows the page in a frame of its own; nobody else may.
    return {
        "Content-Security-Policy": f"default-src 'none'; {policy}; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'self'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


def _root(request: Request) -> str:
    """Below which path the pages are mounted."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def _page(request: Request, name: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    root, nonce = _root(request), secrets.token_urlsafe(16)
    text = (
        templates()
        .get_template(f"console/{name}.html.j2")
        .render(
            **values,
            here=name,
            root=root,
            airflow=root.rpartition("/")[0],
            nonce=nonce,
            STATUSES=STATUSES,
            SEVERITIES=SEVERITIES,
            ISSUED_ON_BASES=ISSUED_ON_BASES,
            ACTIONS=ACTIONS,
            RESOLUTIONS=RESOLUTIONS,
            word=label,
            share=_share,
            source_label=_source_label,
            sources=_sources(),
            path=lambda text: quote(str(text), safe=""),
            period_key=period_key,
            full=full,
        )
    )
    policy = f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'"
    return HTMLResponse(text, status_code=status_code, headers=_headers(policy))


def _message(request: Request, status_code: int, title: Label, text: Label) -> HTMLResponse:
    return _page(request, "message", status_code=status_code, title=title, text=text)


def _not_found(zh: str, en: str) -> HTTPException:
    return HTTPException(404, Label(zh, en))


def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, AnyHTTPException)
    if error.status_code in (401, 403):
        title = Label("请登录", "Please sign in")
        text = Label("登录已过期，或尚未登录 Airflow。", "You are not signed in to Airflow, or no longer.")
    else:
        title = error.detail if isinstance(error.detail, Label) else Label("没有这一页", "There is no such page")
        text = Label("请从总览进入。", "Start from the overview.")
    return _message(request, error.status_code, title, text)


def _not_understood(request: Request, _error: Exception) -> HTMLResponse:
    return _message(
        request, 404, Label("没有这一页", "There is no such page"), Label("请从总览进入。", "Start from the overview.")
    )


def _unavailable(request: Request, error: Exception) -> HTMLResponse:
    """The warehouse does not answer, takes too long, or is not set up yet. What it said goes to the log."""
    log.error("The page cannot read the warehouse: %s", error)
    title, text = (
        Label("数据仓库没有应答", "The warehouse does not answer"),
        Label("请稍后再试；若持续如此，请告知数据工程。", "Try again later; if it stays so, tell the data engineers."),
    )
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        title = Label("数据仓库正忙", "The warehouse is busy")
    elif isinstance(error, _NOT_SET_UP):
        title = Label("数据仓库尚未就绪", "The warehouse is not set up yet")
        text = Label("运行 baotu up 后即可使用。", "It will be after: baotu up")
    return _message(request, 503, title, text)
