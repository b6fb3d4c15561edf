"""The law of the layers, with no list of exceptions: dbt's from its own manifest, Python's from the imports."""

import ast
import json
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import new_directory

from baotu.settings import PROJECT

DBT = PROJECT / "dbt_project"
PACKAGE = PROJECT / "plugins" / "baotu"
#: What a model of a layer may read. Seeds are everybody's.
READS = {
    "staging": {"source:raw", "seed"},
    "core": {"staging", "core", "seed"},
    "intermediate": {"core", "intermediate", "seed"},
    "marts": {"core", "intermediate", "marts", "seed"},
}
#: Tables of the ledger that a layer may name itself. What counts is frozen for a build: past staging nothing reads
#: the live ledger, or two facts of one build could see two states of it.
LEDGER = {
    "staging": {"ops.delivery"},
    "core": set(),
    "intermediate": set(),
    "marts": {"ops.build", "ops.build_delivery", "ops.build_quarantine"},
}
#: From the top; a module imports from its own line or from one below it.
MODULES = [
    {"cli", "wiring", "demonstration", "console"},
    {"runs", "approval", "maintenance", "ingest", "deliveries", "replay", "upgrade", "samples", "checklist"},
    {
        "landing",
        "backup",
        "gate",
        "dbt",
        "publish",
        "report",
        "trace",
        "services",
        "superset",
        "quarantine",
        "linking",
        "links",
        "extracts",
        "monthly",
    }
    | {"alerts", "channels", "digest", "drift", "freshness", "targets"},
    {
        "exports",
        "glossary",
        "naming",
        "retention",
        "versions",
        "readers",
        "sources",
        "headings",
        "warehouse",
        "embedded",
        "roles",
        "periods",
        "settings",
        "storage",
        "migrations",
    },
]
Node = dict[str, Any]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """What dbt makes of the project; parsing needs no warehouse."""
    target = new_directory("manifest")
    nowhere = {f"BAOTU_DBT_{name}": "nowhere" for name in ("HOST", "USER", "PASSWORD", "DBNAME")}
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "parse", "--no-partial-parse",
            "--project-dir", str(DBT), "--profiles-dir", str(DBT),
            "--target-path", str(target), "--log-path", str(target),
        ],
        env=os.environ | nowhere | {"BAOTU_DBT_PORT": "1", "DO_NOT_TRACK": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return found


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[Node]:
    found = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert {layer_of(node) for node in found} == set(READS)
    return found


@pytest.fixture(scope="module")
def marts(models: list[Node]) -> list[Node]:
    """What readers get."""
    found = [n for n in models if layer_of(n) == "marts"]
    assert len(found) >= 9
    return found


def layer_of(node: Node) -> str:
    """The folder of a model; `seed` or `source:<schema>` for what is none."""
    if node["resource_type"] == "model":
        return str(Path(node["original_file_path"]).parts[1])
    return f"source:{node['schema']}" if node["resource_type"] == "source" else str(node["resource_type"])


def crossings(manifest: dict[str, Any]) -> list[str]:
    """Every reference that the layers forbid."""
    known = manifest["nodes"] | manifest["sources"] | manifest["functions"]
    return [
        f"{node['name']} ({layer_of(node)}) reads {known[parent]['name']} ({layer_of(known[parent])})"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for parent in node["depends_on"]["nodes"]
        if layer_of(known[parent]) not in READS[layer_of(node)] | {"function"}
    ]


def test_layers_read_downwards_only(manifest: dict[str, Any], models: list[Node]) -> None:
    assert len(models) >= 20
    assert crossings(manifest) == []


def test_a_crossing_is_found(manifest: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps({key: manifest[key] for key in ("nodes", "sources", "functions")}))
    wrong["nodes"]["model.baotu.fct_sample"]["depends_on"]["nodes"].append("model.baotu.mart_pass_rate")
    wrong["nodes"]["model.baotu.mart_pass_rate"]["depends_on"]["nodes"].append("source.baotu.raw.food_spot_checks")
    wrong["nodes"]["model.baotu.mart_satisfaction"]["depends_on"]["nodes"].append(
        "model.baotu.stg_satisfaction_surveys"
    )
    assert len(crossings(wrong)) == 3


def test_no_model_goes_round_ref(models: list[Node]) -> None:
    """A relation written out is one that the manifest does not know of."""
    for node in models:
        code = re.sub(r"{#.*?#}|--[^\n]*", "", node["raw_code"], flags=re.S)
        named = {
            f"{schema}.{table}"
            for schema, table in re.findall(
                r"(?:from|join)\s+(raw|staging|core|intermediate|marts|marts_next|reference|ops|quarantine|audit|quality)\.(\w+)",
                code, flags=re.I,
            )
        }  # fmt: skip
        assert named <= LEDGER[layer_of(node)], node["name"]


def test_time_does_not_stand_still_in_models(manifest: dict[str, Any], models: list[Node]) -> None:
    """Judged at a date that the build has frozen; only the row that says when readers got it asks the clock."""
    clock = re.compile(r"\b(current_date|current_timestamp|localtimestamp|\w+_timestamp\s*\(|now\s*\()", re.I)
    assert clock.search("x < now() and") and clock.search("CURRENT_DATE")
    parts = [*models, *manifest["functions"].values()]
    macros = [
        {"name": macro["name"], "raw_code": macro["macro_sql"]}
        for macro in manifest["macros"].values()
        if macro["package_name"] == "baotu"
    ]
    assert len(macros) >= 10
    asking = {part["name"] for part in [*parts, *macros] if clock.search(part["raw_code"])}
    assert asking <= {"mart_publication"}


def test_staging_has_no_contract(models: list[Node]) -> None:
    for node in models:
        if layer_of(node) == "staging":
            # An enforced one makes the full load twice as long (findings §2); drift fails by on_schema_change.
            assert not node["config"]["contract"]["enforced"], node["name"]
            assert node["config"]["on_schema_change"] == "fail", node["name"]


def test_intermediate_steps_are_named_so(models: list[Node]) -> None:
    for node in models:
        assert node["name"].startswith("int_") == (layer_of(node) == "intermediate"), node["name"]


def test_a_step_is_kept_where_several_read_it(models: list[Node]) -> None:
    """One that is made for one reader only, or is nothing but a name for a few rows, leaves no table behind."""
    readers: dict[str, set[str]] = {}
    for node in models:
        for parent in node["depends_on"]["nodes"]:
            readers.setdefault(parent, set()).add(node["name"])
    for node in models:
        if layer_of(node) == "intermediate" and node["config"]["materialized"] == "table":
            assert len(readers[node["unique_id"]]) > 1, node["name"]
            assert node["config"]["unlogged"], f"{node['name']}: made anew by each build, it needs no log"


def test_every_mart_keeps_its_promises(manifest: dict[str, Any], marts: list[Node]) -> None:
    grains = {
        test["attached_node"]: test["test_metadata"]["kwargs"]["columns"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test" and (test.get("test_metadata") or {}).get("name") == "unique_grain"
    }
    for mart in marts:
        name = mart["name"]
        assert mart["config"]["contract"]["enforced"], f"{name}: no contract"
        assert mart["config"]["meta"].get("owner"), f"{name}: no owner"
        assert "Grain:" in mart["description"], f"{name}: a description says the grain"
        assert set(grains.get(mart["unique_id"], [])) <= set(mart["columns"]), name
        assert grains.get(mart["unique_id"]), f"{name}: no test of its grain"
        assert mart["columns"], name
        for column, about in mart["columns"].items():
            assert about["data_type"] and about["description"], f"{name}.{column}"
            labels = about["config"]["meta"]
            assert re.search(r"[\u4e00-\u9fff]", labels.get("label_zh", "")), f"{name}.{column}: label_zh"
            assert re.search(r"[A-Za-z]", labels.get("label_en", "")), f"{name}.{column}: label_en"


@pytest.mark.parametrize("folder", ["models", "tests"])
def test_sql_steps_by_four_spaces(folder: str) -> None:
    for path in (DBT / folder).rglob("*.sql"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            inset = line[: len(line) - len(line.lstrip())]
            assert inset == " " * (len(inset) // 4 * 4), f"{path.name}:{number}"


def test_a_source_stands_in_all_its_places() -> None:
    """A new one touches three: YAML, staging model, suite. `_sources.yml` lists its raw table."""
    declared = {path.stem for path in (PROJECT / "dags" / "sources").glob("*.yml")}
    staged = {path.stem.removeprefix("stg_") for path in (DBT / "models" / "staging").glob("stg_*.sql")}
    judged = {path.stem for path in (PROJECT / "expectations").glob("*.py")} - {"__init__", "marts", "spot_checks"}
    (raw,) = yaml.safe_load((DBT / "models" / "staging" / "_sources.yml").read_text())["sources"]
    assert declared
    assert {"staging model": staged, "suite": judged, "raw table": {table["name"] for table in raw["tables"]}} == {
        "staging model": declared, "suite": declared, "raw table": declared,
    }  # fmt: skip
    for source in declared:
        for path in (PROJECT / "dags" / "sources").glob(f"{source}.yml"):
            assert yaml.safe_load(path.read_text(encoding="utf-8"))["id"] == source


def test_staging_reads_its_own_source(models: list[Node]) -> None:
    for node in models:
        if layer_of(node) == "staging":
            assert node["sources"] == [["raw", node["name"].removeprefix("stg_")]], node["name"]


def imports(path: Path) -> set[str]:
    """The modules of ours that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute, or Airflow's bare names would break them"
            if node.module == "baotu":
                found |= {alias.name for alias in node.names}
            elif node.module and node.module.startswith("baotu."):
                found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("baotu.")}
    return found


def graph() -> dict[str, set[str]]:
    """Which module imports which; a package is one module of the map, whatever it is made of."""
    modules = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    modules |= {path.parent.name: list(path.parent.rglob("*.py")) for path in PACKAGE.glob("*/__init__.py")}
    return {name: set().union(*map(imports, paths)) - {name} for name, paths in modules.items()}


def test_imports_run_one_way() -> None:
    level = {module: number for number, line in enumerate(MODULES) for module in line}
    found = graph()
    assert set(found) == set(level), "a module has its line in MODULES"
    assert [
        f"{module} imports {other}" for module, others in found.items() for other in others
        if level[other] < level[module]
    ] == []  # fmt: skip


def test_imports_have_no_cycle() -> None:
    assert len(list(TopologicalSorter(graph()).static_order())) == len(graph())


def test_suites_and_migrations_stand_alone() -> None:
    for path in [*(PROJECT / "expectations").glob("*.py"), *(PACKAGE / "migrations").rglob("*.py")]:
        assert imports(path) == set(), path.name


@pytest.mark.parametrize("path", sorted((PROJECT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_is_wiring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "sys.path" not in text
    tree = ast.parse(text)
    at_parse = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    }
    assert {name for name in at_parse if name and name.startswith("baotu")} <= {
        "baotu.wiring",
        "baotu.settings",
        "baotu.sources",
    }
    everywhere = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    airflow = {name for name in everywhere if name.startswith("airflow")}
    assert all(name.startswith(("airflow.sdk", "airflow.providers.standard")) for name in airflow), airflow


def tracked() -> list[Path]:
    """Files that are in the repository, or would be with `git add`; none in an unpacked archive."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [PROJECT / name for name in listed.stdout.split("\0") if name and (PROJECT / name).is_file()]


def of_this_machine(text: str) -> list[str]:
    """Places that only the author has: directories of a machine, hosts of a package index."""
    here = [re.escape(str(place)) + r"\b" for place in (PROJECT, sys.prefix)]
    hosts = [
        r"(?:pypi\.|test\.pypi\.)[a-z]+",
        r"pythonhosted\.org",
        r"mirrors?\.[a-z]+\.[a-z]+",
        r"index-url[= ]+http\S+",
    ]
    return [
        found.group() for found in re.finditer("|".join([r"(?<![\w.-])/(?:work|root|Users)/\w+", *here, *hosts]), text)
    ]


def test_nothing_of_this_machine_is_in_the_repository() -> None:
    files = tracked()
    if not files:
        pytest.skip("not a git work tree")
    assert len(files) > 100
    found = {}
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="ignore")
        if path.suffix not in (".png", ".xlsx", ".xls") and (places := of_this_machine(text)):
            found[str(path.relative_to(PROJECT))] = places
    assert found == {}


def test_a_place_of_this_machine_is_found() -> None:
    assert of_this_machine("cd " + "/".join(["", "work", "main"]))
    assert of_this_machine("--index-url=" + "http://10.0.0.1/simple")
    assert of_this_machine("https://pypi" + ".org/simple")
    assert of_this_machine("--no-emit-index-url --upgrade") == []
