"""A warehouse that an older release left."""

import gzip
import json

from baotu import publish
from baotu.upgrade import upgrade
from tests.pipeline.conftest import Installation


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
