"""Every DAG by the same law, in a real DagBag; what a parse costs, and what it must not load."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import new_directory

from baotu.settings import PROJECT

from .conftest import Airflow

SOURCES = sorted(path.stem for path in (PROJECT / "dags" / "sources").glob("*.yml"))
INGESTS = [f"ingest_{source}" for source in SOURCES]
DAG_FILES = sorted((PROJECT / "dags").glob("*.py"))
#: Red on purpose, one a file that did not get through: another try would find the same file.
NO_RETRY = {"verdicts"}
#: What belongs into tasks: seconds of import each, for every parse of every file.
HEAVY = {"pandas", "great_expectations", "dbt", "scipy", "openpyxl", "numpy", "python_calamine", "alembic.command"}

BAG = """
import json
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Asset

def of_task(task):
    return {
        "retries": task.retries,
        "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
        "downstream": sorted(task.downstream_task_ids),
        "outlets": sorted(outlet.name for outlet in task.outlets),
        "is_mapped": task.is_mapped,
        "retry_policy": task.retry_policy and [
            [rule["action"], rule["exception"]] for rule in task.retry_policy.serialize()["rules"]
        ],
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "owner": task.owner,
    }

def of_dag(dag):
    condition = getattr(dag.timetable, "asset_condition", None)
    return {
        "file": dag.fileloc,
        "owner": dag.owner,
        "tags": sorted(dag.tags),
        "description": dag.description,
        "doc_md": dag.doc_md,
        "start_date": dag.start_date and dag.start_date.isoformat(),
        "timezone": str(dag.timezone),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "condition": condition and type(condition).__name__,
        "assets": sorted(asset.name for asset in condition.objects) if condition else [],
        "params": dag.params.dump(),
        "cron": dag.schedule if isinstance(dag.schedule, str) else None,
        "tasks": {task.task_id: of_task(task) for task in dag.tasks},
    }

bag = DagBag()
print(json.dumps({"errors": bag.import_errors, "dags": {name: of_dag(dag) for name, dag in bag.dags.items()}}))
"""


@pytest.fixture(scope="module")
def bag(airflow: Airflow) -> dict[str, Any]:
    found: dict[str, Any] = airflow.run(BAG)
    return found


@pytest.fixture(scope="module")
def dags(bag: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bag["dags"]
    assert found, "an empty bag passes every test that loops over it"
    return found


def test_bag_holds_the_dags(bag: dict[str, Any], dags: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert len(SOURCES) >= 3
    named = {name for name in dags if name.startswith("ingest_")}
    assert named == set(INGESTS)
    # One file, one DAG of its name; ingest.py makes one for each source.
    assert set(dags) - named == {path.stem for path in DAG_FILES} - {"ingest"}
    assert "build_marts" in dags


def test_every_dag_is_owned_and_described(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        assert dag["owner"] and "airflow" not in dag["owner"], f"{name}: no owner, or Airflow's default"
        assert dag["tags"], f"{name}: no tags"
        assert dag["description"], f"{name}: no description"
        assert dag["doc_md"] and dag["doc_md"].strip(), f"{name}: no doc_md"
        assert dag["start_date"], name
        assert "Asia/Shanghai" in dag["timezone"], f"{name}: a start date without a zone schedules in UTC"
        assert dag["catchup"] is False, name
        # A question that nobody answered must not keep the next one from being asked.
        assert dag["max_active_runs"] == (8 if name == "approve_publication" else 1), name


def test_every_task_retries_and_ends(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        assert dag["tasks"], name
        for task_id, task in dag["tasks"].items():
            if task_id in NO_RETRY:
                assert task["retries"] == 0 and task["is_mapped"], f"{name}.{task_id}"
            else:
                # After a kill -9 a task is taken up again only where a retry is left (findings: recovery).
                assert task["retries"] >= 1, f"{name}.{task_id}"
                # A warehouse or a store that does not answer may answer the next time; the same file breaks the same rule.
                assert [action for action, _ in task["retry_policy"]] == ["fail", "retry", "retry"], f"{name}.{task_id}"
            # A person's answer is waited for without a process: `response_timeout`.
            if (name, task_id) != ("approve_publication", "answer"):
                assert task["timeout"] and task["timeout"] <= 24 * 3600, f"{name}.{task_id}"
            assert task["owner"] not in ("", "airflow"), f"{name}.{task_id}"


@pytest.mark.parametrize("source", SOURCES)
def test_ingest_graph(dags: dict[str, Any], source: str) -> None:
    dag = dags[f"ingest_{source}"]
    tasks = dag["tasks"]
    assert set(tasks) == {"discover", "load", "validate", "publishable", "verdicts", "alert"}
    for first, then in pairwise(["discover", "load", "validate"]):
        assert tasks[first]["downstream"] == [then]
    # The red task stands beside the Asset, not before it: one bad file stops no other.
    assert tasks["validate"]["downstream"] == ["alert", "publishable", "verdicts"]
    # Told at the end, whatever became of the rest.
    assert tasks["publishable"]["downstream"] == ["alert"] and tasks["alert"]["trigger_rule"] == "all_done"
    assert all(tasks[last]["downstream"] == [] for last in ("verdicts", "alert"))
    assert tasks["publishable"]["outlets"] == [source]
    assert all(task["outlets"] == [] for name, task in tasks.items() if name != "publishable")
    assert [name for name, task in tasks.items() if task["is_mapped"]] == ["verdicts"]
    assert len(dag["cron"].split()) == 5


def test_build_waits_for_any_source(dags: dict[str, Any]) -> None:
    build = dags["build_marts"]
    assert build["condition"] == "AssetAny"
    assert build["assets"] == SOURCES


def test_a_replay_is_a_dry_run_unless_told(dags: dict[str, Any]) -> None:
    dag = dags["replay_deliveries"]
    assert dag["params"]["dry_run"] is True
    assert set(dag["params"]) == {"source", "delivery_ids", "rule", "status", "dry_run", "reason"}
    assert dag["cron"] is None and dag["assets"] == []
    assert dag["tasks"]["replay"]["downstream"] == ["alert", "publishable"]
    # By an alias: which sources were changed is known when it has run.
    assert dag["tasks"]["publishable"]["outlets"] == ["replayed"]
    assert all(not dag["params"] for name, dag in dags.items() if name != "replay_deliveries")


@pytest.mark.parametrize("wanted", [INGESTS[0], "build_marts"])
def test_a_task_parses_its_own_dag_only(airflow: Airflow, wanted: str) -> None:
    found = airflow.run(BAG, _AIRFLOW_PARSING_CONTEXT_DAG_ID=wanted)
    assert found["errors"] == {}
    assert {name for name in found["dags"] if name.startswith("ingest_")} == set(INGESTS) & {wanted}
    assert wanted in found["dags"]


PARSE = """
import json, os, runpy, sys, time
begun = time.perf_counter()
import airflow.sdk
sdk = time.perf_counter() - begun
seconds = {}
for path in json.loads(os.environ["DAG_FILES"]):
    begun = time.perf_counter()
    runpy.run_path(path)
    seconds[path] = time.perf_counter() - begun
