"""What grows in the warehouse and on disk, and is nobody's history: taken away once a week, so that both stay flat.

Deliveries, decisions, check results and published values are history and stay. Raw rows do too, or go to the archive where
their source's policy says so.
"""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from baotu import publish, retention, storage
from baotu.settings import settings
from baotu.sources import load_sources
from baotu.warehouse import build_lock, connect

log = logging.getLogger(__name__)

#: How each build's dbt nodes fared is looked at in the weeks after.
KEEP_BUILD_DETAILS = timedelta(days=90)
#: Alerts that are over are asked about until the next year's review.
KEEP_ALERTS = timedelta(days=400)
KEEP_LOGS = timedelta(days=30)

#: Schemas whose tables are rewritten in part by each run.
_SCHEMAS = ("ops", "quarantine", "raw", "staging", "core", "reference")


def maintain() -> dict[str, int]:
    """One round. What was done → how often. Waits for a running build, not for ingests."""
    with build_lock(), connect(autocommit=True) as connection:
        publish.collect_old_schemas(connection)
        builds = connection.execute(
            "update ops.build set dbt_summary = null where dbt_summary is not null and started_at < now() - %s",
            (KEEP_BUILD_DETAILS,),
        )
        over = connection.execute("delete from ops.alert where resolved_at < now() - %s", (KEEP_ALERTS,))
        done = {"build details": builds.rowcount, "alerts": over.rowcount}
        done["vacuumed tables"] = sum(1 for _ in _vacuumed(connection))
    sources = load_sources()
    with connect(autocommit=True) as connection:
        done["new partitions"] = sum(retention.roll(connection, source_id) for source_id in sources)
        for source_id in sources:
            if len(retention.partitions(connection, source_id)) > 1:
                # Autovacuum looks at partitions, and never at what they are parts of.
                connection.execute(sql.SQL("analyze {}").format(sql.Identifier("raw", source_id)))
    done["deliveries out of raw"] = sum(map(retention.retire, sources.values()))
    done["log files"] = sum(1 for _ in _old_logs(settings().state_dir / "logs"))
    done["abandoned drafts"] = storage.archive().sweep()
    log.info("%s", ", ".join(f"{what}: {count}" for what, count in done.items()))
    return done


def _vacuumed(connection: psycopg.Connection) -> Iterator[str]:
    """Tables with as many dead rows as a tenth of the living, vacuumed: autovacuum waits for a fifth, and for idle time."""
    for schema, table in connection.execute(
        "select schemaname, relname from pg_stat_user_tables where schemaname = any(%s)"
        " and n_dead_tup > 1000 and n_dead_tup > n_live_tup / 10 order by 1, 2",
        (list(_SCHEMAS),),
    ).fetchall():
        connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(schema, table)))
        yield table


def _old_logs(folder: Path) -> Iterator[Path]:
    limit = time.time() - KEEP_LOGS.total_seconds()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
            yield path
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
