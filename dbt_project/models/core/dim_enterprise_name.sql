{{ config(
    pre_hook="{{ forget_touched_enterprises() }}",
    indexes=[{'columns': ['enterprise_id']}, {'columns': ['normalized_name']}, {'columns': ['variant_key']}],
) }}
{%- do uses(['normalize_name', 'name_variant']) %}
{#- Names of each enterprise: those of its history, the first of them also before it was first seen, and those that the
    register itself lists as former ones, of no known time. -#}

with stated as (
    -- Increments ask {{ ref('stg_enterprise_registry') }} too, in a macro where dbt does not see it.
    select
        enterprise_id,
        enterprise_name,
        normalized_name,
        valid_from_on,
        observed_last_on,
        lag(normalized_name) over (partition by enterprise_id order by valid_from_on) as name_before
    from {{ ref('dim_enterprise') }} as staged
    where normalized_name is not null
        {{ only_touched_enterprises() }}
),

numbered as (
    select
        *,
        count(*) filter (where name_before is distinct from normalized_name) over (
            partition by enterprise_id order by valid_from_on
        ) as run
    from stated
),

held as (
    select
        enterprise_id,
        normalized_name,
        run,
        (array_agg(enterprise_name order by valid_from_on))[1] as enterprise_name,
        min(valid_from_on) as valid_from_on,
        max(observed_last_on) as observed_last_on
    from numbered
    group by enterprise_id, normalized_name, run
),

listed as (
    select distinct on (staged.enterprise_id, stats.normalize_name(former.name))
        staged.enterprise_id,
        btrim(former.name) as enterprise_name,
        stats.normalize_name(former.name) as normalized_name
    from {{ ref('dim_enterprise') }} as staged
    cross join lateral regexp_split_to_table(staged.former_names, '[,，、;；|]') as former (name)
    where stats.normalize_name(former.name) is not null
        and stats.normalize_name(former.name) is distinct from staged.normalized_name
        {{ only_touched_enterprises() }}
    order by staged.enterprise_id, stats.normalize_name(former.name), former.name
)

select
    enterprise_id,
    enterprise_name,
    normalized_name,
    valid_from_on,
    lead(valid_from_on) over (partition by enterprise_id order by run) as valid_before_on,
    observed_last_on,
    run = 1 as is_first,
    false as is_listed_as_former,
    stats.name_variant(normalized_name) as variant_key
from held

union all

select
    enterprise_id,
    enterprise_name,
    normalized_name,
    null::date as valid_from_on,
    null::date as valid_before_on,
    null::date as observed_last_on,
    false as is_first,
    true as is_listed_as_former,
    stats.name_variant(normalized_name) as variant_key
from listed
