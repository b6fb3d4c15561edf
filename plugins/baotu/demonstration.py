"""`baotu demo` and `baotu run`: DAG runs triggered, followed to their end, and what to look at afterwards."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from baotu import ingest, landing, publish, services
from baotu.settings import settings
from baotu.sources import load_sources
from baotu.warehouse import connect

Progress = Callable[[str], None]

_SYMBOLS = {"success": "✓", "failed": "✗", "skipped": "–", "upstream_failed": "✗", "running": "▸"}
_ENDED = ("success", "failed")
_PATIENCE = 1200.0


def follow(api: services.Client, runs: Sequence[tuple[str, str]], progress: Progress) -> dict[tuple[str, str], str]:
    """Report each task of these runs (DAG, run id) as it begins and ends; the runs' final states.

    Raises ServiceError when one has not ended after twenty minutes.
    """
    seen: dict[tuple[str, str, str, int], str] = {}
    finished: dict[tuple[str, str], str] = {}
    deadline = time.monotonic() + _PATIENCE
    while len(finished) < len(runs):
        if time.monotonic() > deadline:
            open_runs = ", ".join(sorted({dag_id for dag_id, _ in set(runs) - set(finished)}))
            raise services.ServiceError(f"{open_runs} did not end within {_PATIENCE / 60:.0f} minutes: baotu status")
        for dag_id, run_id in runs:
            if (dag_id, run_id) in finished:
                continue
            state = api.run(dag_id, run_id)["state"]
            for task in api.task_instances(dag_id, run_id):
                key = (dag_id, run_id, task["task_id"], task["map_index"])
                if task["state"] not in _SYMBOLS or seen.get(key) == task["state"]:
                    continue
                named = task.get("rendered_map_index")
                if task["map_index"] >= 0 and named in (None, str(task["map_index"])) and state not in _ENDED:
                    continue  # a mapped task gets its name a moment after its state
                seen[key] = task["state"]
                label = f" · {named}" if named else ""
                progress(f"  {_SYMBOLS[task['state']]} {dag_id}.{task['task_id']} {task['state']}{label}")
            if state in _ENDED:
                finished[dag_id, run_id] = state
        time.sleep(0.3)
    return finished


def run(progress: Progress) -> None:
    """Ingest every source and wait until nothing is left to build, all under the scheduler.

    Raises ServiceError when a build fails.
    """
    begun = datetime.now().astimezone() - timedelta(seconds=1)
    _let_files_settle(progress)
    with services.airflow_api() as api:
        ingests = [f"ingest_{source}" for source in load_sources()]
        for dag_id in [*ingests, "build_marts"]:
            api.wait_for_dag(dag_id)
        progress("… ingesting (two deliveries are wrong on purpose: their tasks turn red)")
        # A new DAG has a scheduled run at once, which may take the files before ours would.
        states = follow(api, _runs_since(api, ingests, begun), progress)
        for source in load_sources():
            if ingest.discover(source):
                api.trigger(f"ingest_{source}")
        states |= follow(api, [run for run in _runs_since(api, ingests, begun) if run not in states], progress)
        for (dag_id, _run_id), state in states.items():
            if state == "failed":
                progress(f"  {dag_id} is red, as it should be when a delivery is refused or rejected")
        if not states:
            progress("  nothing new in the landing area")
        progress("… building and publishing")
        built: dict[tuple[str, str], str] = {}
        while True:
            waiting = [run for run in _runs_since(api, ["build_marts"], begun) if run not in built]
            built |= follow(api, waiting, progress)
            if failed := [run_id for (_, run_id), state in built.items() if state == "failed"]:
                raise services.ServiceError(f"build_marts failed ({failed[-1]}): see its log in Airflow")
            with connect() as connection:
                if not waiting and not publish.is_due(connection):
                    return
            time.sleep(0.5)


def _runs_since(api: services.Client, dag_ids: Sequence[str], begun: datetime) -> list[tuple[str, str]]:
    """Runs that were open at `begun` or later. A new DAG has a scheduled one at once, due before we came."""
    return [
        (dag_id, run["dag_run_id"])
        for dag_id in dag_ids
        for run in api.dag_runs(dag_id, begun - timedelta(days=1))
        if run["end_date"] is None or datetime.fromisoformat(run["end_date"]) >= begun
    ]


def _let_files_settle(progress: Progress) -> None:
    """A file that has just been written may be half an upload to whoever does not know better."""
    unsettled = [source for source in load_sources().values() if landing.is_settling(source)]
    if unsettled:
        patience = max(source.settle_seconds for source in unsettled)
        progress(f"… waiting {patience:.0f} s until the files have come to rest")
        time.sleep(patience)


def where_to_click(addresses: services.Addresses, password: str) -> Iterator[str]:
    """What to open, and the commands to go on with."""
    with connect() as connection:
        rejected: list[Any] = connection.execute(
            "select delivery_id, regexp_replace(file_uri, '^.*/', '') from ops.delivery"
            " where status in ('refused', 'rejected') order by 1"
        ).fetchall()
        alerts = connection.execute("select count(*) from ops.alert where resolved_at is null").fetchone()
    yield f"Scorecard  file://{publish.scorecard_path().absolute()}"
    yield f"Airflow    {addresses.airflow_url}  (user {addresses.admin_user}, password {password})"
    yield f"Kept in    {settings().state_dir / 'credentials'}"
    yield ""
    yield "Behind a number      baotu trace Q03 --period 2022"
    for delivery_id, name in rejected:
        yield f"Wrong on purpose     baotu deliveries show {delivery_id}   ({name})"
    yield f"Open alerts ({alerts[0] if alerts else 0})      baotu alerts list"
    yield "Stop                 make down"
