"""What names have been compared and how well they match, and what reviewers decided about parties."""

from alembic import op

revision = "0004"
down_revision = "0003"

LINKING = """
create table ops.linked_name (
    side           text not null check (side in ('party', 'enterprise')),
    name_key       text collate "C" not null,
    model_version  text not null,
    block_keys     integer[] not null,
    linked_at      timestamptz not null default now(),
    primary key (model_version, side, name_key)
);
comment on table ops.linked_name is 'Names that have been compared with every name of the other side here, by the same version of the model';
comment on column ops.linked_name.name_key is 'As stats.normalize_name gives it';
comment on column ops.linked_name.block_keys is 'Digests: two names are compared where they share one; empty where a name may not be compared';

create table ops.name_match (
    party_key       text collate "C" not null,
    enterprise_key  text collate "C" not null,
    model_version   text not null,
    probability     double precision not null check (probability between 0 and 1),
    evidence        jsonb not null,
    primary key (model_version, party_key, enterprise_key)
);
create index on ops.name_match (enterprise_key);
comment on table ops.name_match is 'Names of parties and enterprises that may mean one enterprise: a function of the two names and the model alone';
comment on column ops.name_match.evidence is 'Which level each part of the names reached, and the role that a cell with two names gives';

create table ops.link_decision (
    decision_id       bigint generated always as identity primary key,
    party_id          uuid not null,
    enterprise_id     uuid,
    reason            text not null check (reason <> ''),
    decided_by        text not null,
    decided_at        timestamptz not null default now(),
    withdrawn_at      timestamptz,
    withdrawn_by      text,
    withdrawn_reason  text,
    check ((withdrawn_at is null) = (withdrawn_by is null) and (withdrawn_at is null) = (withdrawn_reason is null))
);
create unique index on ops.link_decision (party_id) where withdrawn_at is null;
comment on table ops.link_decision is 'What reviewers decided about a party: it wins over rules and model until it is withdrawn';
comment on column ops.link_decision.enterprise_id is 'Null: none of the register''s';
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(LINKING)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
