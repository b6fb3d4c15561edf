"""The command `baotu`. Imports what a command needs only when it runs, so that `--help` is quick.

Exit codes: 0 done, 1 it failed or a delivery was refused or rejected, 2 the command line is wrong.
"""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _say(message: str) -> None:
    click.echo(message, err=True)


def _expected_errors() -> tuple[type[BaseException], ...]:
    import psycopg

    from baotu import (
        alerts,
        backup,
        dbt,
        deliveries,
        embedded,
        extracts,
        gate,
        links,
        monthly,
        publish,
        quarantine,
        services,
        storage,
        superset,
        trace,
        warehouse,
    )
    from baotu.sources import SourceError

    return (
        warehouse.WarehouseError,
        storage.StorageError,
        services.ServiceError,
        superset.SupersetError,
        embedded.ServerError,
        deliveries.NotPossible,
        alerts.NotPossible,
        backup.BackupError,
        links.NotPossible,
        quarantine.NotExportable,
        extracts.NotPossible,
        monthly.NotPossible,
        publish.BuildFailed,
        gate.BrokenRule,
        dbt.DbtError,
        trace.NotTraceable,
        SourceError,
        psycopg.OperationalError,
        FileNotFoundError,
        LookupError,
    )


def _clear(command: Callable[..., None]) -> Callable[..., None]:
    """What is expected to go wrong becomes one line on stderr; a bug keeps its traceback."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        from baotu.settings import settings

        try:
            command(*arguments, **options)
        except _expected_errors() as error:
            _say(f"baotu: {error}")
            _say(f"       logs: {settings().state_dir / 'logs'} and {settings().state_dir / 'airflow' / 'logs'}")
            sys.exit(1)

    return run


@click.group(context_settings=CONTEXT)
@click.option("-v", "--verbose", is_flag=True, help="Say what is done while it is done.")
def main(verbose: bool) -> None:
    """Baotu (趵突): how far Jinan is from the targets of its quality and brand plan."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s")
    for chatty in ("great_expectations", "alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


# ------------------------------------------------------------------------------------------- start and stop


@main.command()
@_clear
def up() -> None:
    """Start PostgreSQL (embedded, unless BAOTU_WAREHOUSE_URL is set) and Airflow; bring the warehouse up to date."""
    addresses = _up()
    _say(f"Airflow    {addresses.airflow_url}  (user {addresses.admin_user}, password {_admin_password()})")


def _up() -> Any:
    from baotu import publish, services
    from baotu.settings import settings

    _only_where_services_start()
    if (executor := settings().executor) != "LocalExecutor":
        raise services.ServiceError(f"BAOTU_EXECUTOR={executor} is for containers: nobody here would run the tasks")
    _make_roles()
    _upgrade()
    addresses = services.start(lambda step: _say(f"… {step}"))
    services.housekeeping(lambda step: _say(f"… {step}"))
    publish.ensure_scorecard()
    return addresses


def _only_where_services_start() -> None:
    from baotu.services import ServiceError
    from baotu.settings import settings

    if settings().airflow_url:
        raise ServiceError("each service runs in a container of its own (BAOTU_AIRFLOW_URL): docker compose up, down")


def _make_roles() -> None:
    """On a server that is Baotu's alone: the embedded one, which is started, or one whose superuser we know."""
    from baotu import embedded, roles, services
    from baotu.settings import settings
    from baotu.warehouse import WarehouseError, warehouse_url

    if url := settings().superuser_url:
        if not (password := settings().bi_password):
            raise WarehouseError("BAOTU_SUPERUSER_URL is set, so BAOTU_BI_PASSWORD must be: bi_reader gets it")
        _say("… roles and databases")
        roles.ensure_all(
            url,
            warehouse=warehouse_url(),
            metadata=services.metadata_url(),
            bi_password=password,
            steward_password=settings().steward_password,
        )
    elif settings().warehouse_url is None and not settings().airflow_url:
        _say("… PostgreSQL (embedded)")
        embedded.start_embedded()


def _upgrade() -> None:
    from baotu import publish, upgrade
    from baotu.warehouse import connect

    _say("… warehouse: migrations")
    if upgrade.upgrade(lambda step: _say(f"… warehouse: {step}")):
        with connect() as connection:
            shown = publish.current_publication(connection)
        if shown is not None:
            _say("… warehouse: core and marts by the new code")
            publish.build()


def _admin_password() -> str:
    from baotu.settings import Credentials

    return Credentials().get("AIRFLOW_ADMIN_PASSWORD") or "see .baotu/credentials"


@main.command()
@_clear
def down() -> None:
    """Stop Superset, Airflow and the embedded PostgreSQL; no process stays. Data is kept."""
    from baotu import embedded, services, superset
    from baotu.settings import settings

    _only_where_services_start()
    superset.stop(lambda step: _say(f"… {step}"))
    services.stop(lambda step: _say(f"… {step}"))
    if settings().warehouse_url is None:
        embedded.stop_embedded()
    _say("stopped")


@main.group()
def bi() -> None:
    """Superset with the dashboards of dashboards/, where `make bi` has installed it."""


@bi.command(name="up")
@_clear
def bi_up() -> None:
    """Import the dashboards and start Superset, anew if it runs. The warehouse must be up."""
    from baotu import superset
    from baotu.settings import Credentials

    url = superset.start(lambda step: _say(f"… {step}"))
    password = Credentials().get(superset.PASSWORD_NAME)
    _say(f"Superset   {url}  (user {superset.USER}, password {password})")


@bi.command(name="down")
@_clear
def bi_down() -> None:
    """Stop Superset; no process stays. What it keeps is kept."""
    from baotu import superset

    superset.stop(lambda step: _say(f"… {step}"))
    _say("stopped")


@bi.command(name="serve")
@click.option("--check", is_flag=True, help="Only tell whether the one in this container is healthy.")
@_clear
def bi_serve(check: bool) -> None:
    """In a container: become Superset, as soon as something is published."""
    from baotu import superset

    if check:
        superset.check()
    else:
        superset.serve(lambda step: _say(f"… {step}"))


@bi.command(name="export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default="dashboards")
@_clear
def bi_export(directory: Path) -> None:
    """Write what Superset's dashboards are now as a bundle, by default over the one that `baotu bi up` imports."""
    from baotu import superset

    superset.export(directory)


@main.command()
@_clear
def init() -> None:
    """In a container: roles, databases and warehouse brought up to date, old runs cleaned; starts nothing."""
    from baotu import publish, services

    _make_roles()
    _upgrade()
    services.prepare(lambda step: _say(f"… {step}"))
    services.housekeeping(lambda step: _say(f"… {step}"))
    publish.ensure_scorecard()


@main.command()
@click.argument("name")
@click.option("--check", is_flag=True, help="Only tell whether the one in this container is healthy.")
@_clear
def service(name: str, check: bool) -> None:
    """In a container: become api-server, scheduler, dag-processor, triggerer or worker."""
    from baotu import services

    if check:
        services.check(name)
    else:
        services.serve(name)


@main.command()
@_clear
def status() -> None:
    """What runs, what is published, what waits."""
    from baotu import publish, replay, services
    from baotu.warehouse import connect

    for service in services.status():
        state = "healthy" if service.is_healthy else "starting or ill" if service.is_running else "stopped"
        click.echo(f"{service.name:<15} {state:<16} {service.log or ''}".rstrip())
    with connect() as connection:
        current = publish.current_publication(connection)
        click.echo(f"{'publication':<15} {current if current is not None else 'none yet'}")
        for build_id, found, reasons in connection.execute(
            "select build_id, status, held_reason from ops.build where status in ('held', 'running') order by 1"
        ):
            click.echo(f"{'build ' + str(build_id):<15} {found}")
            for reason in reasons or []:
                click.echo(f"{'':<15} {reason['code']}: {reason['en']} / {reason['zh']}")
        click.echo(f"{'build is due':<15} {'yes' if publish.is_due(connection) else 'no'}")
        for source, found, count in connection.execute(
            "select source, status, count(*) from ops.delivery where status <> 'dry_run' group by 1, 2 order by 1, 2"
        ):
            click.echo(f"{source:<22} {found:<10} {count}")
        for source, found, count in replay.outdated(connection):
            click.echo(
                f"{source:<22} {found:<10} {count} by older rules: baotu quarantine replay --source {source} --dry-run"
            )


@main.command()
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; default: the landing area.")
@click.option("--seed", default=2020, show_default=True)
@click.option("--scale", default=0.1, show_default=True, help="1 is a year's volume of a city.")
@_clear
def samples(out: Path | None, seed: int, scale: float) -> None:
    """Write fictional deliveries, and beside them truth.json: what the marts must show."""
    _samples(out, seed, scale)


def _samples(out: Path | None, seed: int, scale: float) -> Path:
    from baotu import storage
    from baotu.samples import write_samples
    from baotu.settings import settings

    place = None if out else storage.landing()
    if place and not place.is_local:
        raise storage.StorageError(f"samples are written into a directory, not into {place.url}: name one with --out")
    target = out or Path(place.root if place else "")
    truth = (settings().state_dir / "samples" / "truth.json") if out is None else out.parent / "truth.json"
    truth.parent.mkdir(parents=True, exist_ok=True)
    written = write_samples(target, truth, seed=seed, scale=scale)
    _say(f"{len(written)} files in {target}; what they must lead to: {truth}")
    return truth


@main.command()
@_clear
def demo() -> None:
    """Everything once: start, sample deliveries, ingest and build under the scheduler, scorecard."""
    from baotu import demonstration

    _only_where_services_start()
    _say("… sample deliveries")
    _samples(None, 2020, 0.1)
    addresses = _up()
    demonstration.run(_say)
    _print_scorecard("text")
    _say("")
    for line in demonstration.where_to_click(addresses, _admin_password()):
        _say(line)


@main.command("run")
@click.argument("dag_id")
@click.option("--conf", default="{}", help="JSON; only keys that the DAG knows.")
@_clear
def run_dag(dag_id: str, conf: str) -> None:
    """Trigger a DAG and follow it to its end."""
    from baotu import demonstration, services

    try:
        parsed = json.loads(conf)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--conf") from error
    if not isinstance(parsed, dict):
        raise click.BadParameter(f"found {type(parsed).__name__}, expected an object", param_hint="--conf")
    with services.airflow_api() as api:
        api.wait_for_dag(dag_id)
        # Airflow takes unknown keys in silence.
        known = api.params(dag_id) if parsed else []
        if unknown := [key for key in parsed if key not in known]:
            expected = f"expected {', '.join(known)}" if known else f"{dag_id} knows no keys"
            raise click.BadParameter(f"found {', '.join(unknown)}, {expected}", param_hint="--conf")
        run = (dag_id, api.trigger(dag_id, parsed))
        state = demonstration.follow(api, [run], _say)[run]
    sys.exit(0 if state == "success" else 1)


# ------------------------------------------------------------------------------------------- data


def _assignments(_context: click.Context, _option: click.Parameter, pairs: Sequence[str]) -> dict[str, Any]:
    """`key=value`; `columns.X1=overall` is a line of the mapping `columns`."""
    given: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"found {pair!r}, expected key=value")
        outer, dot, inner = key.partition(".")
        if dot:
            given.setdefault(outer, {})[inner] = value
        else:
            given[key] = value
    return given


@main.command()
@click.argument("source_id", metavar="SOURCE")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--set", "given", multiple=True, callback=_assignments, metavar="KEY=VALUE", help="What the file does not say."
)
@click.option("--dry-run", is_flag=True, help="Show header mapping, rows and rules; land nothing.")
@_clear
def load(source_id: str, paths: tuple[Path, ...], given: dict[str, Any], dry_run: bool) -> None:
    """Load and judge files of a source, as its DAG would."""
    from baotu import ingest
    from baotu.sources import load_source

    source = load_source(source_id)
    ok = True
    if dry_run:
        for path in paths:
            landed, verdict = ingest.dry_run(source, path, given)
            ok &= _show_dry_run(path, landed, verdict)
    else:
        landed_files, verdicts = ingest.load_files(source, paths, given)
        judged = {verdict.delivery_id: verdict for verdict in verdicts}
        for landed in landed_files:
            verdict = judged.get(landed.delivery_id)
            name = landed.file_uri.rsplit("/", 1)[-1]
            found = verdict.status if verdict else landed.status
            rows = f", {verdict.rows_read} rows, {verdict.rows_quarantined} quarantined" if verdict else ""
            click.echo(f"{name}: {found} as delivery {landed.delivery_id}{rows}")
            _show_reasons(landed.notes, verdict)
            ok &= found in ("accepted", "known", "landed", "withdrawn")
        _next_build(*(landed.delivery_id for landed in landed_files))
    sys.exit(0 if ok else 1)


