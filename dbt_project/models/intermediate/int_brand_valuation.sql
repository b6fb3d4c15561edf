{#- What the listed brands are worth at a moment, by valuer and method version: their latest valuation that is not too
    old. Of a parent and its children only the topmost valued brand counts. One valuer and one version make the sum: the
    definition's valuer, else who has valued most of the brands; of its versions the one with most of them, so that a
    new standard takes over when it covers as many, not on its first day. -#}

with recursive listed as (
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
    from (select distinct known_at_on from {{ ref('int_brand_moment') }}) as knowledge
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

-- Brands that name each other as parent have no topmost one: the first of them stands for all.
ancestry as (
    select
        above.known_at_on,
        above.brand_uid,
        array_agg(above.ancestor_uid) as ancestors
    from above
    left join above as back
        on
            above.known_at_on = back.known_at_on
            and above.ancestor_uid = back.brand_uid
            and above.brand_uid = back.ancestor_uid
    where above.ancestor_uid <> above.brand_uid and (back.brand_uid is null or above.ancestor_uid < above.brand_uid)
    group by above.known_at_on, above.brand_uid
),

counted as (
    select
        valued.*,
        count(*) over of_scheme as scheme_count,
        array_agg(brand_uid) over of_scheme as scheme_brands
    from valued
    window of_scheme as (partition by on_date, known_at_on, measure_code, valuer_key, method_version)
)

select
    counted.on_date,
    counted.known_at_on,
    counted.measure_code,
    counted.brand_group,
    counted.list_year,
    counted.valuer,
    counted.valuer_key,
    counted.method_version,
    dense_rank() over (
        partition by counted.on_date, counted.known_at_on, counted.measure_code
        order by
            counted.valuer_key = counted.definition_valuer_key desc, counted.scheme_count desc,
            counted.method_version desc, counted.valuer_key
    ) = 1 as is_headline,
    counted.brand_uid,
    counted.enterprise_id,
    counted.value,
    counted.valued_on,
    not coalesce(ancestry.ancestors && counted.scheme_brands, false) as is_topmost
from counted
left join ancestry on counted.known_at_on = ancestry.known_at_on and counted.brand_uid = ancestry.brand_uid
