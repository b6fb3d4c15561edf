"""Where the raw rows of a delivery are once the policy of its source has taken them out of the warehouse."""

from alembic import op

revision = "0007"
down_revision = "0006"

RETENTION = """
alter table ops.delivery
    add column raw_archived_sha256 text check (raw_archived_sha256 ~ '^[0-9a-f]{64}$'),
    add column raw_archived_at timestamptz,
    add check ((raw_archived_sha256 is null) = (raw_archived_at is null));
comment on column ops.delivery.raw_archived_sha256 is 'Its rows of raw.<source> are not there but in the archive, under this name: CSV with a header, gzip';
comment on column ops.delivery.raw_archived_at is 'When they were taken out of raw; null while they are there';
create index on ops.delivery (source) where raw_archived_at is not null;
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(RETENTION)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