def _show_reasons(notes: Sequence[tuple[str, str, str]], verdict: Any) -> None:
    for _code, zh, en in notes:
        click.echo(f"    {zh}\n    {en}")
    for reason in verdict.reasons if verdict else ():
        click.echo(f"    {reason['zh']}\n    {reason['en']}")


def _show_dry_run(path: Path, landed: Any, verdict: Any) -> bool:
    from baotu.sources import NOTE_HEADERS

    click.echo(f"{path.name}: {verdict.status if verdict else landed.status} (dry run, nothing is kept)")
    for part, headers in (landed.mapping or {}).items():
        click.echo(f"  {part or 'table'}")
        for header, column in headers.items():
            means = "our own note, left out" if header in NOTE_HEADERS else column or "extra (unknown column)"
            click.echo(f"    {header!r:<40} → {means}")
    if verdict is not None:
        click.echo(f"  {verdict.rows_read} rows, {verdict.rows_quarantined} would be quarantined")
        for rule, rows in verdict.rules.items():
            click.echo(f"    {rule}: {rows if rows is not None else 'whole delivery'}")
        for rule, rows in verdict.remarks.items():
            click.echo(f"    {rule}: {rows} (info, they count)")
    _show_reasons(landed.notes, verdict)
    return verdict is not None and verdict.status == "accepted"


