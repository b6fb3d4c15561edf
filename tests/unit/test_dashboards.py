"""The bundle of `dashboards/` by its files alone: no secret in it, words that are those of dbt and the scorecard, lineage."""

import re
from typing import Any
from uuid import UUID

import pytest
import yaml

from baotu import report
from baotu.settings import PROJECT
from baotu.sources import load_sources

Asset = dict[str, Any]
MODELS = PROJECT / "dbt_project" / "models" / "marts"


def assets(kind: str) -> list[Asset]:
    paths = sorted((PROJECT / "dashboards" / kind).rglob("*.yaml"))
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]


DATASETS = {dataset["uuid"]: dataset for dataset in assets("datasets")}
CHARTS = {chart["uuid"]: chart for chart in assets("charts")}
DASHBOARDS = {dashboard["slug"]: dashboard for dashboard in assets("dashboards")}
#: A calculated column -> what its codes mean elsewhere in Baotu.
WORDS = {
    "light_zh": {code: f"{light.symbol} {light.zh}" for code, light in report.LIGHTS.items()},
    "verdict_zh": report.VERDICTS,
    "data_status_zh": report.STATUSES,
    "value_basis_zh": report.VALUE_BASES,
    "forecast_zh": report.LIKELIHOODS,
    "pace_zh": report.PACES,
    "trend_zh": report.TRENDS,
    "source_zh": {source.id: source.label_zh for source in load_sources().values()},
}

each_dataset = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: str(dataset["table_name"]))


def marts() -> dict[str, Asset]:
    """What dbt says of each mart, under the name by which readers see it."""
    models = [m for path in MODELS.glob("_*.yml") for m in yaml.safe_load(path.read_text()).get("models") or []]
    return {model["name"].removeprefix("published_"): model for model in models}


def parts_of(dashboard: Asset, kind: str) -> list[Asset]:
    """What a dashboard is laid out of: `meta` of each CHART, or of each MARKDOWN."""
    parts = [part for part in dashboard["position"].values() if isinstance(part, dict)]
    return [part["meta"] for part in parts if part["type"] == kind]


def charts_of(dashboard: Asset) -> list[Asset]:
    return [CHARTS[meta["uuid"]] for meta in parts_of(dashboard, "CHART")]


def relations(dataset: Asset) -> set[str]:
    """What it reads of the warehouse."""
    named = re.findall(r"(?:from|join) (\w+\.\w+)", dataset["sql"] or "")
    return {f"{dataset['schema']}.{dataset['table_name']}", *named}


def test_the_connection_names_neither_password_nor_place() -> None:
    (database,) = assets("databases")
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://bi_reader@127.0.0.1/baotu"
    assert not any(database[what] for what in ("allow_dml", "allow_ctas", "allow_cvas", "allow_csv_upload"))


@each_dataset
def test_columns_are_called_as_in_dbt(dataset: Asset) -> None:
    labels = {
        column["name"]: column["config"]["meta"]["label_zh"]
        for column in marts().get(dataset["table_name"], {}).get("columns", [])
    }
    assert bool(labels) == (dataset["schema"] == "marts")
    shown = {column["column_name"]: column["verbose_name"] for column in dataset["columns"]}
    assert {name: shown[name] for name in labels} == labels
    assert [name for name, label in shown.items() if not label] == []


@each_dataset
def test_codes_are_called_as_on_the_scorecard(dataset: Asset) -> None:
    for column in dataset["columns"]:
        if words := WORDS.get(column["column_name"]):
            said = dict(re.findall(r"when '(\w+)' then '([^']*)'", column["expression"]))
            assert said == {code: getattr(word, "zh", word) for code, word in words.items()}, column["column_name"]


@each_dataset
def test_a_dataset_is_one_mart_with_names_beside_it(dataset: Asset) -> None:
    """Joined is what codes mean, and nothing that could multiply rows or compute."""
    assert {name.split(".")[0] for name in relations(dataset)} <= {"marts", "quality"}
    joined = relations(dataset) - {f"{dataset['schema']}.{dataset['table_name']}"}
    assert joined <= {"marts.dim_indicator", "marts.dim_measure", "marts.dim_division"}
    assert "group by" not in (dataset["sql"] or "").lower()


def test_no_chart_averages_and_each_says_unit_and_source() -> None:
    for chart in CHARTS.values():
        text = chart["description"]
        assert re.search("单位|每行|%", text) and re.search(r"来源：(marts|quality)\.", text), chart["slice_name"]
        assert re.search("[\u4e00-\u9fff]", chart["slice_name"]) and re.search("[A-Za-z]", chart["slice_name"])
        metrics = chart["params"].get("metrics", []) + chart["params"].get("metrics_b", [])
        assert all(re.match(r"(MAX|COUNT|SUM)\(", metric["sqlExpression"]) for metric in metrics), chart["slice_name"]
        # Sums are of the ledger's rows only.
        schema = DATASETS[chart["dataset_uuid"]]["schema"]
        assert schema == "quality" or not any("SUM" in metric["sqlExpression"] for metric in metrics)


def test_each_chart_is_on_one_dashboard_beside_its_text() -> None:
    """Superset 6.1.0 does not show descriptions on dashboards, so they stand there as text."""
    placed = [chart["uuid"] for dashboard in DASHBOARDS.values() for chart in charts_of(dashboard)]
    assert sorted(placed) == sorted(CHARTS)
    for dashboard in DASHBOARDS.values():
        texts = {meta["code"] for meta in parts_of(dashboard, "MARKDOWN")}
        assert [chart["slice_name"] for chart in charts_of(dashboard) if chart["description"] not in texts] == []


def test_uuids_are_uuids() -> None:
    for asset in [*assets("databases"), *DATASETS.values(), *CHARTS.values(), *DASHBOARDS.values()]:
        UUID(asset["uuid"])


def test_lineage_ends_at_the_dashboards() -> None:
    """What dbt's exposures say is what the charts read."""
    exposures = yaml.safe_load((MODELS / "_exposures.yml").read_text(encoding="utf-8"))["exposures"]
    said = {
        found["name"]: {
            re.sub(r"ref\('(?:published_)?(\w+)'\)", r"marts.\1", ref)
            .replace("source('quality', '", "quality.")
            .rstrip("')")
            for ref in found["depends_on"]
        }
        for found in exposures
        if found["name"].startswith("superset_")
    }
    read = {
        f"superset_{slug.replace('-', '_')}": set().union(
            *(relations(DATASETS[chart["dataset_uuid"]]) for chart in charts_of(dashboard))
        )
        for slug, dashboard in DASHBOARDS.items()
    }
    assert said == read
