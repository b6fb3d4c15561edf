{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{#- What the listed brands are worth at a moment, by valuer and method version: their latest valuation that is not too
    old. Of a parent and its children only the topmost valued brand counts. One valuer and one version make the sum: the
    definition's valuer, else who has valued most of the brands; of its versions the one with most of them, so that a
    new standard takes over when it covers as many, not on its first day. -#}

with recursive moment as (
    select distinct
        on_date,
        known_at_on
    from {{ ref('int_brand_moment') }}
),

listed as (
    select
        standing.on_date,
        standing.known_at_on,
        standing.brand_uid,
        standing.brand_group,
        standing.list_year,
        standing.enterprise_id,
        rule.measure_code,
        stats.normalize_name(rule.valuer) as definition_valuer_key,
        make_interval(months => rule.max_age_months) as max_age
    from {{ ref('int_brand_standing') }} as standing
    inner join {{ ref('brand_value_rule') }} as rule on standing.brand_group = rule.brand_group
    inner join moment on standing.on_date = moment.on_date and standing.known_at_on = moment.known_at_on
    where standing.level_code = 'provincial'
),

valued as (
    select distinct on (
        listed.on_date, listed.known_at_on, listed.brand_uid, coalesce(record.valuer_key, ''), record.method_version
    )
        listed.*,
        record.valuer,
        coalesce(record.valuer_key, '') as valuer_key,
        record.method_version,
        record.brand_value as value,
        record.valued_on
    from listed
    inner join {{ ref('brand_record') }} as record
        on
            listed.brand_uid = record.brand_uid
            and {{ is_known('record', 'listed.known_at_on') }}
            and record.valued_on between listed.on_date - listed.max_age and listed.on_date
    where {{ is_valuation('record') }}
    order by
        listed.on_date, listed.known_at_on, listed.brand_uid, coalesce(record.valuer_key, ''), record.method_version,
        record.valued_on desc, record.known_from_on desc, record.origin_id desc, record.row_no desc
),

-- Who belongs to whom, as it was known; a chain may go through brands that nobody valued.
link as (
    select distinct
        knowledge.known_at_on,
        record.brand_uid,
        record.parent_uid
    from (select distinct known_at_on from moment) as knowledge
    inner join {{ ref('brand_record') }} as record on {{ is_known('record', 'knowledge.known_at_on') }}
    where not record.is_quarantined and record.parent_uid <> record.brand_uid
),

above (known_at_on, brand_uid, ancestor_uid) as (
    select
        known_at_on,
        brand_uid,
        parent_uid
    from link
    union
    select
        above.known_at_on,
        above.brand_uid,
        link.parent_uid
    from above
    inner join link on above.known_at_on = link.known_at_on and above.ancestor_uid = link.brand_uid
),

-- Brands that name each other as parent have no topmost one: the greatest value stands for them.
covered as (
    select distinct
        child.on_date,
        child.known_at_on,
        child.valuer_key,
        child.method_version,
        child.brand_uid
    from valued as child
    inner join above on child.known_at_on = above.known_at_on and child.brand_uid = above.brand_uid
    inner join valued as parent
        on
            above.ancestor_uid = parent.brand_uid
            and child.on_date = parent.on_date
            and child.known_at_on = parent.known_at_on
            and child.measure_code = parent.measure_code
            and child.valuer_key = parent.valuer_key
            and child.method_version = parent.method_version
    left join above as back
        on
            above.known_at_on = back.known_at_on
            and above.ancestor_uid = back.brand_uid
            and above.brand_uid = back.ancestor_uid
    where
        parent.brand_uid <> child.brand_uid
        and (back.brand_uid is null or (parent.value, parent.brand_uid) > (child.value, child.brand_uid))
),

scheme as (
    select
        on_date,
        known_at_on,
        measure_code,
        valuer_key,
        method_version,
        row_number() over (
            partition by on_date, known_at_on, measure_code
            order by
                valuer_key = definition_valuer_key desc, count(*) desc, method_version desc, valuer_key
        ) as place
    from valued
    group by on_date, known_at_on, measure_code, valuer_key, method_version, definition_valuer_key
)

select
    valued.on_date,
    valued.known_at_on,
    valued.measure_code,
    valued.brand_group,
    valued.list_year,
    valued.valuer,
    valued.valuer_key,
    valued.method_version,
    scheme.place = 1 as is_headline,
    valued.brand_uid,
    valued.enterprise_id,
    valued.value,
    valued.valued_on,
    covered.brand_uid is null as is_topmost
from valued
inner join scheme
    on
        valued.on_date = scheme.on_date
        and valued.known_at_on = scheme.known_at_on
        and valued.measure_code = scheme.measure_code
        and valued.valuer_key = scheme.valuer_key
        and valued.method_version = scheme.method_version
left join covered
    on
        valued.on_date = covered.on_date
        and valued.known_at_on = covered.known_at_on
        and valued.valuer_key = covered.valuer_key
        and valued.method_version = covered.method_version
        and valued.brand_uid = covered.brand_uid