@main.command()
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Judge as of this day, by what was known then.")
@click.option("--resume", metavar="REASON", help="Lift a rollback first.")
@click.option("--rollback", metavar="REASON", help="Show the publication before the current one; holds publication.")
@click.option("--approve", metavar="REASON", help="Publish in spite of a jump, a gap or an empty source: it is so.")
@_clear
def build(as_of: Any, resume: str | None, rollback: str | None, approve: str | None) -> None:
    """Core → marts → audit → publish; the DAG's own code."""
    from baotu import digest, publish
    from baotu.warehouse import run_by

    if rollback:
        now, back = publish.rollback(rollback, run_by())
        click.echo(f"readers see publication {now} again; {back} is taken back, publication is on hold")
        return
    if as_of is not None:
        click.echo(publish.preview(as_of.date()).text())
        return
    if resume:
        publish.resume(resume, run_by())
    built = publish.build(approval=approve, decided_by=run_by())
    digest.tell()
    click.echo(f"build {built.build_id}: {built.status}, as of {built.as_of_on}, known at {built.known_at_on}")
    for reason in built.reasons:
        click.echo(f"    {reason['code']}: {reason['en']} / {reason['zh']}")
    sys.exit(0 if built.status == "published" else 1)


@main.command()
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="As known on this day, and what changed since.")
@_clear
def scorecard(form: str, as_of: Any) -> None:
    """The current publication: targets, values, intervals, verdicts. With --as-of what was known then."""
    from baotu import publish

    if as_of is None:
        _print_scorecard(form)
        return
    card = publish.preview(as_of.date())
    click.echo({"text": card.text, "json": card.json_text, "html": card.html}[form]())


