{{ config(indexes=[{'columns': ['period_type', 'period_start_on']}]) }}
{#- 双随机一公开 by period, division and how enterprises were chosen. Only random draws cover the directory: what risk,
    complaints, campaigns and key lists chose stands in rows of its own, without coverage, and never enters an estimate of
    a rate. Key items have no upper limit, so their number is counted and compared with none. -#}

with limits as (
    select *
    from {{ ref('inspection_rule') }}
    where valid_from_on is null or valid_from_on <= {{ known_at() }}
    order by valid_from_on desc nulls last
    limit 1
),

period as (
    select * from {{ ref('int_calendar_period') }} where period_type <> 'year_to_date'
),

directory as (
    select
        {{ hash_id(['directory_kind', 'office', 'snapshot_id', 'snapshot_on']) }} as snapshot_key,
        *
    from {{ ref('fct_inspection_directory') }}
    where
        known_from_on <= {{ known_at() }}
        and (known_before_on is null or known_before_on > {{ known_at() }})
),

snapshot as (
    select distinct
        snapshot_key,
        directory_kind,
        office,
        snapshot_on
    from directory
),

-- Each office's last version up to the end of a period.
in_force as (
    select
        period_type,
        period_start_on,
        snapshot_key,
        directory_kind,
        snapshot_on
    from (
        select
            period.period_type,
            period.period_start_on,
            snapshot.*,
            rank() over (
                partition by period.period_type, period.period_start_on, snapshot.directory_kind, snapshot.office
                order by snapshot.snapshot_on desc
            ) as place
        from period
        inner join snapshot on snapshot.snapshot_on <= least(period.period_end_on, {{ as_of() }})
    ) as placed
    where place = 1
),

snapshot_size as (
    select
        snapshot_key,
        division_code,
        count(*) as member_count
    from directory
    group by snapshot_key, division_code
),

listed as (
    select
        in_force.period_type,
        in_force.period_start_on,
        case when grouping(snapshot_size.division_code) = 0 then 'division' else 'city' end as breakdown,
        snapshot_size.division_code,
        sum(snapshot_size.member_count) filter (where in_force.directory_kind = 'object') as directory_count,
        sum(snapshot_size.member_count) filter (where in_force.directory_kind = 'officer') as officer_directory_count,
        max(in_force.snapshot_on) filter (where in_force.directory_kind = 'object') as directory_on
    from in_force
    inner join snapshot_size on in_force.snapshot_key = snapshot_size.snapshot_key
    group by
        grouping sets (
            (in_force.period_type, in_force.period_start_on),
            (in_force.period_type, in_force.period_start_on, snapshot_size.division_code)
        )
    having
        grouping(snapshot_size.division_code) = 1
        or count(*) filter (where in_force.directory_kind = 'object') > 0
),

inspection as (
    select
        inspection.*,
        period.period_type,
        period.period_start_on,
        matched.member_key,
        matched.member_division,
        published.business_day_number - inspected.business_day_number as days_to_publication,
        today.business_day_number - inspected.business_day_number as days_since
    from {{ ref('fct_inspection') }} as inspection
    inner join period
        on inspection.dated_on between period.period_start_on and least(period.period_end_on, {{ as_of() }})
    left join (
        select
            in_force.period_type,
            in_force.period_start_on,
            found.inspection_record_id,
            min(found.object_key) as member_key,
            min(found.division_code) as member_division
        from {{ ref('int_directory_match') }} as found
        inner join in_force on found.snapshot_key = in_force.snapshot_key
        group by in_force.period_type, in_force.period_start_on, found.inspection_record_id
    ) as matched
        on
            period.period_type = matched.period_type
            and period.period_start_on = matched.period_start_on
            and inspection.inspection_record_id = matched.inspection_record_id
    left join {{ ref('dim_date') }} as inspected on inspection.inspected_on = inspected.date_on
    left join {{ ref('dim_date') }} as published
        on inspection.published_on = published.date_on and inspection.published_on <= {{ as_of() }}
    left join {{ ref('dim_date') }} as today on today.date_on = {{ as_of() }}
    where
        inspection.is_counted
        and inspection.known_from_on <= {{ known_at() }}
        and (inspection.known_before_on is null or inspection.known_before_on > {{ known_at() }})
),

placed as (
    select
        inspection.*,
        aspect.breakdown,
        aspect.place_code,
        case
            when days_to_publication <= limits.publish_within_business_days then 'in_time'
            when days_to_publication is not null then 'late'
            when days_since > limits.publish_within_business_days then 'late'
            -- Not public yet, or nobody knows the days.
            when days_since is not null then 'pending'
        end as publication,
        officer_count >= limits.min_officers as has_enough_officers
    from inspection
    cross join limits
    cross join lateral (
        values ('city', null), ('division', coalesce(inspection.member_division, inspection.division_code))
    ) as aspect (breakdown, place_code)
),

counted as (
    select
        period_type,
        period_start_on,
        breakdown,
        place_code as division_code,
        draw_method,
        count(*) as inspection_count,
        count(distinct coalesce(member_key, object_key)) as enterprise_count,
        count(distinct member_key) as in_directory_count,
        count(*) filter (where publication in ('in_time', 'late')) as due_count,
        count(*) filter (where publication = 'in_time') as in_time_count,
        count(*) filter (where publication = 'pending') as pending_count,
        count(officer_count) as officers_stated_count,
        count(*) filter (where has_enough_officers) as enough_officers_count,
        count(*) filter (where has_key_item) as key_item_count,
        count(*) filter (where has_general_item) as general_item_count,
        count(*) filter (where result_code = 'problem') as problem_count
    from placed
    group by period_type, period_start_on, breakdown, place_code, draw_method
),

officer as (
    select distinct
        placed.period_type,
        placed.period_start_on,
        placed.breakdown,
        placed.place_code,
        placed.draw_method,
        -- A team is drawn for a task: however many enterprises it visits, it is one pair.
        coalesce(placed.task_no, placed.inspection_record_id::text) as task,
        one.officer_hash,
        two.officer_hash as other_hash
    from placed
    cross join lateral unnest(placed.officer_hashes) as one (officer_hash)
    left join lateral unnest(placed.officer_hashes) as two (officer_hash) on one.officer_hash < two.officer_hash
),

rotation as (
    select
        period_type,
        period_start_on,
        breakdown,
        place_code as division_code,
        draw_method,
        count(distinct officer_hash) as officer_count,
        count(other_hash) as pair_count,
        count(other_hash) - count(distinct officer_hash || other_hash) as repeated_pair_count
    from officer
    group by period_type, period_start_on, breakdown, place_code, draw_method
),

-- A directory without a single random inspection is covered by none, which is a finding.
shown as (
    select
        period_type,
        period_start_on,
        breakdown,
        division_code,
        draw_method
    from counted
    union
    select
        period_type,
        period_start_on,
        breakdown,
        division_code,
        'random' as draw_method
    from listed
    where directory_count > 0
)

select
    period.period_type::text as period_type,
    period.period_start_on::date as period_start_on,
    period.period_end_on::date as period_end_on,
    period.period_label_zh::text as period_label_zh,
    (period.period_end_on <= {{ as_of() }})::boolean as is_closed,
    shown.breakdown::text as breakdown,
    shown.division_code::text as division_code,
    coalesce(division.label_zh, '济南市')::text as division_label_zh,
    shown.draw_method::text as draw_method,
    listed.directory_on::date as directory_on,
    listed.directory_count::bigint as directory_count,
    coalesce(counted.inspection_count, 0)::bigint as inspection_count,
    coalesce(counted.enterprise_count, 0)::bigint as enterprise_count,
    case
        when shown.draw_method = 'random' and listed.directory_count > 0 then coalesce(counted.in_directory_count, 0)
    end::bigint as covered_count,
    case
        when shown.draw_method = 'random'
            then 100.0 * coalesce(counted.in_directory_count, 0) / nullif(listed.directory_count, 0)
    end::numeric as coverage_pct,
    counted.due_count::bigint as publication_due_count,
    counted.in_time_count::bigint as published_in_time_count,
    counted.pending_count::bigint as publication_pending_count,
    (100.0 * counted.in_time_count / nullif(counted.due_count, 0))::numeric as published_in_time_pct,
    counted.officers_stated_count::bigint as officers_stated_count,
    counted.enough_officers_count::bigint as enough_officers_count,
    (100.0 * counted.enough_officers_count / nullif(counted.officers_stated_count, 0))::numeric as enough_officers_pct,
    rotation.officer_count::bigint as officer_count,
    listed.officer_directory_count::bigint as officer_directory_count,
    rotation.pair_count::bigint as pair_count,
    rotation.repeated_pair_count::bigint as repeated_pair_count,
    (100.0 * rotation.repeated_pair_count / nullif(rotation.pair_count, 0))::numeric as repeated_pair_pct,
    counted.key_item_count::bigint as key_item_count,
    counted.general_item_count::bigint as general_item_count,
    counted.problem_count::bigint as problem_count,
    {{ publication_id() }} as publication_id
from shown
inner join period on shown.period_type = period.period_type and shown.period_start_on = period.period_start_on
left join {{ ref('dim_division') }} as division
    on shown.division_code = division.division_code and division.valid_before_on is null
{%- for relation in ['listed', 'counted', 'rotation'] %}
left join {{ relation }}
    on
        shown.period_type = {{ relation }}.period_type
        and shown.period_start_on = {{ relation }}.period_start_on
        and shown.breakdown = {{ relation }}.breakdown
        and shown.division_code is not distinct from {{ relation }}.division_code
        {%- if relation != 'listed' %}
        and shown.draw_method = {{ relation }}.draw_method
        {%- endif %}
{%- endfor %}
