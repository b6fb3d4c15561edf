"""Airflow as the DAG files meet it: in a process of its own, with a home and a SQLite database thrown away."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import new_directory

from baotu.settings import PROJECT


class Airflow:
    """Runs Python with Airflow's settings; what it prints as its last line comes back as JSON."""

    def __init__(self, home: Path) -> None:
        self.environment = os.environ | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, code: str, **environment: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=self.environment | environment, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.fail(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}", pytrace=False)
        return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def airflow() -> Airflow:
    home = new_directory("airflow")
    made = Airflow(home)
    subprocess.run(
        [sys.executable, "-P", "-m", "airflow", "db", "migrate"],
        env=made.environment, cwd=home, capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    return made