@main.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="FILE.xlsx: scorecard and marts; FILE.html: the monthly report, which prints well; else a directory for Parquet.",
)
@click.option("--mart", "marts", multiple=True, help="Only this mart; may be repeated.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Report: compare with the last month's end up to this day."
)
@_clear
def export(out: Path, marts: tuple[str, ...], since: Any) -> None:
    """Take the current publication away: with labels, units and what must not be added up."""
    from baotu import extracts
    from baotu.warehouse import connect

    with connect() as connection:
        for path in extracts.write(connection, out, marts, since and since.date()):
            click.echo(path)


def _print_scorecard(form: str) -> None:
    from baotu import publish
    from baotu.report import Scorecard
    from baotu.warehouse import WarehouseError, connect

    with connect() as connection:
        if publish.current_publication(connection) is None:
            raise WarehouseError("Nothing is published yet: load deliveries, then run baotu build")
        card = Scorecard.from_warehouse(connection)
    click.echo({"text": card.text, "json": card.json_text, "html": card.html}[form]())


@main.command()
@click.argument("indicator")
@click.option("--period", required=True, help="2021, 2021-Q3 or 2021-07.")
@click.option("--measure", help="A companion measure instead of the headline.")
@click.option("--all", "all_rows", is_flag=True, help="Passing rows too.")
@click.option("--limit", default=200, show_default=True, help="At most so many rows.")
@_clear
def trace(indicator: str, period: str, measure: str | None, all_rows: bool, limit: int) -> None:
    """From a published number to the deliveries and rows behind it, in Chinese and English."""
    from baotu import trace as tracing
    from baotu.warehouse import connect

    with connect() as connection:
        found = tracing.trace(
            connection, indicator.upper(), period, measure_code=measure, all_rows=all_rows, limit=limit
        )
    for line in found.text():
        click.echo(line)


# ------------------------------------------------------------------------------------------- deliveries


@main.group()
def deliveries() -> None:
    """What arrived, what became of it, and what people decide about it."""


@deliveries.command("list")
@click.option("--source")
@click.option("--status")
@_clear
def list_deliveries(source: str | None, status: str | None) -> None:
    """Deliveries, newest first."""
    from baotu.warehouse import connect

    with connect() as connection:
        for row in connection.execute(
            "select delivery_id, source, status, rows_read, rows_quarantined, issued_on,"
            " regexp_replace(file_uri, '^.*/', '') from ops.delivery where status <> 'dry_run'"
            " and (%(source)s::text is null or source = %(source)s)"
            " and (%(status)s::text is null or status = %(status)s) order by delivery_id desc",
            {"source": source, "status": status},
        ):
            number, where, found, read, held, issued, name = row
            rows = f"{read} rows, {held or 0} quarantined" if read is not None else "not read"
            click.echo(f"{number:>6}  {where:<22} {found:<10} {issued}  {name}  ({rows})")


@deliveries.command("show")
@click.argument("delivery_id", type=int)
@_clear
def show_delivery(delivery_id: int) -> None:
    """One delivery: where from, what it said, how it was judged, what people decided."""
    from psycopg.rows import dict_row

    from baotu import drift
    from baotu.sources import load_source
    from baotu.storage import kept_at
    from baotu.warehouse import connect

    with connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute("select * from ops.delivery where delivery_id = %s", (delivery_id,)).fetchone()
        if found is None:
            raise LookupError(f"There is no delivery {delivery_id}; see: baotu deliveries list")
        reasons, meta = found.pop("status_reason") or [], found.pop("meta")
        for key, value in found.items():
            click.echo(f"{key:<18} {value}")
        click.echo(f"{'archive':<18} {kept_at([found['file_sha256']])[found['file_sha256']]}")
        click.echo(f"{'meta':<18} {json.dumps(meta, ensure_ascii=False)}")
        for reason in reasons:
            click.echo(f"reason             {reason['zh']}\n                   {reason['en']}")
        for check in cursor.execute(
            "select rule, severity, rows_failed from ops.check_result where delivery_id = %s and not is_success"
            " order by rule",
            (delivery_id,),
        ):
            rows = "" if check["rows_failed"] is None else f" {check['rows_failed']} rows"
            click.echo(f"failed rule        {check['rule']} ({check['severity']}){rows}")
        for moved in drift.drifts(connection, delivery_id):
            zh, en = drift.told(load_source(found["source"]), moved)
            click.echo(f"not as before      {zh}\n                   {en}")
        for act in cursor.execute(
            "select * from ops.decision where delivery_id = %s order by decision_id", (delivery_id,)
        ):
            detail = f" {json.dumps(act['detail'])}" if act["detail"] else ""
            click.echo(
                f"decision           {act['action']}{detail} by {act['decided_by']} at {act['decided_at']}: {act['reason']}"
            )


def _act(delivery_id: int, action: str, reason: str) -> None:
    from baotu import deliveries as acts

    decided = acts.retry(delivery_id, reason) if action == "retry" else acts.decide(delivery_id, action, reason)
    _show_decided(decided)
    got_through = action != "retry" or decided.status in ("accepted", "withdrawn")
    if got_through:
        _next_build(decided.delivery_id)
    sys.exit(0 if got_through else 1)


