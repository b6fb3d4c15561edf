"""From the landing area to raw: every file once, its bytes archived, its rows and its ledger line in one transaction."""

import hashlib
import json
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import count, repeat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import yaml
from psycopg import sql
from psycopg.types.json import Jsonb

from baotu import alerts, quarantine, storage
from baotu.exports import unescape
from baotu.periods import parse_period
from baotu.readers import Block, Reading, Refused, facts, read
from baotu.sources import CORRECTS_DELIVERY, Source
from baotu.versions import rules_version
from baotu.warehouse import RAW_KEYS, ensure_raw

log = logging.getLogger(__name__)

_SIDECAR = ".meta.yml"
SHANGHAI = ZoneInfo("Asia/Shanghai")


class FileChanged(Exception):
    """The file changed or went away while it was read; the next run takes it, when it has come to rest."""


@dataclass(frozen=True)
class Landed:
    """What became of one file: status is that of its delivery, or `known` when its bytes add nothing."""

    file_uri: str
    delivery_id: int
    status: str
    rows_read: int | None
    #: (code, zh, en) of what there is to say.
    notes: tuple[tuple[str, str, str], ...] = ()
    mapping: Mapping[str, Mapping[str, str | None]] | None = None


@dataclass(frozen=True)
class _Candidate:
    place: storage.Place
    path: str
    #: The file as it was listed, and the sidecar beside it.
    info: storage.Info
    sidecar_info: storage.Info | None

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def uri(self) -> str:
        return self.place.uri(self.path)

    @property
    def modified(self) -> float:
        return storage.modified_at(self.info)

    @cached_property
    def sidecar(self) -> bytes | None:
        """Its bytes, read when they are first asked for."""
        if self.sidecar_info is None:
            return None
        try:
            return b"".join(self.place.chunks(self.path + _SIDECAR))
        except FileNotFoundError as error:
            raise FileChanged(f"{self.name}{_SIDECAR} was moved away; its file is taken at the next run") from error

    @cached_property
    def fingerprint(self) -> str:
        if self.sidecar_info is None:
            beside = "-"
        elif self.place.is_local:
            beside = hashlib.sha256(self.sidecar or b"").hexdigest()[:16]
        else:
            # Not its bytes: they would be fetched at each listing.
            beside = ":".join(map(str, storage.version(self.sidecar_info)))
        size, stamp = storage.version(self.info)
        return f"{size}:{stamp}:{beside}"


def _is_delivery(name: str) -> bool:
    return not name.startswith(("~$", ".")) and not name.endswith((".part", _SIDECAR))


def _listing(source: Source) -> list[_Candidate]:
    """Every delivery file of the landing area, in order of arrival."""
    place = storage.landing()
    files = place.files(source.id)
    folder = f"{place.root.rstrip('/')}/{source.id}"
    found = []
    for path, info in files.items():
        inner = path[len(folder) :].split("/")
        if not any(piece.startswith(".") for piece in inner) and _is_delivery(inner[-1]):
            found.append(_Candidate(place, path, info, files.get(path + _SIDECAR)))
    return sorted(found, key=lambda c: (c.modified, c.name))


def _is_settling(source: Source, candidate: _Candidate) -> bool:
    return bool(candidate.modified) and time.time() - candidate.modified < source.settle_seconds


def is_settling(source: Source) -> bool:
    """Whether some file changed so lately that `discover` would leave it for the next run."""
    return any(_is_settling(source, candidate) for candidate in _listing(source))


def discover(connection: psycopg.Connection, source: Source) -> list[_Candidate]:
    """Files of the landing area that have not been seen as they are, in order of arrival.

    A file that changed within `settle_seconds` is left for the next run: it may be half an upload.
    """
    # As it was seen last: a file or sidecar that goes back to what it once was has changed too.
    seen = {
        (uri, fingerprint)
        for uri, fingerprint in connection.execute(
            "select distinct on (file_uri) file_uri, fingerprint from ops.delivery_sighting where source = %s"
            " order by file_uri, seen_at desc, sighting_id desc",
            (source.id,),
        )
    }
    found = []
    for candidate in _listing(source):
        if (candidate.uri, candidate.fingerprint) in seen:
            continue
        if _is_settling(source, candidate):
            log.info("%s is still settling; it is taken at the next run", candidate.name)
            continue
        found.append(candidate)
    return found


def local_file(path: Path) -> _Candidate:
    """A file named on the command line; it need not lie in the landing area."""
    place, absolute = storage.this_machine(), str(path.absolute())
    try:
        beside = place.info(absolute + _SIDECAR)
    except FileNotFoundError:
        beside = None
    return _Candidate(place, absolute, place.info(absolute), beside)


