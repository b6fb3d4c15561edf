"""Where Baotu finds things: environment, then `.env`, then these defaults, and nothing else."""

import os
import re
import secrets
from functools import cache
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(os.environ.get("BAOTU_PROJECT") or Path(__file__).resolve().parents[2])


class Settings(BaseSettings):
    """Every setting is an environment variable `BAOTU_<NAME>`; empty counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix="BAOTU_", env_file=PROJECT / ".env", env_ignore_empty=True, extra="ignore"
    )

    #: SQLAlchemy-style or libpq URL of the warehouse; unset means the embedded server.
    warehouse_url: str | None = None
    #: What offices send: a path, or a URL as `storage` opens it, which may hold a password.
    landing_url: str = str(PROJECT / "landing")
    #: Content-addressed copies of every delivery, likewise.
    archive_url: str = ""
    #: Apprise URLs, separated by white space or commas.
    alert_urls: str = ""
    #: Where recipients of alerts reach the page in Airflow; unset: alerts name commands only.
    page_url: str = ""
    #: Whether a publication that flips an attainment, or restates a closed year, waits for a person; and for how long.
    approve_changes: bool = False
    approval_hours: float = 72
    #: Where Airflow runs tasks: in its scheduler, or on workers that hear of them by the broker (redis://…).
    executor: Literal["LocalExecutor", "CeleryExecutor"] = "LocalExecutor"
    broker_url: str | None = None
    #: Who may sign in to Airflow: `admin` alone, or people and roles of Flask-AppBuilder's, LDAP and OAuth among them.
    sign_in: Literal["simple", "fab"] = "simple"
    #: Airflow's API server where every service runs in a container of its own; unset: they are started here.
    airflow_url: str | None = None
    #: In containers: where the passwords are mounted that other settings name as `{NAME}`.
    secrets_dir: Path = Path("/run/secrets")
    #: For `baotu init` in a container: who makes the roles and databases on a server that is Baotu's alone, and the
    #: passwords that `bi_reader` and, if it is wanted, `bi_steward` get there.
    superuser_url: str | None = None
    bi_password: str | None = None
    steward_password: str | None = None
    #: For Superset in a container: as whom it reads, the password of its `admin`, and where it listens. Elsewhere the
    #: first two are credentials, and the port is a free one.
    bi_url: str | None = None
    superset_password: str | None = None
    superset_address: str = "127.0.0.1:8088"
    #: Everything that Baotu itself writes on this machine: server, credentials, logs, Airflow.
    state_dir: Path = Field(default=PROJECT / ".baotu")

    def model_post_init(self, _context: object) -> None:
        self.archive_url = self.archive_url or str(self.state_dir / "archive")


@cache
def settings() -> Settings:
    """The process's settings, read once. Tests call `settings.cache_clear()` after changing the environment."""
    _put_secrets_in(Settings().secrets_dir)
    return Settings()


def _put_secrets_in(secrets_dir: Path) -> None:
    """Where a container's environment says `{NAME}`, and a secret of that name is mounted, put its content.

    So passwords are in files, which whoever may inspect a container does not see, and URLs that hold them need no
    second place. Only the process and those it starts see the result.
    """
    for variable, value in os.environ.items():
        filled = re.sub(
            r"\{([A-Z_]+)\}",
            lambda found: path.read_text().strip() if (path := secrets_dir / found[1]).is_file() else found[0],
            value,
        )
        if filled != value:
            os.environ[variable] = filled


class Credentials:
    """Generated secrets in `<state_dir>/credentials`, mode 0600, one `NAME=value` a line."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or settings().state_dir / "credentials"

    def all(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        return {k: v for k, v in dotenv_values(self.path, interpolate=False).items() if v is not None}

    def get(self, name: str) -> str | None:
        return self.all().get(name)

    def put(self, **values: str) -> None:
        """Write the values beside those already there, atomically."""
        merged = self.all() | values
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.writelines(f"{name}={value}\n" for name, value in merged.items())
        draft.replace(self.path)

    def generate(self, name: str) -> str:
        """The secret called `name`; made (URL-safe, 160 bits) and kept when there is none yet."""
        found = self.get(name)
        if found is None:
            found = secrets.token_urlsafe(20)
            self.put(**{name: found})
        return found
