"""A warehouse that an older release left."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from baotu import ingest, publish
from baotu.settings import PROJECT
from baotu.sources import load_sources
from baotu.upgrade import upgrade
from tests.pipeline.conftest import Installation

#: The release before this one, as a commit of this repository. At each release: the one that it follows.
PREVIOUS = "3598b21"
#: What its people did with it, by its own code.
THEN = """
import os, sys, time
from pathlib import Path
from baotu import ingest, publish
from baotu.samples import write_samples
from baotu.sources import load_sources
from baotu.upgrade import upgrade

landing = Path(sys.argv[1])
for path in write_samples(landing, landing.parent / "truth.json", scale=0.01):
    os.utime(path, (time.time() - 600,) * 2)
upgrade()
for source in load_sources():
    ingest.load(source)
    ingest.validate(source)
print(Path(publish.__file__).parent, publish.build().status)
"""


def test_a_release_that_brings_a_source_and_changes_another(warehouse: Installation) -> None:
    """What is new is made, and what changed is rebuilt, in the same upgrade."""
    publish.build()
    with warehouse.connect() as connection:
        row = connection.execute("select manifest_gz from ops.dbt_manifest").fetchone()
        assert row is not None
        manifest = json.loads(gzip.decompress(row[0]))
        manifest["nodes"]["model.baotu.stg_food_spot_checks"]["raw_code"] += " -- older"
        connection.execute(
            "update ops.dbt_manifest set code_version = 'older', manifest_gz = %s",
            (gzip.compress(json.dumps(manifest).encode()),),
        )
        connection.execute("alter table staging.stg_food_spot_checks drop column remark")
        connection.execute("drop table staging.stg_brand_records")
    assert upgrade()
    found = warehouse.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'staging'"
        " and (table_name, column_name) in (('stg_food_spot_checks', 'remark'), ('stg_brand_records', 'brand_key'))"
        " order by 1"
    )
    assert [row["table_name"] for row in found] == ["stg_brand_records", "stg_food_spot_checks"]
    assert publish.build().status == "published"
    assert not upgrade()


@pytest.mark.timeout(900)
def test_from_the_release_before(warehouse: Installation, tmp_path: Path) -> None:
    """With data in it: after the upgrade nothing is read again, and each number is what it was."""
    archive = ["git", "-C", str(PROJECT), "archive", PREVIOUS, "plugins", "dags", "dbt_project", "expectations"]
    done = subprocess.run(archive, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no history here: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as code:
        code.extractall(tmp_path, filter="data")
    with warehouse.connect() as connection:  # as if that release had made it
        for schema in (
            "raw",
            "staging",
            "audit",
            "reference",
            "core",
            "marts",
            "marts_next",
            "ops",
            "quarantine",
            "quality",
            "stats",
        ):
            connection.execute(f"drop schema if exists {schema} cascade".encode())
    older = os.environ | {"PYTHONPATH": f"{tmp_path}/plugins:{tmp_path}", "BAOTU_PROJECT": str(tmp_path)}
    then = subprocess.run(
        [sys.executable, "-P", "-c", THEN, str(warehouse.landing)],
        env=older,
        capture_output=True,
        text=True,
        check=False,
    )
    assert then.stdout.split() == [f"{tmp_path}/plugins/baotu", "published"], then.stderr[-4000:]
    shown = (
        "select indicator_id, measure_code, value_basis, is_headline, period_type, period_start_on, as_of_on, value, numerator,"
        " denominator, interval_low, bound_low, verdict, light, data_status from marts.mart_target_tracking"
        " where is_current order by 1, 2, 3, 4, 5, 6, 7"
    )
    ledger = "select delivery_id, file_sha256, status, rows_read, rows_accepted, rows_quarantined from ops.delivery order by 1"
    values, deliveries = warehouse.rows(shown), warehouse.rows(ledger)
    assert len(values) > 100 and len(deliveries) > 100

    plain = "select count(*) as n from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'r' and not relispartition"
    assert warehouse.rows(plain) == [{"n": len(load_sources())}]
    assert upgrade()
    assert warehouse.rows(plain) == [{"n": 0}]
    for source in load_sources():
        assert [landed.status for landed in ingest.load(source)] == []
    assert publish.build().status == "published"
    assert warehouse.rows(shown) == values
    assert warehouse.rows(ledger) == deliveries
    assert not upgrade()