def _show_decided(decided: Any) -> None:
    click.echo(f"delivery {decided.delivery_id}: {decided.status}")
    for line in decided.reasons:
        click.echo(f"    {line}")


def _next_build(*delivery_ids: int) -> None:
    """Wake build_marts where Airflow runs, else say how to build; nothing where no build is due."""
    from baotu import publish, services
    from baotu.warehouse import connect

    with connect() as connection:
        if not publish.is_due(connection):
            return
        woken = connection.execute(
            "select distinct source from ops.delivery where delivery_id = any(%s)", (list(delivery_ids),)
        ).fetchall()
    how = ", which Airflow begins now"
    try:
        with services.airflow_api() as api:
            for (source,) in woken:
                api.send_asset_event(source)
    except services.ServiceError:
        how = ": baotu build"
    _say(f"Readers see it after the next build{how}")


def _decision(name: str, text: str) -> None:
    @deliveries.command(name, help=text)
    @click.argument("delivery_id", type=int)
    @click.option("--reason", required=True, help="Kept with who and when.")
    @_clear
    def act(delivery_id: int, reason: str) -> None:
        _act(delivery_id, name, reason)


_decision("retry", "Read the archived file again with today's YAML, seeds and rules.")
_decision("accept", "Admit a rejected or withdrawn delivery; its failing rows stay quarantined.")
_decision("reject", "Take an accepted delivery out, as wrong.")
_decision("withdraw", "Take a delivery back, as its sender asks.")


@main.group()
def quarantine() -> None:
    """Rows that are held back: see them, have them corrected, let them count, read them again."""


def _chosen_by(command: Callable[..., None]) -> Callable[..., None]:
    """The filters of every quarantine command."""
    command = click.option("--rule", help="Only what this rule holds back.")(command)
    command = click.option("--delivery", "delivery_id", type=int, help="Only this delivery.")(command)
    return click.option("--source", "source_id", help="Only this source.")(command)


@quarantine.command("list")
@_chosen_by
@click.option("--rows", "single", is_flag=True, help="Each row's place; no cell values.")
@click.option("--limit", default=200, show_default=True, help="At most so many rows.")
@_clear
def list_quarantine(source_id: str | None, delivery_id: int | None, rule: str | None, single: bool, limit: int) -> None:
    """What is held back, by source, rule and file, in Chinese and English."""
    from itertools import groupby

    from baotu import quarantine as held
    from baotu.sources import load_source
    from baotu.warehouse import connect

    with connect() as connection:
        groups = held.groups(connection, source=source_id, delivery_id=delivery_id, rule=rule)
        places = (
            held.places(connection, source=source_id, delivery_id=delivery_id, rule=rule, limit=limit) if single else []
        )
    if single:
        for place in places:
            where = f"{place.file_name}{f' [{place.part}]' if place.part else ''} 第 {place.file_row} 行 row {place.file_row}"
            click.echo(f"[{place.delivery_id}/{place.row_no}] {where} · {place.column or '-'} · {place.rule}")
            click.echo(f"    {place.zh}\n    {place.en}")
        if len(places) == limit:
            _say(f"… only the first {limit}; more with --limit")
        return
    for (source, code), members in groupby(groups, key=lambda group: (group.source, group.rule)):
        lines = list(members)
        named = load_source(source)
        total = sum(line.rows for line in lines)
        click.echo(f"{source} {named.label_zh} · {code} ({lines[0].severity}) · {total} 行 rows")
        click.echo(f"    {lines[0].zh}\n    {lines[0].en}")
        for line in lines:
            click.echo(f"    [{line.delivery_id}] {line.file_name} · {line.status} · {line.rows} 行 rows")
    if not groups:
        click.echo("没有被隔离的行 nothing is held back")


@quarantine.command("export")
@_chosen_by
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="FILE.xlsx")
@_clear
def export_quarantine(source_id: str | None, delivery_id: int | None, rule: str | None, out: Path) -> None:
    """Write the rows as a workbook that their sender corrects: as sent, the reason beside each wrong cell."""
    from baotu import quarantine as held
    from baotu.sources import load_source
    from baotu.warehouse import connect

    if out.suffix.lower() != ".xlsx":
        raise click.BadParameter(f"found {out.name}, expected a name that ends in .xlsx", param_hint="--out")
    if source_id is not None:
        load_source(source_id)
    with connect() as connection:
        written = held.export(connection, out, source=source_id, delivery_id=delivery_id, rule=rule)
    for book in written:
        numbers = ", ".join(map(str, book.deliveries))
        click.echo(
            f"{book.path}: {book.source}, 交付 deliveries {numbers}: {book.rows} 行 rows, 其中隔离 held back"
            f" {book.quarantined}"
        )
        if book.left_out:
            click.echo(
                f"    {book.left_out} 行有超过 32,767 字符的单元格,工作簿放不下:请在原文件中改正\n"
                f"    {book.left_out} rows have a cell too long for a workbook: correct them in the file as delivered"
            )
        click.echo(f"    改正后 when it is corrected: baotu load {book.source} FILE")


