"""A person may publish what an audit holds."""

from alembic import op

revision = "0002"
down_revision = "0001"

ACTIONS = """
alter table ops.decision drop constraint decision_action_check;
alter table ops.decision add constraint decision_action_check check (action in
    ('retry', 'accept', 'reject', 'withdraw', 'rollback', 'resume', 'approve'));
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(ACTIONS)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
