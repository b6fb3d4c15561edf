"""Who was told what of an alert and when, which channels are down, alerts that come back; periods that are missing."""

from alembic import op

revision = "0005"
down_revision = "0004"

ALERTS = """
create table ops.alert_receipt (
    receipt_id  bigint generated always as identity primary key,
    alert_id    bigint not null references ops.alert on delete cascade,
    channel     text not null,
    event       text not null check (event in ('opened', 'reminded', 'resolved')),
    severity    text not null check (severity in ('critical', 'warning', 'info')),
    sent_at     timestamptz not null default clock_timestamp()
);
create index on ops.alert_receipt (alert_id, channel, receipt_id);
comment on table ops.alert_receipt is 'What each channel has taken; the rules of baotu.digest say from it what is due';
comment on column ops.alert_receipt.channel is 'Digest of the channel''s URL, which is secret; * stands for all that were there before receipts were kept';

create table ops.alert_channel (
    channel        text primary key,
    name           text not null,
    failing_since  timestamptz,
    failure        text,
    tried_at       timestamptz not null default now()
);
comment on table ops.alert_channel is 'Whether each channel took what it was sent last; the name holds no secret';

insert into ops.alert_receipt (alert_id, channel, event, severity, sent_at)
select alert_id, '*', 'opened', severity, sent_at from ops.alert where sent_at is not null;
update ops.alert set evidence = evidence - 'sending' where evidence ? 'sending';

alter table ops.alert
    drop column sent_at,
    drop column reminded_at,
    add column acknowledged_reason text,
    add column reopened_count integer not null default 0;
create index on ops.alert (fingerprint, resolved_at);
comment on table ops.alert is 'Life of an alert: opened where the problem is found, acknowledged by a person, resolved when it is gone; never holds cell values';
comment on column ops.alert.reopened_count is 'How often the same problem came back within a day of its resolution';

create table ops.expected_period (
    source           text not null,
    period_type      text not null,
    period_start_on  date not null,
    period_end_on    date not null,
    due_on           date not null,
    status           text not null check (status in ('delivered', 'late', 'missing', 'not_due')),
    first_issued_on  date,
    delivery_count   integer not null,
    checked_at       timestamptz not null default now(),
    primary key (source, period_start_on)
);
comment on table ops.expected_period is 'Periods of each source''s cadence and what came of them, as baotu.freshness saw it last';
comment on column ops.expected_period.due_on is 'Business day by which a delivery was due';
comment on column ops.expected_period.first_issued_on is 'First day of issue among the accepted deliveries that speak of the period';

create view quality.expected_period as
select e.source, e.period_type, e.period_start_on, e.period_end_on, e.due_on, e.status, e.first_issued_on,
       e.delivery_count, e.checked_at
from ops.expected_period as e;

create or replace view quality.alert as
select a.alert_id, a.kind, a.severity, a.source, a.delivery_id, a.owner, a.title_zh, a.title_en,
       a.opened_at, a.acknowledged_at, a.resolved_at, a.action_zh, a.action_en, a.acknowledged_by, a.acknowledged_reason, a.reopened_count,
       (select min(r.sent_at) from ops.alert_receipt as r where r.alert_id = a.alert_id) as first_told_at,
       (select max(r.sent_at) from ops.alert_receipt as r where r.alert_id = a.alert_id) as last_told_at
from ops.alert as a;
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(ALERTS)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
