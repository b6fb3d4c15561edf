{{ config(
    pre_hook="{{ forget_touched_spot_checks('summary_id') }}",
    indexes=[
        {'columns': ['summary_id', 'delivery_id'], 'unique': true},
        {'columns': ['sample_domain', 'sampling_kind', 'period_start_on']},
    ],
) }}
{#- Counts as offices publish them, one row per scope and delivery: they stand in where no samples are delivered. #}
{%- set endings = endings(spot_check_sources()) | trim %}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

accepted as (
    {{ accepted_spot_checks('summary_id') }}
),

staged as (
    select
        accepted.*,
        corrected.corrected_on,
        -- The same scope twice in one delivery: the last line counts, as of two deliveries the later.
        row_number() over (
            partition by accepted.summary_id, accepted.delivery_id order by accepted.row_no desc
        ) as place,
        -- Half a unit of the last published digit: what rounding may hide.
        0.5 * power(10::numeric, -accepted.published_rate_digits) as rounding
    from accepted
    left join quarantined
        on accepted.delivery_id = quarantined.delivery_id and accepted.row_no = quarantined.row_no
    left join corrected
        on accepted.delivery_id = corrected.delivery_id and accepted.row_no = corrected.row_no
    where quarantined.row_no is null
),
{% if endings %}
ending (ending_id, ending_origin_id, ended_on, corrected_id) as (
    {{ endings }}
),

dropped as (
    -- A line that a corrected file no longer holds.
    select
        held.summary_id,
        held.delivery_id,
        min(ending.ended_on) as ended_on
    from ending
    inner join staged as held on ending.corrected_id = held.delivery_id
    where (held.issued_on, held.origin_id) < (ending.ended_on, ending.ending_origin_id)
        and not exists (
            select 1
            from staged as other
            where other.summary_id = held.summary_id and other.delivery_id = ending.ending_id
        )
    group by held.summary_id, held.delivery_id
),
{% endif %}
versions as (
    select
        staged.*,
        {{ 'dropped.ended_on' if endings else 'null::date' }} as dropped_on
    from staged
    {%- if endings %}
    left join dropped on staged.summary_id = dropped.summary_id and staged.delivery_id = dropped.delivery_id
    {%- endif %}
    where staged.place = 1
)

select
    summary_id,
    delivery_id,
    origin_id,
    row_no,
    part,
    file_row,
    sample_domain,
    issued_on as known_from_on,
    least(
        lead(issued_on) over (partition by summary_id order by issued_on, origin_id), corrected_on, dropped_on
    ) as known_before_on,
    -- The line says that such counts are withdrawn: it ends earlier ones, and none of its own are counted.
    coalesce(is_withdrawal, false) as is_withdrawn,
    period_start_on,
    period_end_on,
    period_basis,
    coalesce(division_code, '370100') as division_code,
    coalesce(assessment_unit_code, '370100') as assessment_unit_code,
    division_basis,
    is_whole_city,
    sampled_place,
    in_scope,
    case when not is_all_categories then coalesce(category_code, 'unknown') end as category_code,
    category_text,
    is_tableware,
    sampling_kind,
    sampling_kind_basis,
    scope_text,
    publisher,
    monitoring_round,
    sampled_count,
    tested_count,
    passed_count,
    failed_count,
    -- Without counts of passes a rounded rate says only between which whole numbers they lie.
    coalesce(
        passed_count, greatest(ceil((published_pass_rate_pct - rounding) * tested_count / 100), 0)::bigint
    ) as passed_low_count,
    coalesce(
        passed_count, least(floor((published_pass_rate_pct + rounding) * tested_count / 100), tested_count)::bigint
    ) as passed_high_count,
    coalesce(100.0 * passed_count / tested_count, published_pass_rate_pct) as pass_rate_pct,
    published_pass_rate_pct,
    published_rate_digits
from versions
