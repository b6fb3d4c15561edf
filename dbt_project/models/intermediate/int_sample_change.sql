{%- set latest = 'greatest(' ~ known_at() ~ ', ' ~ latest_known_at() ~ ')' %}
{#- What separates an earlier day of knowledge from the latest, gathered before points look at it: each day stands for
    those up to it that no point tells apart. Each sample
    has stretches of time in which the same was known of it, or nothing; from the stretch that an earlier day falls in
    to the latest version there is one cause. Side `then` takes away what counted then, `now` adds what counts now. -#}

with point_day as (
    {{ point_days() }}
),

version as (
    select
        sample_id,
        delivery_id,
        sampled_on,
        known_from_on,
        known_before_on,
        final_result,
        unjudged_reason,
        is_reinspected,
        row_number() over versions = 1 as is_first,
        lag(known_before_on) over versions as earlier_before_on
    from {{ ref('fct_sample') }}
    where
        known_from_on <= {{ latest }}
        and (known_before_on is null or known_before_on > known_from_on)
    window versions as (partition by sample_id order by known_from_on)
),

stretch as (
    select
        sample_id,
        delivery_id,
        sampled_on,
        known_from_on,
        known_before_on,
        final_result,
        unjudged_reason,
        is_reinspected
    from version
    union all
    -- Nothing is known before the first version, nor from a correction of a key to the sample's next version.
    select
        sample_id,
        null as delivery_id,
        null as sampled_on,
        earlier_before_on as known_from_on,
        known_from_on as known_before_on,
        null as final_result,
        null as unjudged_reason,
        false as is_reinspected
    from version
    where is_first or earlier_before_on < known_from_on
),

transition as (
    select
        stretch.sample_id,
        stretch.delivery_id as then_delivery_id,
        latest.delivery_id as now_delivery_id,
        stretch.sampled_on as then_sampled_on,
        stretch.known_from_on,
        stretch.known_before_on,
        case
            when stretch.delivery_id = latest.delivery_id then 'none'
            when stretch.delivery_id is null and stretch.known_from_on is null then 'new_delivery'
            -- What was held back and is put right may state a re-inspection too; that is not what moved it.
            when
                latest.is_reinspected and not stretch.is_reinspected
                and latest.final_result <> coalesce(stretch.final_result, 'none')
                and coalesce(stretch.unjudged_reason, 'none') <> 'quarantined'
                then 'reinspection'
            -- The sample was announced, its result is news.
            when stretch.unjudged_reason in ('pending', 'no_result') and latest.final_result is not null
                then 'new_delivery'
            else 'correction'
        end as cause
    from stretch
    left join version as latest
        on
            stretch.sample_id = latest.sample_id
            and (latest.known_before_on is null or latest.known_before_on > {{ latest }})
),

counted as (
    select
        sample_id,
        delivery_id,
        measure_code,
        sampled_on,
        case final_result when 'pass' then 1 else 0 end as passed
    from {{ ref('sample_measure') }}
    where final_result is not null
),

moved as (
    select
        counted.measure_code,
        'then' as side,
        transition.cause,
        counted.sampled_on,
        transition.then_sampled_on,
        transition.known_from_on,
        transition.known_before_on,
        -1 as judged_change,
        -counted.passed as passed_change
    from transition
    inner join counted
        on transition.sample_id = counted.sample_id and transition.then_delivery_id = counted.delivery_id
    where transition.cause <> 'none'
    union all
    -- Where nothing changed it still counts, in a period that was running then.
    select
        counted.measure_code,
        'now' as side,
        transition.cause,
        counted.sampled_on,
        transition.then_sampled_on,
        transition.known_from_on,
        transition.known_before_on,
        1 as judged_change,
        counted.passed as passed_change
    from transition
    inner join counted
        on transition.sample_id = counted.sample_id and transition.now_delivery_id = counted.delivery_id
),

placed as (
    select
        measure_code,
        side,
        cause,
        {{ next_point_day('sampled_on') }} as sampled_on,
        {{ next_point_day('then_sampled_on') }} as then_sampled_on,
        {{ next_point_day('known_from_on') }} as known_from_on,
        {{ next_point_day('known_before_on') }} as known_before_on,
        judged_change,
        passed_change
    from moved
    cross join point_day
)

select
    measure_code,
    side,
    cause,
    sampled_on,
    then_sampled_on,
    known_from_on,
    known_before_on,
    sum(judged_change) as judged_change,
    sum(passed_change) as passed_change
from placed
group by measure_code, side, cause, sampled_on, then_sampled_on, known_from_on, known_before_on
