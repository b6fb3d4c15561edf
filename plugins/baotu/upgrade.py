"""Bring the warehouse to the code that is installed: migrations, seeds, functions, staging."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack

from baotu import dbt
from baotu.sources import load_sources
from baotu.warehouse import build_lock, connect, ensure_raw, let_bi_read, migrate, source_lock


def upgrade(progress: Callable[[str], None] = lambda _: None) -> bool:
    """Safe to repeat; returns whether anything had to be rebuilt. Core follows with the next build.

    Runs under all locks, build before sources, so that no task sees half of it.
    """
    sources = load_sources()
    migrate()
    with ExitStack() as locks:
        locks.enter_context(build_lock())
        for source_id in sorted(sources):
            locks.enter_context(source_lock(source_id))
        with connect() as connection:
            for source in sources.values():
                ensure_raw(connection, source)
            # Each time: on a server of one's own the roles may have been made since, and a restore killed before it.
            let_bi_read(connection)
        with connect(autocommit=True) as connection:
            installed = connection.execute(
                "select to_regclass('staging.stg_' || source) is not null from unnest(%s::text[]) as source",
                (list(sources),),
            ).fetchall()
            state = dbt.saved_state(connection)
            complete = all(exists for (exists,) in installed)
            if complete and state is not None and state[0] == dbt.code_version():
                shutil.rmtree(state[1])
                return False
            dbt.forget_other_versions()
            progress("seeds and functions")
            dbt.run("upgrade", ["build", "--select", "resource_type:seed", "resource_type:function", "--full-refresh"])
            progress("staging")
            if state is not None:
                # fmt: off
                dbt.run("upgrade", [
                    "run", "--select", "state:modified+,path:models/staging", "--full-refresh",
                    "--no-partial-parse", "--state", str(state[1]),
                ])
                # fmt: on
            if state is None or not complete:
                # What has no table yet. Not instead of the above: a release may bring a source and change another.
                dbt.run("upgrade", ["run", "--select", "path:models/staging"])
            if state is not None:
                shutil.rmtree(state[1])
        return True