def _row_numbers(_context: click.Context, _option: click.Parameter, text: str | None) -> list[int] | None:
    """`3,7-9`"""
    if text is None:
        return None
    found: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.strip().partition("-")
        if not first.isdigit() or (dash and (not last.isdigit() or int(last) < int(first))):
            raise click.BadParameter(f"found {piece!r}, expected row numbers such as 3,7-9")
        found += range(int(first), int(last or first) + 1)
    return found


@quarantine.command("accept")
@click.option("--delivery", "delivery_id", type=int, required=True)
@click.option("--rule", help="Only what this rule holds back; a row that fails another stays.")
@click.option("--rows", callback=_row_numbers, help="Only these rows: 3,7-9 (the second number in list --rows).")
@click.option("--reason", required=True, help="Kept with who and when.")
@_clear
def accept_quarantine(delivery_id: int, rule: str | None, rows: list[int] | None, reason: str) -> None:
    """Let rows count as they are, in this and every later reading of their file."""
    from baotu import deliveries as acts

    done = acts.readmit(delivery_id, reason, rule=rule, rows=rows)
    click.echo(f"delivery {delivery_id}: {len(done.rows)} rows readmitted, {done.rows_quarantined} stay held back")
    if done.still_held:
        click.echo(
            f"    {len(done.still_held)} of the chosen rows fail another rule and stay: baotu quarantine list --rows"
        )
    click.echo(
        "    What could not be read stays missing: a sample without a readable result is not judged (no_result),"
    )
    click.echo("    and leaves the worst case, which counts held-back samples as failed.")
    if done.status != "accepted":
        click.echo(
            f"    The delivery itself is {done.status}: its rows count once it is accepted (baotu deliveries accept)"
        )
    else:
        _next_build(delivery_id)


@quarantine.command("replay")
@click.option("--source", "source_id", help="Only this source; its deliveries with something to gain.")
@click.option("--delivery", "delivery_ids", type=int, multiple=True, help="These deliveries; may be repeated.")
@click.option("--rule", help="Deliveries of which this rule holds rows back.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(["accepted", "rejected", "refused"]),
    help="All of this status; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Show what would differ; keep nothing.")
@click.option("--reason", help="Kept with who and when.")
@_clear
def replay_quarantine(
    source_id: str | None,
    delivery_ids: tuple[int, ...],
    rule: str | None,
    statuses: tuple[str, ...],
    dry_run: bool,
    reason: str | None,
) -> None:
    """Read archived files again with today's YAML, seeds, rules and code. What they replace counts until the verdict."""
    from baotu import replay
    from baotu.warehouse import connect

    if not dry_run and not reason:
        raise click.UsageError("--reason is needed, or --dry-run")
    with connect() as connection:
        chosen = replay.choose(connection, source=source_id, delivery_ids=delivery_ids, rule=rule, statuses=statuses)
    if dry_run:
        for found in replay.dry_run(chosen):
            for line in found.text():
                click.echo(line)
        return
    done = replay.replay(chosen, reason or "")
    for decided in done:
        _show_decided(decided)
    if any(decided.status == "accepted" for decided in done):
        _next_build(*(decided.delivery_id for decided in done))
    sys.exit(0 if all(decided.status in ("accepted", "withdrawn") for decided in done) else 1)


@main.group("links")
def links_group() -> None:
    """Which enterprise a named party is: see what is unsure, decide, take a decision back."""


def _show_party(found: Any) -> None:
    shown = f"{found.uscc} " if found.uscc else ""
    linked = f" → {found.enterprise}" if found.enterprise else ""
    rule = (
        f" ({found.link_rule}{f', decision {found.decision_id}' if found.decision_id else ''})"
        if found.link_rule
        else ""
    )
    click.echo(f"[{found.party_id[:8]}] {found.name or '-'} {shown}· {found.roles} · {found.link_status}{rule}{linked}")
    for number, candidate in enumerate(found.candidates, 1):
        named = candidate["matched_name"] or "-"
        click.echo(
            f"    {number}. {candidate['score']:.4f} {candidate['rule']}: {named} {candidate['identifier'] or ''}"
        )
        if candidate["evidence"]:
            click.echo(
                f"       {', '.join(f'{part}: {level}' for part, level in candidate['evidence'].items() if level)}"
            )


@links_group.command("list")
@click.option(
    "--status",
    type=click.Choice(["review", "unlinked", "linked", "unmatchable"]),
    default="review",
    show_default=True,
)
@click.option("--limit", default=50, show_default=True, help="At most so many parties.")
@_clear
def list_links(status: str, limit: int) -> None:
    """Counts by status and rule, and the parties of one status with the enterprises that they may be."""
    from baotu import links
    from baotu.warehouse import connect

    with connect() as connection:
        for row in links.counts(connection):
            click.echo(f"{row['parties']:>8}  {row['link_status']:<12} {row['link_rule'] or ''}")
        found = links.parties(connection, status, limit)
    for each in found:
        _show_party(each)
    if len(found) == limit:
        _say(f"… only the first {limit}; more with --limit")


@links_group.command("show")
@click.argument("party")
@_clear
def show_link(party: str) -> None:
    """One party (its id, or the first eight characters) with its candidates and what speaks for each."""
    from baotu import links
    from baotu.warehouse import connect

    with connect() as connection:
        _show_party(links.party(connection, party))