def load(
    connection: psycopg.Connection,
    source: Source,
    candidates: Iterable[_Candidate],
    *,
    given: Mapping[str, Any] | None = None,
    dag_run_id: str | None = None,
    dry_run: bool = False,
) -> list[Landed]:
    """Take each file in its own transaction; one that cannot be read is refused and stops no other.

    `given` is what `--set` says. Raises nothing for a bad file; database errors end the call, and what was
    committed before stays.
    """
    with connection.transaction():
        ensure_raw(connection, source)
    archive = storage.archive()
    landed = []
    for candidate in candidates:
        with archive.draft() as draft:
            try:
                sha256, size = _fetch(candidate, draft)
            except FileChanged as change:
                log.warning("%s", change)
                continue
            # What a dry run has read is gone with its draft.
            archived = _Archived(sha256, size, draft.path if dry_run else archive.keep(draft, sha256))
            with connection.transaction():
                outcome = _take(connection, source, candidate, archived, dict(given or {}), dag_run_id, dry_run)
        log.info(
            "%s: %s, %s rows (delivery %s)", candidate.name, outcome.status, outcome.rows_read, outcome.delivery_id
        )
        landed.append(outcome)
    return landed


@dataclass(frozen=True)
class _Archived:
    sha256: str
    size: int
    path: Path


def _fetch(candidate: _Candidate, draft: storage.Draft) -> tuple[str, int]:
    """Copy the bytes while hashing them; what happens to the file afterwards cannot matter."""
    digest, size = hashlib.sha256(), 0
    try:
        # With its file, or not at all.
        _ = candidate.sidecar
        for chunk in candidate.place.chunks(candidate.path):
            digest.update(chunk)
            size += len(chunk)
            draft.file.write(chunk)
    except (FileNotFoundError, PermissionError) as error:
        raise FileChanged(
            f"{candidate.name} cannot be opened ({type(error).__name__}): it was moved away, or its permissions"
            " keep us out; it is taken at the next run that finds it"
        ) from error
    except storage.StorageError:
        # S3 gives no second half of an object that is another one by now.
        if _as_it_is(candidate) == storage.version(candidate.info):
            raise
    draft.file.flush()
    now, listed = _as_it_is(candidate), storage.version(candidate.info)
    if now != listed or size != now[0]:
        raise FileChanged(
            f"{candidate.name} changed while it was read ({listed[0]} → {now[0]} bytes); "
            "it is taken at the next run. Upload under a name ending in .part and rename it when it is whole"
        )
    return digest.hexdigest(), size


def _as_it_is(candidate: _Candidate) -> tuple[int, Any]:
    try:
        return storage.version(candidate.place.info(candidate.path))
    except FileNotFoundError as error:
        raise FileChanged(f"{candidate.name} was moved away while it was read") from error


def _take(
    connection: psycopg.Connection,
    source: Source,
    candidate: _Candidate,
    archived: _Archived,
    told: dict[str, Any],
    dag_run_id: str | None,
    dry_run: bool,
) -> Landed:
    beside = _sidecar(candidate)
    known = _latest_reading(connection, source.id, archived.sha256)
    before = known["given"] if known else {}
    given = beside | {"set": before.get("set", {}) | told}
    if known is not None and not dry_run:
        is_changed = beside != {key: value for key, value in before.items() if key != "set"}
        # A copy that comes with a sidecar of its own may be what a refused file was waiting for.
        is_ours = known["file_uri"] == candidate.uri or (known["status"] == "refused" and beside["sidecar"])
        if not (is_changed and is_ours) and given["set"] == before.get("set", {}):
            _sighted(connection, source.id, candidate, known["delivery_id"])
            return Landed(candidate.uri, known["delivery_id"], "known", None, _about_known(connection, known))
    return _read_into_raw(
        connection,
        source,
        archived,
        file_uri=candidate.uri,
        given=given,
        replaces=known,
        dag_run_id=dag_run_id,
        dry_run=dry_run,
        sighted_as=candidate,
    )


