"""Settings that name a password which is a file."""

import os
from pathlib import Path

import pytest

from baotu.settings import settings


def test_a_secret_that_is_mounted_is_put_where_a_setting_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "WAREHOUSE_PASSWORD").write_text("of-a-file\n")
    connection = '{"login": "baotu", "password": "{WAREHOUSE_PASSWORD}"}'
    given = {
        "BAOTU_SECRETS_DIR": str(tmp_path),
        "BAOTU_WAREHOUSE_URL": "postgresql://baotu:{WAREHOUSE_PASSWORD}@db/baotu",
        "AIRFLOW_CONN_BAOTU_S3": connection,
        "BAOTU_BROKER_URL": "redis://:{REDIS_PASSWORD}@redis/0",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    try:
        found = settings()
        assert found.warehouse_url == "postgresql://baotu:of-a-file@db/baotu"
        assert os.environ["AIRFLOW_CONN_BAOTU_S3"] == '{"login": "baotu", "password": "of-a-file"}'
        assert found.broker_url == "redis://:{REDIS_PASSWORD}@redis/0"  # which nobody mounted
    finally:
        monkeypatch.undo()
        settings.cache_clear()