print(json.dumps({"sdk": sdk, "seconds": seconds, "modules": sorted(sys.modules)}))
"""


def parse(airflow: Airflow, *paths: Path) -> dict[str, Any]:
    found: dict[str, Any] = airflow.run(PARSE, DAG_FILES=json.dumps([str(path) for path in paths]))
    return found


def heavy(found: dict[str, Any]) -> set[str]:
    return {name for name in HEAVY if name in found["modules"]}


@pytest.fixture(scope="module")
def parsed(airflow: Airflow) -> dict[str, Any]:
    return parse(airflow, *DAG_FILES)


def test_parsing_loads_nothing_heavy(airflow: Airflow, parsed: dict[str, Any]) -> None:
    assert len(parsed["seconds"]) == len(DAG_FILES) > 1
    assert heavy(parsed) == set()
    # The same question put to a file that does it wrong, or this test could not fail.
    wrong = new_directory("dags") / "wrong.py"
    wrong.write_text("import pandas\n")
    assert "pandas" in heavy(parse(airflow, wrong))


def test_parsing_is_a_small_part_of_importing_airflow(parsed: dict[str, Any]) -> None:
    """A ratio within one process, not seconds: those say more about the machine. 0.1 when this was written."""
    assert sum(parsed["seconds"].values()) < 0.5 * parsed["sdk"], parsed["seconds"]


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_a_dag_file_is_wiring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    # Airflow's safe mode skips a file without these two words, and says nothing.
    assert "airflow" in text.lower() and "dag" in text.lower()
    assert "sys.path" not in text


PLUGINS = """
import json, sys
from airflow import plugins_manager
from airflow.settings import PLUGINS_FOLDER
errors = plugins_manager.get_import_errors() if hasattr(plugins_manager, "get_import_errors") else {}
for name in ("ensure_plugins_loaded", "_get_plugins"):
    if hasattr(plugins_manager, name):
        found = getattr(plugins_manager, name)()
        if isinstance(found, tuple):
            errors = found[1]
        break
else:
    raise SystemExit("Airflow's plugin manager has changed: find its entry")
inside = str(PLUGINS_FOLDER) + "/baotu/"
loaded = {name: str(getattr(module, "__file__", None) or "") for name, module in list(sys.modules.items())}
print(json.dumps({
    "errors": errors,
    "bare": sorted(n for n, f in loaded.items() if f.startswith(inside) and n.split(".")[0] != "baotu"),
}))
"""


def test_airflow_takes_no_module_of_ours_for_a_plugin(airflow: Airflow) -> None:
    """Airflow imports each file under plugins/ by its bare name, `landing` for one, unless .airflowignore names it."""
    ignored = (PROJECT / "plugins" / ".airflowignore").read_text().split()
    assert "baotu/" in ignored
    assert airflow.run(PLUGINS) == {"errors": {}, "bare": []}


def test_without_the_ignore_file_it_would(airflow: Airflow) -> None:
    plugins = new_directory("plugins")
    (plugins / "baotu").mkdir()
    (plugins / "baotu" / "periods.py").write_bytes((PROJECT / "plugins" / "baotu" / "periods.py").read_bytes())
    assert airflow.run(PLUGINS, AIRFLOW__CORE__PLUGINS_FOLDER=str(plugins))["bare"] != []