def reread(
    connection: psycopg.Connection,
    source: Source,
    delivery_id: int,
    *,
    dag_run_id: str | None = None,
    dry_run: bool = False,
) -> Landed:
    """Read the archived bytes again with today's source YAML and code, as a new delivery of the same origin.

    What it replaces stays in force until the new one has its verdict. Runs in the caller's transaction.
    """
    ensure_raw(connection, source)
    found = connection.execute(
        "select file_sha256, file_bytes, file_uri, given from ops.delivery where delivery_id = %s", (delivery_id,)
    ).fetchone()
    if found is None:
        raise LookupError(f"There is no delivery {delivery_id}")
    sha256, size, file_uri, given = found
    known = _latest_reading(connection, source.id, sha256)
    assert known is not None
    with storage.archive().held(sha256) as path:
        return _read_into_raw(
            connection,
            source,
            _Archived(sha256, size, path),
            file_uri=file_uri,
            given=given,
            replaces=known,
            dag_run_id=dag_run_id,
            dry_run=dry_run,
        )


def _read_into_raw(
    connection: psycopg.Connection,
    source: Source,
    archived: _Archived,
    *,
    file_uri: str,
    given: dict[str, Any],
    replaces: Mapping[str, Any] | None,
    dag_run_id: str | None,
    dry_run: bool = False,
    sighted_as: _Candidate | None = None,
) -> Landed:
    """Ledger line first (a second loader of the same bytes waits there), then the rows, in one transaction."""
    arrived_on = datetime.now(SHANGHAI).date()
    if replaces:
        # A file without a date is known since it first came, however often it is read.
        first = connection.execute(
            "select (landed_at at time zone 'Asia/Shanghai')::date from ops.delivery where delivery_id = %s",
            (replaces["origin_id"],),
        ).fetchone()
        arrived_on = first[0] if first else arrived_on
    row = connection.execute("select nextval(pg_get_serial_sequence('ops.delivery', 'delivery_id'))").fetchone()
    assert row is not None
    delivery_id: int = row[0]
    inserted = connection.execute(
        "insert into ops.delivery (delivery_id, origin_id, attempt, replaces_id, source, file_uri, file_sha256,"
        " file_bytes, given, status, issued_on, issued_on_basis, dag_run_id) overriding system value"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'landing_date', %s) on conflict do nothing",
        (
            delivery_id,
            replaces["origin_id"] if replaces else delivery_id,
            # A number of its own, so that what a killed dry run left stands in nobody's way.
            -delivery_id if dry_run else replaces["attempt"] + 1 if replaces else 1,
            replaces["delivery_id"] if replaces else None,
            source.id,
            file_uri,
            archived.sha256,
            archived.size,
            Jsonb(given),
            "dry_run" if dry_run else "landed",
            arrived_on,
            dag_run_id,
        ),
    ).rowcount
    if inserted == 0:
        # Another loader of the same bytes committed while this one waited.
        other = _latest_reading(connection, source.id, archived.sha256)
        assert other is not None
        if sighted_as is not None:
            _sighted(connection, source.id, sighted_as, other["delivery_id"])
        return Landed(file_uri, other["delivery_id"], "known", None, _about_known(connection, other))
    if sighted_as is not None and not dry_run:
        _sighted(connection, source.id, sighted_as, delivery_id)
    file_name = file_uri.rsplit("/", 1)[-1]
    try:
        if "broken_sidecar" in given:
            raise Refused(**given["broken_sidecar"])
        with connection.transaction():
            reading = read(archived.path, file_name, source, given["sidecar"] | given["set"])
            rows_read = _copy(connection, source, delivery_id, reading)
            corrected = (
                quarantine.record(connection, source, delivery_id)
                if CORRECTS_DELIVERY in reading.columns
                else quarantine.Corrected(0, 0)
            )
    except Refused as refusal:
        reason = [{"code": refusal.code, "zh": refusal.zh, "en": refusal.en}]
        connection.execute(
            "update ops.delivery set status = %s, status_reason = %s, rules_version = %s, issued_on = coalesce(%s, issued_on),"
            " issued_on_basis = case when %s::date is null then issued_on_basis else 'file_name' end"
            " where delivery_id = %s",
            # When it was issued its name may say though nothing in it can be read.
            (
                "dry_run" if dry_run else "refused",
                Jsonb(reason),
                rules_version(source),
                (named := facts(source, (), file_name).get("issued_on")),
                named,
                delivery_id,
            ),
        )
        if not dry_run:
            _supersede_failed(connection, replaces)
            alerts.open_alert(
                connection,
                alerts.refused_delivery(
                    source, delivery_id=delivery_id, file_uri=file_uri, codes=[refusal.code], dag_run_id=dag_run_id
                ),
            )
        return Landed(file_uri, delivery_id, "refused", None, ((refusal.code, refusal.zh, refusal.en),))
    issued_on, basis = _issued_on(reading, given, arrived_on)
    if corrected.meta is not None:
        # What sidecar and --set say of this file goes first, and what its layout seems to say last.
        reading.meta |= {**corrected.meta, "corrected_deliveries": list(corrected.deliveries)}
        reading.meta |= source.check_meta(given["sidecar"] | given["set"])
        reading.counts |= {"corrections": corrected.rows}
    if corrected.issued_on is not None and basis not in ("set", "sidecar"):
        issued_on = max(issued_on, corrected.issued_on)
    period = parse_period(str(reading.meta["period"])) if "period" in reading.meta else None
    meta = reading.meta | {"present_columns": reading.columns, "counts": reading.counts}
    connection.execute(
        "update ops.delivery set meta = %s, issued_on = %s, issued_on_basis = %s, period_start_on = %s,"
        " period_end_on = %s, rows_read = %s where delivery_id = %s",
        (
            Jsonb(meta),
            issued_on,
            basis,
            period.start_on if period else None,
            period.end_on if period else None,
            rows_read,
            delivery_id,
        ),
    )
    status = "dry_run" if dry_run else "landed"
    notes = (*_about_corrections(corrected), *reading.remarks)
    return Landed(file_uri, delivery_id, status, rows_read, notes, reading.mapping)


