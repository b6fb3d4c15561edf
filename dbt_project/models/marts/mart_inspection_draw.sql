{#- Draw audit: whether what a task drew at random looks like the directory that it was drawn from. Pearson's chi-square
    for a draw without replacement; cells that expect less than `min_expected` are one, with the smallest other where
    that is still less. Not judged below 10 drawn, or 10 cells for the drawn squared (Koehler and Larntz 1980). A draw that
    was weighted by risk class differs rightly: the audit asks, it does not accuse. -#}
{%- do uses(['chi_square_upper_tail']) %}

with limits as (
    select *
    from {{ ref('inspection_rule') }}
    where valid_from_on is null or valid_from_on <= {{ known_at() }}
    order by valid_from_on desc nulls last
    limit 1
),

inspection as (
    select *
    from {{ ref('fct_inspection') }}
    where
        is_counted
        and draw_method = 'random'
        and task_no is not null
        and dated_on <= {{ as_of() }}
        and known_from_on <= {{ known_at() }}
        and (known_before_on is null or known_before_on > {{ known_at() }})
),

task as (
    select
        task_no,
        min(task_name) as task_name,
        min(office) as office,
        min(draw_seed) as draw_seed,
        min(snapshot_id) as snapshot_id,
        min(drawn_on) as drawn_on,
        count(*) as inspection_count
    from inspection
    group by task_no
),

directory as (
    select
        {{ hash_id(['directory_kind', 'office', 'snapshot_id', 'snapshot_on']) }} as snapshot_key,
        *
    from {{ ref('fct_inspection_directory') }}
    where
        directory_kind = 'object'
        and known_from_on <= {{ known_at() }}
        and (known_before_on is null or known_before_on > {{ known_at() }})
),

snapshot as (
    select
        snapshot_key,
        office,
        snapshot_id,
        snapshot_on,
        count(*) as member_count
    from directory
    group by snapshot_key, office, snapshot_id, snapshot_on
),

-- The version that the task names, else the office's last before the draw.
used as (
    select distinct on (task.task_no)
        task.task_no,
        snapshot.snapshot_key,
        snapshot.snapshot_id,
        snapshot.snapshot_on,
        snapshot.member_count,
        case when task.snapshot_id = snapshot.snapshot_id then 'named' else 'latest' end as snapshot_basis
    from task
    inner join snapshot
        on
            task.snapshot_id = snapshot.snapshot_id
            or (
                task.snapshot_id is null
                and snapshot.snapshot_on <= task.drawn_on
                and task.office is not distinct from snapshot.office
            )
    order by
        task.task_no, (task.office is not distinct from snapshot.office) desc, snapshot.snapshot_on desc,
        snapshot.snapshot_key
),

drawn as (
    select
        inspection.task_no,
        matched.member_record_id,
        matched.division_code,
        matched.category_text
    from inspection
    inner join used on inspection.task_no = used.task_no
    inner join {{ ref('int_directory_match') }} as matched
        on inspection.inspection_record_id = matched.inspection_record_id and used.snapshot_key = matched.snapshot_key
),

cell as (
    select
        used.task_no,
        aspect.composition,
        aspect.cell,
        count(*) as directory_count
    from used
    inner join directory on used.snapshot_key = directory.snapshot_key
    cross join lateral (
        values ('division', directory.division_code), ('category', coalesce(directory.category_text, ''))
    ) as aspect (composition, cell)
    group by used.task_no, aspect.composition, aspect.cell
),

drawn_cell as (
    select
        drawn.task_no,
        aspect.composition,
        aspect.cell,
        count(distinct drawn.member_record_id) as drawn_count
    from drawn
    cross join lateral (
        values ('division', drawn.division_code), ('category', coalesce(drawn.category_text, ''))
    ) as aspect (composition, cell)
    group by drawn.task_no, aspect.composition, aspect.cell
),

expected as (
    select
        cell.*,
        coalesce(drawn_cell.drawn_count, 0) as drawn_count,
        sum(coalesce(drawn_cell.drawn_count, 0)) over of_task as n,
        sum(cell.directory_count) over of_task as whole,
        sum(coalesce(drawn_cell.drawn_count, 0)) over of_task * cell.directory_count
        / sum(cell.directory_count) over of_task as expected_count
    from cell
    left join drawn_cell
        on
            cell.task_no = drawn_cell.task_no
            and cell.composition = drawn_cell.composition
            and cell.cell = drawn_cell.cell
    window of_task as (partition by cell.task_no, cell.composition)
),

pooled as (
    select
        task_no,
        composition,
        case when is_of_rest then '' else cell end as cell,
        max(n) as n,
        max(whole) as whole,
        sum(drawn_count) as drawn_count,
        sum(n * directory_count) / max(whole) as expected_count
    from (
        select
            expected.*,
            expected_count < limits.min_expected
            or coalesce(
                sum(expected_count) over (
                    partition by task_no, composition order by expected_count, cell
                    rows between unbounded preceding and 1 preceding
                ), limits.min_expected
            ) < limits.min_expected as is_of_rest
        from expected
        cross join limits
    ) as placed
    group by task_no, composition, case when is_of_rest then '' else cell end
),

tested as (
    select
        task_no,
        composition,
        max(n) as n,
        max(whole) as whole,
        count(*) as cell_count,
        case
            when max(whole) > max(n) and count(*) > 1
                then sum((drawn_count - expected_count) ^ 2 / nullif(expected_count, 0))
                    * (max(whole) - 1) / (max(whole) - max(n))
        end as chi_square
    from pooled
    group by task_no, composition
),

judged as (
    select
        tested.*,
        tested.chi_square is not null and n >= 10 and n * n >= 10 * cell_count as is_enough,
        stats.chi_square_upper_tail(chi_square::float8, (cell_count - 1)::integer) as p_value
    from tested
)

select
    task.task_no::text as task_no,
    task.task_name::text as task_name,
    task.office::text as office,
    aspect.composition::text as composition,
    task.drawn_on::date as drawn_on,
    task.draw_seed::text as draw_seed,
    coalesce(used.snapshot_id, task.snapshot_id)::text as snapshot_id,
    used.snapshot_on::date as snapshot_on,
    used.snapshot_basis::text as snapshot_basis,
    used.member_count::bigint as directory_count,
    task.inspection_count::bigint as inspection_count,
    judged.n::bigint as drawn_count,
    case when used.task_no is not null then task.inspection_count - judged.n end::bigint as outside_count,
    judged.cell_count::bigint as cell_count,
    (judged.cell_count - 1)::bigint as degrees_of_freedom,
    judged.chi_square::numeric as chi_square,
    judged.p_value::double precision as p_value,
    limits.draw_alpha::double precision as alpha,
    case
        when used.task_no is null then 'no_directory'
        when not judged.is_enough then 'insufficient_sample'
        when judged.p_value < limits.draw_alpha then 'unlike_directory'
        else 'like_directory'
    end::text as verdict,
    {{ publication_id() }} as publication_id
from task
cross join (values ('division'), ('category')) as aspect (composition)
cross join limits
left join used on task.task_no = used.task_no
left join judged on task.task_no = judged.task_no and aspect.composition = judged.composition
