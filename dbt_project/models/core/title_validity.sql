{{ config(
    materialized='table',
    indexes=[{'columns': ['title_record_id', 'delivery_id', 'known_from_on', 'located_from_on'], 'unique': true}],
) }}
{#- What may be counted at a date as known at a date: every grant, by whom it is held, where its holder was, and when it
    ends. One row per version of a grant, span of knowledge and span of place: `valid_` is the title's own, `located_` the
    place's, `known_` what was known of both. -#}

with record as (
    select
        fact.*,
        bridge.enterprise_id,
        coalesce(bridge.enterprise_id, bridge.subject_id, fact.party_id) as holder_id,
        coalesce(bridge.link_status, 'unlinked') as link_status
    from {{ ref('fct_enterprise_title') }} as fact
    left join {{ ref('bridge_party_enterprise') }} as bridge on fact.party_id = bridge.party_id
    where not fact.is_quarantined
        and fact.title_code is not null
        -- Two versions of one day: the earlier was never known.
        and (fact.known_before_on is null or fact.known_from_on < fact.known_before_on)
),

held as (
    select * from record
    where is_grant
),

-- 撤销 and 退出. A certificate number says which certificate ends; without one on either side it is all that the holder
-- had of that title on that day. 复核不通过 and 过期 add nothing to what the validity says.
ended as (
    select
        held.title_record_id,
        held.delivery_id,
        greatest(ending.known_from_on, held.known_from_on) as known_from_on,
        ending.known_before_on,
        ending.status_code,
        ending.ended_on
    from held
    inner join record as ending
        on
            held.title_code = ending.title_code
            and upper(held.certificate_no) = upper(ending.certificate_no)
    where ending.ended_on is not null

    union all

    select
        held.title_record_id,
        held.delivery_id,
        greatest(ending.known_from_on, held.known_from_on) as known_from_on,
        ending.known_before_on,
        ending.status_code,
        ending.ended_on
    from held
    inner join record as ending
        on held.title_code = ending.title_code and held.holder_id = ending.holder_id
    where ending.ended_on is not null
        and (held.certificate_no is null or ending.certificate_no is null)
        and held.valid_from_on <= ending.ended_on
        and (ending.level_basis <> 'stated' or held.level_code = ending.level_code)
),

moment as (
    select
        title_record_id,
        delivery_id,
        known_from_on as moment_on
    from held
    union
    select
        title_record_id,
        delivery_id,
        known_from_on as moment_on
    from ended
    union
    select
        title_record_id,
        delivery_id,
        known_before_on as moment_on
    from ended
    where known_before_on is not null
),

spell as (
    select
        held.*,
        moment.moment_on,
        coalesce(
            lead(moment.moment_on) over (
                partition by moment.title_record_id, moment.delivery_id order by moment.moment_on
            ),
            held.known_before_on
        ) as moment_before_on
    from moment
    inner join held on moment.title_record_id = held.title_record_id and moment.delivery_id = held.delivery_id
    where moment.moment_on >= held.known_from_on
        and (held.known_before_on is null or moment.moment_on < held.known_before_on)
),

dated as (
    select
        spell.*,
        ending.ended_on as withdrawn_on,
        ending.status_code as ending_status
    from spell
    left join lateral (
        -- The earliest end that is known in the spell.
        select
            ended.ended_on,
            ended.status_code
        from ended
        where ended.title_record_id = spell.title_record_id
            and ended.delivery_id = spell.delivery_id
            and ended.known_from_on <= spell.moment_on
            and (ended.known_before_on is null or ended.known_before_on > spell.moment_on)
        order by ended.ended_on, ended.status_code
        limit 1
    ) as ending on true
),

-- Where the holder is: the register's intervals, each known from its own day, and until that day the one before. What
-- the register does not say of a day is said by the list.
register as (
    select
        enterprise_id,
        valid_from_on,
        valid_before_on,
        division_code,
        in_scope,
        min(valid_from_on) over (partition by enterprise_id) as first_on
    from {{ ref('dim_enterprise') }}
    where enterprise_id in (select enterprise_id from held)
),

place as (
    select
        enterprise_id,
        division_code,
        in_scope,
        valid_from_on as located_from_on,
        valid_before_on as located_before_on,
        valid_from_on as place_known_from_on,
        null::date as place_known_before_on
    from register
    union all
    select
        enterprise_id,
        division_code,
        in_scope,
        valid_before_on as located_from_on,
        null::date as located_before_on,
        valid_from_on as place_known_from_on,
        valid_before_on as place_known_before_on
    from register
    where valid_before_on is not null
),

located as (
    select
        dated.*,
        'register' as location_basis,
        place.division_code as located_division_code,
        place.in_scope as is_located_here,
        place.located_from_on,
        place.located_before_on,
        place.place_known_from_on,
        place.place_known_before_on
    from dated
    inner join place on dated.enterprise_id = place.enterprise_id

    union all

    select
        dated.*,
        'list' as location_basis,
        dated.division_code as located_division_code,
        dated.in_scope as is_located_here,
        null::date as located_from_on,
        first_seen.first_on as located_before_on,
        null::date as place_known_from_on,
        null::date as place_known_before_on
    from dated
    left join (
        select distinct
            enterprise_id,
            first_on
        from register
    ) as first_seen on dated.enterprise_id = first_seen.enterprise_id

    union all

    select
        dated.*,
        'list' as location_basis,
        dated.division_code as located_division_code,
        dated.in_scope as is_located_here,
        first_seen.first_on as located_from_on,
        null::date as located_before_on,
        null::date as place_known_from_on,
        first_seen.first_on as place_known_before_on
    from dated
    inner join (
        select distinct
            enterprise_id,
            first_on
        from register
    ) as first_seen on dated.enterprise_id = first_seen.enterprise_id
)

select
    title_record_id,
    delivery_id,
    row_no,
    part,
    file_row,
    party_id,
    holder_id,
    enterprise_id,
    link_status,
    enterprise_name,
    enterprise_name_key,
    uscc,
    title_code,
    family,
    level_code,
    level_order,
    status_code,
    batch_text,
    list_year,
    certificate_no,
    recognised_on,
    valid_from_on,
    least(valid_before_on, withdrawn_on) as valid_before_on,
    case
        when withdrawn_on < valid_before_on or (withdrawn_on is not null and valid_before_on is null) then ending_status
        else valid_before_on_basis
    end as valid_before_on_basis,
    valid_before_on as stated_valid_before_on,
    withdrawn_on,
    located_division_code as division_code,
    is_located_here as in_scope,
    location_basis,
    located_from_on,
    located_before_on,
    greatest(moment_on, place_known_from_on) as known_from_on,
    least(moment_before_on, place_known_before_on) as known_before_on
from located
where greatest(moment_on, place_known_from_on) < coalesce(least(moment_before_on, place_known_before_on), 'infinity')
