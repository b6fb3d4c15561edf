"""`baotu docs`: one page that opens from the file system, with the published marts and what is made of them."""

import json
import re
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from baotu import dbt
from baotu.cli import main
from baotu.glossary import topics
from baotu.settings import PROJECT
from tests.pipeline.conftest import City

pytestmark = pytest.mark.operations

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_page_stands_alone_and_knows_the_marts(in_city: City) -> None:
    done = CliRunner().invoke(main, ["docs"], catch_exceptions=False)
    page = in_city.state / "docs" / "index.html"
    assert done.output.strip().splitlines()[-1] == f"file://{page}"
    html = page.read_text(encoding="utf-8")
    # Nothing is fetched to show it: no script, style sheet, picture or font from elsewhere.
    assert re.findall(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//""", html) == []
    assert re.findall(r"""url\(["']?(?:https?:)?//|@import""", html) == []

    manifest, catalog = (
        json.loads((dbt.target_path("docs") / f"{name}.json").read_text()) for name in ("manifest", "catalog")
    )
    assert "趵突 Baotu" in manifest["docs"]["doc.baotu.__overview__"]["block_contents"]
    models: dict[str, dict[str, Any]] = {
        node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"
    }
    assert all(term.definition_zh in models["mart_glossary"]["description"] for *_, terms in topics() for term in terms)
    described = {name: node["description"] for name, node in models.items()}
    assert {name for name, text in described.items() if not text and not name.startswith("int_")} == set()
    # What readers see, under the names by which they see it, with the columns that the warehouse has.
    published = {key.split(".")[-1]: found for key, found in catalog["nodes"].items()}
    readers = {row["tablename"] for row in in_city.rows("select tablename from pg_tables where schemaname = 'marts'")}
    assert {
        found["metadata"]["name"] for found in published.values() if found["metadata"]["schema"] == "marts"
    } == readers
    tracking = published["mart_target_tracking"]["columns"]
    assert set(tracking) == set(models["mart_target_tracking"]["columns"])
    assert all(CHINESE.search(column["comment"]) for column in tracking.values())

    exposures = {found["name"]: found for found in manifest["exposures"].values()}
    assert {"scorecard", "trace"} <= set(exposures)
    for exposure in exposures.values():
        assert exposure["owner"]["name"] and CHINESE.search(exposure["description"])
        assert exposure["depends_on"]["nodes"]
    # Lineage from the office's file to the scorecard.
    reached, waiting = set(), [exposures["scorecard"]["unique_id"]]
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting += manifest["parent_map"].get(node, [])
    assert {"source.baotu.raw.food_spot_checks", "source.baotu.raw.satisfaction_surveys"} <= reached


def test_what_a_cluster_would_spread_can_be(in_city: City) -> None:
    """Citus wants the column in each unique index. There is none here to try it on, and `distribute` says so."""
    variables = yaml.safe_load((PROJECT / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    spread, replicated = variables["distributed_by"], variables["replicated"]
    for relation in (*spread, *replicated):
        assert in_city.rows("select to_regclass(%s) is not null as there", relation) == [{"there": True}], relation
    for relation, column in spread.items():
        unique = in_city.rows(
            "select array_agg(attname::text) as columns from pg_index inner join pg_attribute on attrelid = indrelid and"
            " attnum = any(indkey) where indisunique and indrelid = %s::regclass group by indexrelid",
            relation,
        )
        assert all(column in index["columns"] for index in unique), relation
    with pytest.raises(dbt.DbtError, match=r"no extension citus.*deploy-citus\.md"):
        dbt.run("citus", ["run-operation", "distribute"])
