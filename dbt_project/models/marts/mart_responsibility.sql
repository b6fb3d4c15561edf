{#- Indicator by unit, role and year, with shares and divisions' targets where they are known. The flags are tested:
    where shares are given they are the whole, where divisions have targets these reach the city's. -#}

with plan as (
    select
        indicator_id,
        definition_version,
        name_zh,
        name_en,
        unit,
        target_kind,
        target_value,
        deadline_on,
        plan_start_on,
        lead_unit_zh
    from {{ ref('dim_indicator') }} as definition
    where {{ definition_in_force('definition', known_at()) }}
),

stated as (
    select
        plan.*,
        year.year,
        responsibility.role,
        responsibility.unit_zh,
        responsibility.unit_en,
        responsibility.division_code,
        responsibility.share_pct,
        responsibility.target_value as division_target,
        responsibility.basis,
        responsibility.source_zh,
        responsibility.source_en,
        coalesce(
            annual.target_value,
            case when year.year = extract(year from plan.deadline_on) then plan.target_value end
        ) as city_target
    from plan
    inner join {{ ref('responsibility') }} as responsibility
        on
            plan.indicator_id = responsibility.indicator_id
            and plan.definition_version = responsibility.definition_version
    cross join lateral generate_series(
        coalesce(responsibility.year, extract(year from plan.plan_start_on)::integer),
        coalesce(responsibility.year, extract(year from plan.deadline_on)::integer)
    ) as year (year)
    left join {{ ref('indicator_annual_target') }} as annual
        on
            plan.indicator_id = annual.indicator_id
            and plan.definition_version = annual.definition_version
            and year.year = annual.year
),

summed as (
    select
        stated.*,
        sum(share_pct) over of_year as share_sum_pct,
        sum(division_target) over of_year as division_target_sum,
        count(*) filter (where role = 'lead') over of_year as lead_count
    from stated
    window of_year as (partition by indicator_id, definition_version, year)
)

select
    summed.indicator_id::text as indicator_id,
    summed.name_zh::text as indicator_name_zh,
    summed.name_en::text as indicator_name_en,
    summed.definition_version::integer as definition_version,
    summed.year::integer as year,
    summed.role::text as role,
    term.label_zh::text as role_label_zh,
    term.label_en::text as role_label_en,
    summed.unit_zh::text as unit_zh,
    summed.unit_en::text as unit_en,
    summed.division_code::text as division_code,
    summed.share_pct::numeric as share_pct,
    summed.division_target::numeric as division_target,
    summed.unit::text as target_unit,
    summed.city_target::numeric as city_target,
    summed.share_sum_pct::numeric as share_sum_pct,
    (summed.share_sum_pct = 100)::boolean as is_share_whole,
    summed.division_target_sum::numeric as division_target_sum,
    -- Counts and sums add up over divisions; rates, scores and ranks do not.
    case
        when {{ is_of_a_date('summed.target_kind') }} then summed.division_target_sum >= summed.city_target
    end::boolean as is_target_covered,
    (summed.lead_count = 1)::boolean as has_one_lead,
    case when summed.role = 'lead' then summed.unit_zh = summed.lead_unit_zh end::boolean as is_lead_of_definition,
    summed.basis::text as basis,
    summed.source_zh::text as source_zh,
    summed.source_en::text as source_en,
    {{ publication_id() }} as publication_id
from summed
left join {{ ref('brand_term') }} as term on term.kind = 'role' and summed.role = term.code
