"""What each delivery looked like beside those before it: volume, filled columns, shares. One publication's values found."""

from alembic import op

revision = "0006"
down_revision = "0005"

PROFILES = """
-- Files of one series bear one name, but for its numbers and dates.
alter table ops.delivery add column series text not null generated always as (
    regexp_replace(
        regexp_replace(regexp_replace(file_uri, '^.*/', ''), '[0-9０-９〇一二三四五六七八九十]+', '#', 'g'),
        '[#\\s_.()（）-]*#[#\\s_.()（）-]*', '#', 'g'
    )
) stored;
create index on ops.delivery (source, series, issued_on, origin_id);
comment on column ops.delivery.series is 'Name of the file without folder, numbers and dates: what a delivery is compared with has the same';

create table ops.delivery_profile (
    delivery_id        bigint not null references ops.delivery on delete cascade,
    measure            text not null,
    column_name        text not null default '',
    value              numeric not null,
    history_count      integer not null default 0,
    history_median     numeric,
    tolerance          numeric,
    is_drift           boolean not null default false,
    primary key (delivery_id, measure, column_name)
);
comment on table ops.delivery_profile is 'Measures of each delivery, and how they stood to those of the deliveries of its series before it';
comment on column ops.delivery_profile.measure is 'row_count, filled_share (of a column), quarantined_share, or a share of the suite''s profile';
comment on column ops.delivery_profile.column_name is 'The canonical column of a filled_share, else empty';
comment on column ops.delivery_profile.history_count is 'Accepted deliveries before it that have the measure; too few, and nothing is compared';
comment on column ops.delivery_profile.tolerance is 'How far from the median is no drift: shares by difference, row_count by factor';

-- The audit compares with the newest publication: without this, with all that were ever published.
create index on ops.published_value (publication_id);

create view quality.delivery_profile as
select p.delivery_id, d.source, p.measure, nullif(p.column_name, '') as column_name, p.value, p.history_count, p.history_median, p.tolerance,
       p.is_drift
from ops.delivery_profile as p
inner join ops.delivery as d using (delivery_id);
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(PROFILES)


def downgrade() -> None:
    raise RuntimeError("The ledger is never undone: restore a backup instead (docs/architecture.md)")
