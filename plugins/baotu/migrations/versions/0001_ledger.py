"""The ledger (`ops`), the quarantine, and BI's live views on both (`quality`)."""

from alembic import op

revision = "0001"
down_revision = None

LEDGER = """
create schema if not exists raw;
create schema if not exists audit;
create schema if not exists quarantine;
create schema if not exists quality;

create table ops.delivery (
    delivery_id        bigint generated always as identity primary key,
    origin_id          bigint not null,
    attempt            integer not null default 1,
    replaces_id        bigint references ops.delivery,
    version            integer not null default 1,
    source             text not null,
    file_uri           text not null,
    file_sha256        text not null check (file_sha256 ~ '^[0-9a-f]{64}$'),
    file_bytes         bigint not null check (file_bytes >= 0),
    meta               jsonb not null default '{}',
    given              jsonb not null default '{}',
    status             text not null check (status in
        ('refused', 'landed', 'accepted', 'rejected', 'withdrawn', 'replaced', 'dry_run')),
    status_reason      jsonb,
    issued_on          date not null,
    issued_on_basis    text not null check (issued_on_basis in ('set', 'sidecar', 'title', 'file_name', 'landing_date')),
    period_start_on    date,
    period_end_on      date,
    rows_read          bigint,
    rows_accepted      bigint,
    rows_quarantined   bigint,
    dag_run_id         text,
    landed_at          timestamptz not null default now(),
    validated_at       timestamptz,
    unique (source, file_sha256, attempt),
    check (status <> 'accepted' or rows_read = rows_accepted + rows_quarantined)
);
create index on ops.delivery (source, status);
create index on ops.delivery (origin_id);
comment on table ops.delivery is 'One row per reading of a delivered file';
comment on column ops.delivery.origin_id is 'First reading of the same bytes; itself when attempt is 1';
comment on column ops.delivery.given is 'What people said beside the file: {"sidecar": {}, "set": {}}; meta is the merged result';
comment on column ops.delivery.status_reason is 'Array of {"code", "zh", "en"}';

-- The builder takes what changed since it last looked, by version and not by time: a slower loader
-- commits later with an older clock (findings: a watermark loses its delivery).
create function ops.bump_version() returns trigger language plpgsql as $$
begin
    if new.status is distinct from old.status
       or new.rows_quarantined is distinct from old.rows_quarantined
       or new.meta is distinct from old.meta
       or new.issued_on is distinct from old.issued_on then
        new.version := old.version + 1;
    end if;
    return new;
end $$;
create trigger delivery_version before update on ops.delivery
    for each row execute function ops.bump_version();

create table ops.delivery_sighting (
    sighting_id   bigint generated always as identity primary key,
    source        text not null,
    file_uri      text not null,
    fingerprint   text not null,
    delivery_id   bigint references ops.delivery on delete cascade,
    seen_at       timestamptz not null default now(),
    unique (source, file_uri, fingerprint)
);
comment on table ops.delivery_sighting is 'When known bytes were seen, under which name';
comment on column ops.delivery_sighting.fingerprint is 'Size, modification time and sidecar digest: unchanged files are not opened again';

create table ops.decision (
    decision_id   bigint generated always as identity primary key,
    subject       text not null check (subject in ('delivery', 'publication')),
    delivery_id   bigint references ops.delivery,
    build_id      bigint,
    action        text not null check (action in ('retry', 'accept', 'reject', 'withdraw', 'rollback', 'resume')),
    reason        text not null check (reason <> ''),
    decided_by    text not null,
    decided_at    timestamptz not null default now()
);

create table ops.validation_run (
    validation_run_id  bigint generated always as identity primary key,
    source             text not null,
    delivery_ids       bigint[] not null,
    dag_run_id         text,
    started_at         timestamptz not null default now(),
    finished_at        timestamptz
);
create index on ops.validation_run (source, validation_run_id);
comment on table ops.validation_run is 'The frozen set of deliveries that one run of staging and suite judges';

create table ops.check_result (
    check_result_id    bigint generated always as identity primary key,
    validation_run_id  bigint references ops.validation_run on delete cascade,
    build_id           bigint,
    delivery_id        bigint references ops.delivery on delete cascade,
    source             text not null,
    rule               text not null,
    severity           text not null check (severity in ('critical', 'warning', 'info')),
    is_success         boolean not null,
    rows_checked       bigint,
    rows_failed        bigint,
    observed           jsonb,
    checked_at         timestamptz not null default now()
);
create index on ops.check_result (delivery_id);
create index on ops.check_result (source, rule, checked_at);

create table quarantine.row (
    quarantine_id  bigint generated always as identity primary key,
    delivery_id    bigint not null references ops.delivery,
    source         text not null,
    row_no         bigint not null,
    rule           text not null,
    severity       text not null check (severity in ('critical', 'warning')),
    column_name    text,
    detail_zh      text not null,
    detail_en      text not null,
    found_at       timestamptz not null default now(),
    resolved_at    timestamptz,
    resolved_by    text,
    resolution     text check (resolution in ('passed', 'accepted', 'replaced')),
    check ((resolved_at is null) = (resolution is null))
);
create unique index on quarantine.row (delivery_id, row_no, rule) where resolved_at is null;

create table ops.alert (
    alert_id         bigint generated always as identity primary key,
    fingerprint      text not null,
    kind             text not null,
    severity         text not null check (severity in ('critical', 'warning', 'info')),
    source           text,
    delivery_id      bigint references ops.delivery on delete cascade,
    owner            text not null,
    title_zh         text not null,
    title_en         text not null,
    action_zh        text not null,
    action_en        text not null,
    evidence         jsonb not null default '{}',
    dag_run_id       text,
    opened_at        timestamptz not null default now(),
    sent_at          timestamptz,
    reminded_at      timestamptz,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    resolved_at      timestamptz
);
create unique index on ops.alert (fingerprint) where resolved_at is null;
comment on table ops.alert is 'Outbox and life of an alert: opened by the gate, sent by baotu.alerts; never holds cell values';

create table ops.build (
    build_id       bigint generated always as identity primary key,
    status         text not null check (status in ('running', 'held', 'published', 'failed', 'superseded', 'rolled_back')),
    as_of_on       date not null,
    known_at_on    date not null,
    code_version   text not null,
    backend_pid    integer not null,
    dag_run_id     text,
    started_at     timestamptz not null default now(),
    finished_at    timestamptz,
    published_at   timestamptz,
    applied_at     timestamptz,
    held_reason    jsonb,
    dbt_summary    jsonb
);
create unique index one_running_build on ops.build ((true)) where status = 'running';

create table ops.build_delivery (
    build_id     bigint not null references ops.build on delete cascade,
    delivery_id  bigint not null references ops.delivery on delete cascade,
    source       text not null,
    version      integer not null,
    is_accepted  boolean not null,
    is_touched   boolean not null,
    primary key (build_id, delivery_id)
);
create table ops.build_quarantine (
    build_id     bigint not null references ops.build on delete cascade,
    delivery_id  bigint not null,
    row_no       bigint not null,
    primary key (build_id, delivery_id, row_no)
);
create table ops.applied_delivery (
    delivery_id  bigint primary key references ops.delivery on delete cascade,
    version      integer not null,
    build_id     bigint not null
);
comment on table ops.applied_delivery is 'The version of each delivery that core holds';

create table ops.dbt_manifest (
    saved_at      timestamptz not null default now() primary key,
    code_version  text not null,
    manifest_gz   bytea not null
);

create table ops.published_value (
    published_value_id  bigint generated always as identity primary key,
    publication_id      bigint not null references ops.build,
    indicator_id        text not null,
    definition_version  integer not null,
    measure_code        text not null,
    value_basis         text not null,
    division_code       text not null,
    division_basis      text not null,
    period_type         text not null,
    period_start_on     date not null,
    period_end_on       date not null,
    as_of_on            date not null,
    known_at_on         date not null,
    n                   numeric,
    x                   numeric,
    value               numeric,
    interval_low        numeric,
    interval_high       numeric,
    is_attained         boolean,
    verdict             text not null,
    light               text not null,
    data_status         text not null,
    published_at        timestamptz not null default now()
);
create index on ops.published_value (indicator_id, period_type, period_start_on, publication_id);
comment on table ops.published_value is 'Append-only: every value that readers ever saw';
create function ops.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ops.published_value is append-only: what was published stays traceable';
end $$;
create trigger append_only before update or delete or truncate on ops.published_value
    for each statement execute function ops.refuse_change();

create view quality.delivery as
select
    d.delivery_id, d.source, regexp_replace(d.file_uri, '^.*/', '') as file_name, d.file_sha256, d.file_bytes,
    d.status, d.status_reason, d.issued_on, d.issued_on_basis, d.period_start_on, d.period_end_on,
    d.rows_read, d.rows_accepted, d.rows_quarantined,
    d.rows_quarantined::numeric * 100 / nullif(d.rows_read, 0) as quarantined_share_pct,
    d.attempt, d.replaces_id, d.landed_at, d.validated_at
from ops.delivery as d
where d.status <> 'dry_run';

create view quality.check_result as
select c.delivery_id, c.source, c.rule, c.severity, c.is_success, c.rows_checked, c.rows_failed, c.checked_at
from ops.check_result as c;

create view quality.quarantined_row as
select q.delivery_id, q.source, q.row_no, q.rule, q.severity, q.column_name, q.detail_zh, q.detail_en,
       q.found_at, q.resolved_at, q.resolution
from quarantine.row as q;

create view quality.alert as
select a.alert_id, a.kind, a.severity, a.source, a.delivery_id, a.owner, a.title_zh, a.title_en,
       a.opened_at, a.acknowledged_at, a.resolved_at
from ops.alert as a;

create view quality.publication as
select b.build_id as publication_id, b.status, b.as_of_on, b.known_at_on, b.code_version,
       b.started_at, b.finished_at, b.published_at, b.held_reason
from ops.build as b
where b.status in ('published', 'held', 'superseded', 'rolled_back');

-- BI reads marts and quality, nothing else. A server of one's own may lack the role: `baotu up` says how to make it.
do $$
begin
    if exists (select from pg_roles where rolname = 'bi_reader') then
        grant usage on schema quality to bi_reader;
        grant select on all tables in schema quality to bi_reader;
        alter default privileges in schema quality grant select on tables to bi_reader;
    end if;
end $$;
"""


def upgrade() -> None:
    # The driver's own cursor without parameters: the simple protocol takes many statements at once.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(LEDGER)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