@links_group.command("decide")
@click.argument("party")
@click.option("--enterprise", metavar="CODE", help="It is the enterprise with this code.")
@click.option("--none", "is_none", is_flag=True, help="It is none of the register's.")
@click.option("--reason", required=True, help="Kept with who and when.")
@_clear
def decide_link(party: str, enterprise: str | None, is_none: bool, reason: str) -> None:
    """Say which enterprise a party is. Wins over code, rules and model until it is withdrawn."""
    from baotu import links
    from baotu.warehouse import connect

    if (enterprise is None) is not is_none:
        raise click.UsageError("give either --enterprise CODE or --none")
    with connect() as connection:
        decided, decision_id = links.decide(connection, party, enterprise, reason)
    click.echo(f"decision {decision_id}: {decided.name} is {enterprise or 'none of the register'}")
    click.echo("    It counts from the next build: baotu build")


@links_group.command("withdraw")
@click.argument("decision_id", type=int)
@click.option("--reason", required=True, help="Kept with who and when.")
@_clear
def withdraw_link(decision_id: int, reason: str) -> None:
    """Take a decision back; code, rules and model count again from the next build."""
    from baotu import links
    from baotu.warehouse import connect

    with connect() as connection:
        links.withdraw(connection, decision_id, reason)
    click.echo(f"decision {decision_id} is withdrawn\n    It counts no more from the next build: baotu build")


@main.group("sources", invoke_without_command=True)
@click.pass_context
def source_group(context: click.Context) -> None:
    """The sources: list them, or see what one still needs."""
    if context.invoked_subcommand is None:
        context.invoke(list_sources)


@source_group.command("check")
@click.argument("source_id", metavar="[SOURCE]", required=False)
@click.option(
    "--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="How this file would be read."
)
@click.option("--all", "shows_all", is_flag=True, help="What is there, too.")
@_clear
def check_sources(source_id: str | None, path: Path | None, shows_all: bool) -> None:
    """What is missing for a source to work, and what to do; all sources if none is named.

    Exit code 1 when something is missing.
    """
    from baotu import checklist
    from baotu.sources import SourceError, load_source, source_ids

    if path is not None and source_id is None:
        raise click.UsageError("--file needs a SOURCE to read the file as")
    is_complete = True
    for one in [source_id] if source_id else source_ids():
        findings = list(checklist.check(one))
        if path is not None:
            with suppress(SourceError):  # said above
                findings += checklist.check_file(load_source(one), path)
        missing = [finding for finding in findings if finding.kind == "missing"]
        click.echo(f"{one}: {f'{len(missing)} missing' if missing else 'complete'}")
        for finding in findings:
            # A person who gives a file asks how it would be read.
            if shows_all or path is not None or finding.kind != "ok":
                click.echo(f"  {finding.kind:<8} {finding.text}")
        is_complete &= not missing
    sys.exit(0 if is_complete else 1)


@source_group.command("list")
@_clear
def list_sources() -> None:
    """The sources, their schedules and required columns."""
    from baotu.sources import load_sources

    for source in load_sources().values():
        required = [name for name, column in source.columns.items() if column.required]
        click.echo(f"{source.id:<22} {source.label_zh} · {source.label_en}")
        click.echo(f"{'':<22} cron {source.cadence.cron}, a {source.cadence.period} each; owner {source.owner}")
        click.echo(f"{'':<22} required: {', '.join(required + [' or '.join(g) for g in source.required_any])}")


@source_group.command("late")
@click.argument("source_id", metavar="[SOURCE]", required=False)
@click.option("--all", "shows_all", is_flag=True, help="Every expected period, not only what is missing or came late.")
@_clear
def list_late(source_id: str | None, shows_all: bool) -> None:
    """Periods that should have come: missing, or later than due. Exit code 1 when one is missing."""
    from collections import Counter

    from baotu import freshness
    from baotu.sources import load_source, load_sources
    from baotu.warehouse import connect

    is_missing = False
    with connect() as connection:
        for source in [load_source(source_id)] if source_id else load_sources().values():
            found = freshness.check(connection, source)
            counts = Counter(each.status for each in found)
            told = ", ".join(f"{count} {status}" for status, count in counts.items())
            click.echo(f"{source.id:<22} {told or 'nothing came yet'}")
            is_missing |= counts["missing"] > 0
            for each in found:
                if shows_all or each.status in ("missing", "late"):
                    came = f", first issued {each.first_issued_on}" if each.first_issued_on else ""
                    click.echo(f"  {each.period.label_en:<8} {each.status:<9} due {each.due_on}{came}")
    sys.exit(1 if is_missing else 0)


@main.group("alerts")
def alert_group() -> None:
    """What needs somebody's attention."""


