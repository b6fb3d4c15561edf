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

    from baotu import dbt, deliveries, embedded, gate, publish, services, trace, warehouse
    from baotu.sources import SourceError

    return (
        warehouse.WarehouseError,
        services.ServiceError,
        embedded.ServerError,
        deliveries.NotPossible,
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
    from baotu import embedded, publish, services
    from baotu.settings import settings

    _only_where_services_start()
    if settings().warehouse_url is None:
        _say("… PostgreSQL (embedded)")
        embedded.start_embedded()
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
    """Stop Airflow and the embedded PostgreSQL; no process stays. Data is kept."""
    from baotu import embedded, services
    from baotu.settings import settings

    _only_where_services_start()
    services.stop(lambda step: _say(f"… {step}"))
    if settings().warehouse_url is None:
        embedded.stop_embedded()
    _say("stopped")


@main.command()
@_clear
def init() -> None:
    """In a container: roles, databases and warehouse brought up to date, old runs cleaned; starts nothing."""
    from baotu import publish, roles, services
    from baotu.settings import settings
    from baotu.warehouse import WarehouseError, warehouse_url

    if url := settings().superuser_url:
        if not (password := settings().bi_password):
            raise WarehouseError("BAOTU_SUPERUSER_URL is set, so BAOTU_BI_PASSWORD must be: bi_reader gets it")
        _say("… roles and databases")
        roles.ensure_all(url, warehouse=warehouse_url(), metadata=services.metadata_url(), bi_password=password)
    _upgrade()
    services.prepare(lambda step: _say(f"… {step}"))
    services.housekeeping(lambda step: _say(f"… {step}"))
    publish.ensure_scorecard()


@main.command()
@click.argument("name")
@click.option("--check", is_flag=True, help="Only tell whether the one in this container is healthy.")
@_clear
def service(name: str, check: bool) -> None:
    """In a container: become api-server, scheduler, dag-processor or triggerer."""
    from baotu import services

    if check:
        services.check(name)
    else:
        services.serve(name)


@main.command()
@_clear
def status() -> None:
    """What runs, what is published, what waits."""
    from baotu import publish, services
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


@main.command()
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; default: the landing area.")
@click.option("--seed", default=2020, show_default=True)
@click.option("--scale", default=0.1, show_default=True, help="1 is a year's volume of a city.")
@_clear
def samples(out: Path | None, seed: int, scale: float) -> None:
    """Write fictional deliveries, and beside them truth.json: what the marts must show."""
    _samples(out, seed, scale)


def _samples(out: Path | None, seed: int, scale: float) -> Path:
    from baotu.samples import write_samples
    from baotu.settings import settings

    target = out or Path(settings().landing_url)
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
    if parsed:
        # Airflow takes unknown keys in silence; no DAG of ours has any yet.
        raise click.BadParameter(f"{dag_id} knows no keys, found {', '.join(parsed)}", param_hint="--conf")
    with services.airflow_api() as api:
        api.wait_for_dag(dag_id)
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
        _say("Readers see it after the next build: baotu build")
    sys.exit(0 if ok else 1)


def _show_reasons(notes: Sequence[tuple[str, str, str]], verdict: Any) -> None:
    for _code, zh, en in notes:
        click.echo(f"    {zh}\n    {en}")
    for reason in verdict.reasons if verdict else ():
        click.echo(f"    {reason['zh']}\n    {reason['en']}")


def _show_dry_run(path: Path, landed: Any, verdict: Any) -> bool:
    click.echo(f"{path.name}: {verdict.status if verdict else landed.status} (dry run, nothing is kept)")
    for part, headers in (landed.mapping or {}).items():
        click.echo(f"  {part or 'table'}")
        for header, column in headers.items():
            click.echo(f"    {header!r:<40} → {column or 'extra (unknown column)'}")
    if verdict is not None:
        click.echo(f"  {verdict.rows_read} rows, {verdict.rows_quarantined} would be quarantined")
        for rule, rows in verdict.rules.items():
            click.echo(f"    {rule}: {rows if rows is not None else 'whole delivery'}")
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
    from baotu import ingest, publish
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
    ingest.tell()
    click.echo(f"build {built.build_id}: {built.status}, as of {built.as_of_on}, known at {built.known_at_on}")
    for reason in built.reasons:
        click.echo(f"    {reason['code']}: {reason['en']} / {reason['zh']}")
    sys.exit(0 if built.status == "published" else 1)


@main.command()
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@_clear
def scorecard(form: str) -> None:
    """The current publication: targets, values, intervals, verdicts."""
    _print_scorecard(form)


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

    from baotu.landing import archive_path
    from baotu.warehouse import connect

    with connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute("select * from ops.delivery where delivery_id = %s", (delivery_id,)).fetchone()
        if found is None:
            raise LookupError(f"There is no delivery {delivery_id}; see: baotu deliveries list")
        reasons, meta = found.pop("status_reason") or [], found.pop("meta")
        for key, value in found.items():
            click.echo(f"{key:<18} {value}")
        click.echo(f"{'archive':<18} {archive_path(found['file_sha256'])}")
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
        for act in cursor.execute(
            "select * from ops.decision where delivery_id = %s order by decision_id", (delivery_id,)
        ):
            click.echo(
                f"decision           {act['action']} by {act['decided_by']} at {act['decided_at']}: {act['reason']}"
            )


def _act(delivery_id: int, action: str, reason: str) -> None:
    from baotu import deliveries as acts
    from baotu import services

    decided = acts.retry(delivery_id, reason) if action == "retry" else acts.decide(delivery_id, action, reason)
    click.echo(f"delivery {decided.delivery_id}: {decided.status}")
    for line in decided.reasons:
        click.echo(f"    {line}")
    _say(f"Readers see it after the next build{_wake(services, decided.delivery_id)}")
    sys.exit(0 if decided.status in ("accepted", "rejected", "withdrawn") or action != "retry" else 1)


def _wake(services: Any, delivery_id: int) -> str:
    """Wake build_marts where Airflow runs; else say how to build."""
    from baotu.warehouse import connect

    with connect() as connection:
        row = connection.execute("select source from ops.delivery where delivery_id = %s", (delivery_id,)).fetchone()
    assert row is not None
    try:
        with services.airflow_api() as api:
            api.send_asset_event(row[0])
        return ", which Airflow begins now"
    except services.ServiceError:
        return ": baotu build"


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
    """Rows that are held back."""


@quarantine.command("list")
@click.option("--delivery", "delivery_id", type=int)
@click.option("--rule")
@click.option("--limit", default=200, show_default=True)
@_clear
def list_quarantine(delivery_id: int | None, rule: str | None, limit: int) -> None:
    """Where each row stands and what is wrong with it; no cell values."""
    from baotu.sources import load_sources
    from baotu.warehouse import connect

    with connect() as connection:
        for source in load_sources():
            for row in connection.execute(
                f"select held.delivery_id, regexp_replace(delivery.file_uri, '^.*/', ''), raw_row.part,"
                f" raw_row.file_row, held.column_name, held.rule, held.detail_zh, held.detail_en from quarantine.row as held"
                f" inner join ops.delivery as delivery using (delivery_id)"
                f" inner join raw.{source} as raw_row on raw_row.delivery_id = held.delivery_id"
                f" and raw_row.row_no = held.row_no where held.source = %(source)s and held.resolved_at is null"
                f" and (%(delivery)s::bigint is null or held.delivery_id = %(delivery)s)"
                f" and (%(rule)s::text is null or held.rule = %(rule)s) order by 1, 4, 6 limit %(limit)s",
                {"source": source, "delivery": delivery_id, "rule": rule, "limit": limit},
            ):
                number, name, part, file_row, column, code, zh, en = row
                place = f"{name}{f' [{part}]' if part else ''} 第 {file_row} 行 row {file_row}"
                click.echo(f"[{number}] {place} · {column or '-'} · {code}\n    {zh}\n    {en}")


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
    from baotu.sources import SOURCES, SourceError, load_source

    if path is not None and source_id is None:
        raise click.UsageError("--file needs a SOURCE to read the file as")
    is_complete = True
    for one in [source_id] if source_id else sorted(yml.stem for yml in SOURCES.glob("*.yml")):
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


@main.group("alerts")
def alert_group() -> None:
    """What needs somebody's attention."""


@alert_group.command("list")
@_clear
def list_alerts() -> None:
    """Open alerts, newest first."""
    from baotu.warehouse import connect

    with connect() as connection:
        for row in connection.execute(
            "select alert_id, severity, opened_at, sent_at, owner, title_zh, title_en, action_zh, action_en"
            " from ops.alert where resolved_at is null order by alert_id desc"
        ):
            number, severity, opened, sent, owner, title_zh, title_en, action_zh, action_en = row
            told = f"sent {sent:%Y-%m-%d %H:%M}" if sent else "not sent yet"
            click.echo(f"[{number}] {severity} · {opened:%Y-%m-%d %H:%M} · {told} · {owner}")
            click.echo(f"    {title_zh}\n    {action_zh}\n    {title_en}\n    {action_en}")


@main.command()
@_clear
def docs() -> None:
    """dbt's documentation of the published marts, as one page."""
    from baotu import dbt
    from baotu.settings import settings

    dbt.run("docs", ["docs", "generate", "--static", "--target", "published"])
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