def _about_corrections(corrected: quarantine.Corrected) -> tuple[tuple[str, str, str], ...]:
    notes = []
    if corrected.rows:
        which = ", ".join(map(str, corrected.deliveries))
        notes.append(
            (
                "corrections",
                f"{corrected.rows} 行更正交付 {which} 的行;该交付对全部行的说明(期间、抽检类型等)沿用。",
                f"{corrected.rows} rows correct rows of delivery {which}; what that says of all its rows holds here too.",
            )
        )
    if corrected.unknown:
        notes.append(
            (
                "unknown_corrections",
                f"{corrected.unknown} 行的原交付编号、原行号在本来源中不存在:按新行处理,不取代任何行。请核对是否改动了前两列。",
                f"{corrected.unknown} rows name a row that this source does not have: taken as new rows that stand for"
                " none. Check whether the first two columns were changed.",
            )
        )
    return tuple(notes)


def _copy(connection: psycopg.Connection, source: Source, delivery_id: int, reading: Reading) -> int:
    # In the order of `_copy_text`.
    columns = ["part", "delivery_id", "row_no", "file_row", *reading.columns, "extra"]
    statement = sql.SQL("copy {} ({}) from stdin (format csv, delimiter E'\\t')").format(
        sql.Identifier("raw", source.id), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    rows_read = 0
    is_ours = CORRECTS_DELIVERY in reading.columns
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in reading.blocks():
            if is_ours:
                block = _unescaped(block)
            copy.write(_copy_text(delivery_id, rows_read + 1, block))
            rows_read += len(block.rows)
    return rows_read


def _unescaped(block: Block) -> Block:
    rows = [[cell and unescape(cell) for cell in row] for row in block.rows]
    extras = [{key: text and unescape(text) for key, text in extra.items()} for extra in block.extras]
    return block._replace(rows=rows, extras=extras)


def _copy_text(delivery_id: int, row_no: int, block: Block) -> str:
    """A block as COPY's csv, its first row numbered ROW_NO. psycopg's own text, cell by cell, takes longer.

    Csv, for there an empty cell is null as it stands: in COPY's text each has to be written out, here, and read, there.
    """
    # In quotes it is empty, where it is, and not null.
    keys = f"{_quoted(block.part)}\t{delivery_id}"
    extras = [_quoted(json.dumps(extra, ensure_ascii=False)) if extra else "" for extra in block.extras]
    text = _lines(keys, row_no, block.file_rows, block.rows, extras)
    tabs = len(block.rows) * (len(block.rows[0]) + len(RAW_KEYS))
    quotes = keys.count('"') * len(block.rows)
    if block.extras or "\r" in text or (text.count("\t"), text.count("\n"), text.count('"')) != (
        tabs, len(block.rows), quotes,
    ):  # fmt: skip
        rows = [[_quoted(cell) if _SPECIAL.search(cell) else cell for cell in row] for row in block.rows]
        text = _lines(keys, row_no, block.file_rows, rows, extras)
    return text


_SPECIAL = re.compile(r'[\t\n\r"]')


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _lines(
    keys: str, row_no: int, file_rows: Sequence[int], rows: Sequence[Sequence[str]], extras: Sequence[str]
) -> str:
    numbered = zip(count(row_no), file_rows, map("\t".join, rows), extras or repeat(""), strict=False)
    return "".join([f"{keys}\t{number}\t{line}\t{cells}\t{extra}\n" for number, line, cells, extra in numbered])


def _issued_on(reading: Reading, given: Mapping[str, Any], arrived_on: date) -> tuple[date, str]:
    found = reading.meta.get("issued_on")
    if found is None:
        return arrived_on, "landing_date"
    if "issued_on" in given["set"]:
        basis = "set"
    elif "issued_on" in given["sidecar"]:
        basis = "sidecar"
    else:
        basis = reading.meta["issued_on_basis"]
    return date.fromisoformat(str(found)), basis


def _sidecar(candidate: _Candidate) -> dict[str, Any]:
    """`sidecar`: what it says, as JSON values; `broken_sidecar`: why it says nothing, which refuses its file."""
    if candidate.sidecar is None:
        return {"sidecar": {}}
    name = candidate.name + _SIDECAR
    try:
        said = yaml.safe_load(candidate.sidecar.decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = f" (line {line + 1})" if line is not None else ""
        return _broken(
            f"说明文件「{name}」不是有效的 YAML(UTF-8){place}。请改正后保存,下次运行时会重新读取。",
            f"{name}: not valid YAML in UTF-8{place}. Correct it and save; it is read again at the next run.",
        )
    if said is None:
        return {"sidecar": {}}
    if not isinstance(said, dict):
        return _broken(
            f"说明文件「{name}」应为“键: 值”的列表,例如 issued_on: 2021-04-20。",
            f"{name}: expected lines of `key: value`, such as issued_on: 2021-04-20.",
        )
    # Dates become text: the ledger keeps JSON.
    return {"sidecar": json.loads(json.dumps({str(k): v for k, v in said.items()}, default=str))}


def _broken(zh: str, en: str) -> dict[str, Any]:
    return {"sidecar": {}, "broken_sidecar": {"code": "broken_sidecar", "zh": zh, "en": en}}


def _latest_reading(connection: psycopg.Connection, source: str, sha256: str) -> dict[str, Any] | None:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute(
        "select delivery_id, origin_id, attempt, file_uri, given, status, issued_on, landed_at from ops.delivery"
        " where source = %s and file_sha256 = %s and status <> 'dry_run' order by attempt desc limit 1",
        (source, sha256),
    ).fetchone()


def _sighted(connection: psycopg.Connection, source: str, candidate: _Candidate, delivery_id: int) -> None:
    connection.execute(
        "insert into ops.delivery_sighting (source, file_uri, fingerprint, delivery_id, seen_at)"
        " values (%s, %s, %s, %s, clock_timestamp()) on conflict (source, file_uri, fingerprint)"
        " do update set delivery_id = excluded.delivery_id, seen_at = excluded.seen_at",
        (source, candidate.uri, candidate.fingerprint, delivery_id),
    )


def _about_known(connection: psycopg.Connection, known: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """What the file is, what counts instead of it since, and how to make it count."""
    number, landed = known["delivery_id"], known["landed_at"].astimezone(SHANGHAI).date()
    newer = connection.execute(
        "select delivery_id from ops.delivery where source = (select source from ops.delivery where delivery_id = %s)"
        " and status = 'accepted' and rows_accepted > 0 and (issued_on, origin_id) > (%s, %s)"
        # A file of the same name is most likely what replaced it.
        " order by file_uri = %s desc, issued_on desc, origin_id desc limit 1",
        (number, known["issued_on"], known["origin_id"], known["file_uri"]),
    ).fetchone()
    zh = f"内容与交付 {number} 相同({landed} 到达,状态 {known['status']}),不重复计入。"
    en = f"the same bytes as delivery {number} (landed {landed}, {known['status']}); nothing is added."
    if newer is not None and known["status"] == "accepted":
        zh += (
            f"其后有交付 {newer[0]},相同样品以后者为准;如应以本文件为准,请撤回后者或用 --set issued_on=… 指定发布日期。"
        )
        en += (
            f" Where they hold the same samples, delivery {newer[0]} counts since; to make this file count, withdraw"
            " that one or load this with --set issued_on=…"
        )
    return (("known_bytes", zh, en),)


def _supersede_failed(connection: psycopg.Connection, replaced: Mapping[str, Any] | None) -> None:
    """A reading that never counted gives way to the newer one at once; one in force stays until a verdict."""
    if replaced is not None and replaced["status"] in ("refused", "rejected"):
        connection.execute(
            "update ops.delivery set status = 'replaced' where delivery_id = %s", (replaced["delivery_id"],)
        )
        alerts.resolve(connection, replaced["delivery_id"])
