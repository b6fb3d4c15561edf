"""Rows that correct rows, rows that people readmit, replays; and with which rules a delivery was judged."""

from alembic import op

revision = "0003"
down_revision = "0002"

WORKPLACE = """
create table ops.correction (
    delivery_id           bigint not null references ops.delivery on delete cascade,
    row_no                bigint not null,
    source                text not null,
    corrects_delivery_id  bigint not null references ops.delivery on delete cascade,
    corrects_row_no       bigint not null,
    origin_id             bigint not null,
    part                  text not null,
    file_row              bigint not null,
    primary key (delivery_id, row_no)
);
create index on ops.correction (corrects_delivery_id, corrects_row_no);
create index on ops.correction (source, origin_id);
comment on table ops.correction is 'Rows that say, in the columns of our export, which row of an earlier delivery they correct';
comment on column ops.correction.origin_id is 'With part and file_row: where that row stands in every reading of its file';

create table ops.build_correction (
    build_id      bigint not null references ops.build on delete cascade,
    delivery_id   bigint not null,
    row_no        bigint not null,
    corrected_on  date,
    is_touched    boolean not null,
    primary key (build_id, delivery_id, row_no)
);
comment on table ops.build_correction is 'Rows that a row of another delivery stands for from corrected_on on; null: that delivery does not count any more';

alter table ops.delivery add column rules_version text;
comment on column ops.delivery.rules_version is 'Digest of the code, YAML, rules and seeds that read and judged it; a replay of one with another may end otherwise';

alter table ops.decision drop constraint decision_action_check;
alter table ops.decision add constraint decision_action_check check (action in
    ('retry', 'accept', 'reject', 'withdraw', 'rollback', 'resume', 'approve', 'accept_rows'));
alter table ops.decision add column detail jsonb;
comment on column ops.decision.detail is 'accept_rows: {"rule": code or null, "rows": [row_no]}';
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(WORKPLACE)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
