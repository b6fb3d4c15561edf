"""The warehouses of tests/pipeline, for tests that kill, race and hold."""

from tests.pipeline.conftest import all_marts, shared_dbt, upgraded_database, warehouse  # noqa: F401
from tests.pipeline.test_golden import golden  # noqa: F401
