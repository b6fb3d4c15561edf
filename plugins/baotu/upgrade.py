"""Bring the warehouse to the code that is installed: migrations, seeds, functions, staging."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack

from baotu import dbt, retention
from baotu.sources import load_sources
from baotu.warehouse import build_lock, connect, ensure_raw, let_bi_read, migrate, partition_raw, source_lock

_STAGING = "state:modified+,path:models/staging"


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
                with connection.transaction():
                    ensure_raw(connection, source)
                    if partition_raw(connection, source.id):
                        progress(f"raw.{source.id}: partitioned")
            # Each time: on a server of one's own the roles may have been made since, and a restore killed before it.
            let_bi_read(connection)
        with connect(autocommit=True) as connection:
            absent = {
                source_id
                for (source_id,) in connection.execute(
                    "select source from unnest(%s::text[]) as source where to_regclass('staging.stg_' || source) is null",
                    (list(sources),),
                )
            }
            state = dbt.saved_state(connection)
            if not absent and state is not None and state[0] == dbt.code_version():
                shutil.rmtree(state[1])
                return False
            dbt.forget_other_versions()
            progress("seeds and functions")
            dbt.run("upgrade", ["build", "--select", "resource_type:seed", "resource_type:function", "--full-refresh"])
            # Whatever is made anew from all of history needs all of it in raw.
            archived = {source_id: ids for source_id in sources if (ids := retention.archived(connection, source_id))}
            if archived:
                chosen = ["--select", _STAGING, "--no-partial-parse", "--state", str(state[1])] if state else []
                rebuilt = dbt.names("upgrade", chosen) if state else set()
                for source_id, ids in archived.items():
                    if source_id in absent or f"stg_{source_id}" in rebuilt:
                        progress(f"raw.{source_id}: the rows of {len(ids)} deliveries come back from the archive")
                        for number in ids:
                            with connection.transaction():
                                retention.bring_back(connection, source_id, [number])
            progress("staging")
            if state is not None:
                # fmt: off
                dbt.run("upgrade", [
                    "run", "--select", _STAGING, "--full-refresh", "--no-partial-parse", "--state", str(state[1]),
                ])
                # fmt: on
            if state is None or absent:
                # What has no table yet. Not instead of the above: a release may bring a source and change another.
                dbt.run("upgrade", ["run", "--select", "path:models/staging"])
            if state is not None:
                shutil.rmtree(state[1])
        return True
