-- Pass rates of evaluation sampling of food as known now, of the city and its divisions, by year, quarter and month:
-- from raw rows to the counts of marts.mart_pass_rate in one statement, as one would write it who knows these files.
-- It takes from the gate what is accepted and what is held back. What it does not look at, the sample city does not
-- have here: corrections of whole files and of single rows, withdrawals, samples without a number, what a sidecar says
-- of place or verdict. It keeps nothing, gives no interval, and cannot tell what was known on an earlier day.
with line as (
    select
        raw_row.delivery_id,
        delivery.issued_on,
        delivery.origin_id,
        btrim(raw_row.sample_no) as sample_no,
        -- A sample without a day is of the last day of its file's period.
        coalesce(
            case when pg_input_is_valid(raw_row.sampled_on, 'date') then raw_row.sampled_on::date end,
            delivery.period_end_on,
            delivery.issued_on
        ) as sampled_on,
        concat_ws(' ', raw_row.sampled_province, raw_row.sampled_division, raw_row.sampled_address) as place,
        coalesce(raw_row.sampling_kind, raw_row.task_name) as kind,
        raw_row.subcategory ~ '餐饮具' as is_tableware,
        coalesce(reinspection.result_code, stated.result_code, initial.result_code) as result_code,
        held.row_no is not null as is_held
    from raw.food_spot_checks as raw_row
    inner join ops.delivery as delivery on raw_row.delivery_id = delivery.delivery_id and delivery.status = 'accepted'
    left join reference.result_alias as stated on btrim(raw_row.result) = stated.alias
    left join reference.result_alias as initial on btrim(raw_row.initial_result) = initial.alias
    left join reference.result_alias as reinspection on btrim(raw_row.reinspection_result) = reinspection.alias
    left join (
        select distinct
            delivery_id,
            row_no
        from quarantine.row
        where source = 'food_spot_checks' and coalesce(resolution, '') not in ('passed', 'accepted')
    ) as held on raw_row.delivery_id = held.delivery_id and raw_row.row_no = held.row_no
    where raw_row.sample_no is not null
),

sample as (
    -- A sample is as many rows as it has failing items; the last delivery that has it is what counts.
    select distinct on (sample_no)
        min(sampled_on) as sampled_on,
        min(place) as place,
        min(kind) as kind,
        coalesce(bool_or(is_tableware), false) as is_tableware,
        case
            when bool_or(is_held) or bool_or(result_code not in ('pass', 'fail')) then null
            when bool_or(result_code = 'fail') then 'fail'
            when bool_or(result_code = 'pass') then 'pass'
        end as result_code
    from line
    group by sample_no, delivery_id, issued_on, origin_id
    order by sample_no, issued_on desc, origin_id desc
),

placed as (
    select
        sample.result_code,
        period.period_type,
        date_trunc(period.period_type, sample.sampled_on)::date as period_start_on,
        coalesce(division.division_code, '370100') as division_code
    from sample
    left join reference.division_name as division
        on division.name = substring(
            sample.place
            from '历下区|市中区|槐荫区|天桥区|历城区|长清区|章丘[区市]|济阳[区县]|莱[芜城]区|钢城区|平阴县|商河县'
        )
    cross join (values ('year'), ('quarter'), ('month')) as period (period_type)
    where
        sample.place ~ '济南'
        and sample.kind ~ '评价' and sample.kind !~ '跟踪|复查'
        and not sample.is_tableware
        and sample.sampled_on <= (select max(as_of_on) from ops.build)
        and sample.result_code is not null
)

select
    period_type,
    period_start_on,
    case when grouping(division_code) = 0 then 'division' else 'city' end as breakdown,
    division_code,
    count(*) as judged_count,
    count(*) filter (where result_code = 'pass') as passed_count,
    100.0 * count(*) filter (where result_code = 'pass') / count(*) as pass_rate_pct
from placed
group by grouping sets (
    (period_type, period_start_on),
    (period_type, period_start_on, division_code)
)
