"""The warehouses of tests/pipeline, for tests that kill and race."""

from tests.pipeline.conftest import shared_dbt, upgraded_database, warehouse  # noqa: F401