@alert_group.command("list")
@click.option("--all", "shows_all", is_flag=True, help="Resolved ones of the last 30 days, too.")
@_clear
def list_alerts(shows_all: bool) -> None:
    """Open alerts, newest first, who was told when, and the channels that are down."""
    from baotu import digest
    from baotu.warehouse import connect

    with connect() as connection:
        for row in connection.execute(
            "select alert_id, severity, opened_at, resolved_at, reopened_count, owner, title_zh, title_en, action_zh,"
            " action_en, acknowledged_at, acknowledged_by, acknowledged_reason, last_told_at from quality.alert"
            " where resolved_at is null or (%s and resolved_at > now() - interval '30 days') order by alert_id desc",
            (shows_all,),
        ):
            number, severity, opened, resolved, reopened, owner, *texts = row
            title_zh, title_en, action_zh, action_en, acknowledged, by, why, told = texts
            life = [f"told {told:%Y-%m-%d %H:%M}" if told else "not told yet"]
            life += [f"came back {reopened} times"] if reopened else []
            life += [f"taken care of by {by}{f': {why}' if why else ''}"] if acknowledged else []
            life += [f"resolved {resolved:%Y-%m-%d %H:%M}"] if resolved else []
            click.echo(f"[{number}] {severity} · {opened:%Y-%m-%d %H:%M} · {' · '.join(life)} · {owner}")
            click.echo(f"    {title_zh}\n    {action_zh}\n    {title_en}\n    {action_en}")
        for name, failing, why in digest.down(connection):
            _say(f"{name}: down since {failing:%Y-%m-%d %H:%M} ({why}); its alerts wait. Try it: baotu alerts test")


@alert_group.command("ack")
@click.argument("alert_id", type=int)
@click.option("--reason", help="Kept with who and when.")
@_clear
def acknowledge_alert(alert_id: int, reason: str | None) -> None:
    """Say that somebody takes care: no more reminders until it is over, or becomes worse."""
    from baotu import alerts
    from baotu.warehouse import connect, run_by

    with connect() as connection:
        title = alerts.acknowledge(connection, alert_id, run_by(), reason)
    click.echo(f"alert {alert_id} is taken care of by {run_by()}: {title}")


@alert_group.command("test")
@_clear
def try_channels() -> None:
    """Send a trial message to every channel of BAOTU_ALERT_URLS. Exit code 1 when one did not take it."""
    from baotu import digest
    from baotu.warehouse import connect

    with connect() as connection:
        outcome = digest.try_channels(connection)
    if not outcome:
        _say("BAOTU_ALERT_URLS is not set: nobody is told")
        sys.exit(1)
    for name, failure in outcome.items():
        click.echo(f"{name}: {failure or 'took it'}")
    sys.exit(1 if any(outcome.values()) else 0)


@main.command()
@click.argument("to", type=click.Path(file_okay=False, path_type=Path))
@_clear
def backup(to: Path) -> None:
    """Write warehouse, Airflow's database, deliveries and secrets into a new directory below TO, beside all that runs.

    Builds wait while the warehouse is dumped. Exit code 1 also where the archive lacks a delivery: the backup is made.
    """
    from baotu import backup

    made = backup.back_up(to, lambda step: _say(f"… {step}"))
    size = sum(path.stat().st_size for path in made.iterdir())
    _say(f"{made}  {size / 1e6:,.1f} MB, and deliveries in {to / 'archive'}")
    if lacking := json.loads((made / "manifest.json").read_text())["not_in_archive"]:
        _say(f"baotu: the archive lacks, or has damaged, what was delivered as {', '.join(lacking)}")
        sys.exit(1)


@main.command()
@click.argument("saved", metavar="BACKUP", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_clear
def restore(saved: Path) -> None:
    """Bring a directory that `baotu backup` made into an empty warehouse, and up to this release. Overwrites nothing."""
    from baotu import backup, publish

    manifest = backup.restore(saved, lambda step: _say(f"… {step}"), _make_roles)
    _upgrade()
    publish.ensure_scorecard()
    rows = sum(manifest["tables"].values())
    _say(f"restored: {rows:,} rows in {len(manifest['tables'])} tables, publication {manifest['publication']}")
    if manifest["not_in_archive"]:
        _say(f"not in the archive when it was backed up, so not restored: {', '.join(manifest['not_in_archive'])}")
    _say("`baotu up` starts it")


@main.command()
@_clear
def docs() -> None:
    """dbt's documentation of the published marts, as one page."""
    import json

    from baotu import dbt, glossary
    from baotu.settings import settings

    said = json.dumps({"glossary": glossary.markdown()}, ensure_ascii=False)
    dbt.run("docs", ["docs", "generate", "--static", "--target", "published", "--vars", said])
    page = settings().state_dir / "docs" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    (dbt.target_path("docs") / "static_index.html").replace(page)
    click.echo(f"file://{page.absolute()}")


@main.command()
@click.argument("arguments", nargs=-1)
@_clear
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse as its owner."""
    import os
    import shutil

    from baotu.warehouse import WarehouseError, dbt_environment

    program = shutil.which("psql")
    if program is None:
        raise WarehouseError("psql is not installed; any PostgreSQL client works with the URL in .baotu/credentials")
    address = dbt_environment()
    # In the environment, where other users' `ps` does not see it.
    os.environ.update(
        PGHOST=address["BAOTU_DBT_HOST"],
        PGPORT=address["BAOTU_DBT_PORT"],
        PGUSER=address["BAOTU_DBT_USER"],
        PGPASSWORD=address["BAOTU_DBT_PASSWORD"],
        PGDATABASE=address["BAOTU_DBT_DBNAME"],
        PGTZ="Asia/Shanghai",
    )
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main()
