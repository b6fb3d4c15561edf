{{ config(materialized='table', indexes=[{'columns': ['brand_uid']}]) }}
{#- Which records are of one brand, and who holds it. A brand is a name in one hand: the enterprise that its holder is
    linked to; of holders that are linked to none, those of one code, or of one name that only one code bears, are one.
    A record without a holder is of the only brand of that name; one without a brand, of the only brand that its holder
    is known by. Like links it is today's knowledge, whatever day is asked about: who somebody is does not change. -#}

with holder as (
    select distinct
        record.party_id,
        record.party_name_key,
        record.holder_uscc,
        case when bridge.link_status = 'linked' then bridge.enterprise_id end as enterprise_id,
        coalesce(bridge.link_status, 'unmatchable') as link_status
    from {{ ref('fct_brand_record') }} as record
    left join {{ ref('bridge_party_enterprise') }} as bridge on record.party_id = bridge.party_id
    where record.party_id is not null
),

-- A name that one code alone bears stands for that code.
named_code as (
    select
        party_name_key,
        min(holder_uscc) as holder_uscc
    from holder
    where enterprise_id is null and party_name_key is not null
    group by party_name_key
    having count(distinct holder_uscc) = 1
),

held as (
    select
        holder.party_id,
        holder.enterprise_id,
        holder.link_status,
        coalesce(
            holder.enterprise_id,
            (min(holder.party_id::text) over (
                partition by
                    holder.enterprise_id is null,
                    coalesce(holder.holder_uscc, named_code.holder_uscc, holder.party_name_key)
            ))::uuid
        ) as holder_id
    from holder
    left join named_code on holder.party_name_key = named_code.party_name_key
),

-- Brands that some record names in full.
named as (
    select distinct
        record.brand_key,
        held.holder_id,
        record.record_kind = 'cultivation' as is_listed
    from {{ ref('fct_brand_record') }} as record
    inner join held on record.party_id = held.party_id
    where not record.is_brand_imputed and record.brand_key is not null and not record.is_quarantined
),

-- What a holder without a brand's name stands for: a brand of its on the lists, else the only one that it has at all.
named_of_holder as (
    select
        holder_id,
        coalesce(
            min(brand_key) filter (where is_listed),
            case when count(distinct brand_key) = 1 then min(brand_key) end
        ) as brand_key
    from named
    group by holder_id
),

-- Whose a brand is of which only the name is told.
holder_of_name as (
    select
        brand_key,
        min(holder_id::text)::uuid as holder_id
    from named
    group by brand_key
    having count(distinct holder_id) = 1
),

resolved as (
    select
        record.*,
        coalesce(held.holder_id, holder_of_name.holder_id) as holder_id,
        held.enterprise_id,
        coalesce(held.link_status, 'unmatchable') as link_status,
        coalesce(case when record.is_brand_imputed then named_of_holder.brand_key end, record.brand_key)
            as brand_uid_key
    from {{ ref('fct_brand_record') }} as record
    left join held on record.party_id = held.party_id
    left join named_of_holder on held.holder_id = named_of_holder.holder_id
    left join holder_of_name on record.party_id is null and record.brand_key = holder_of_name.brand_key
),

-- Brands by name, for finding the one that a record says it belongs to: its holder's own first.
borne as (
    select distinct
        brand_uid_key,
        holder_id
    from resolved
    where brand_uid_key is not null and holder_id is not null
),

only_borne as (
    select
        brand_uid_key,
        min(holder_id::text)::uuid as holder_id
    from borne
    group by brand_uid_key
    having count(*) = 1
)

select
    resolved.*,
    case
        when resolved.brand_uid_key is not null
            then {{ hash_id(["'brand'", 'resolved.brand_uid_key', 'resolved.holder_id']) }}
    end as brand_uid,
    case
        when own_parent.brand_uid_key is not null
            then {{ hash_id(["'brand'", 'own_parent.brand_uid_key', 'own_parent.holder_id']) }}
        when only_parent.brand_uid_key is not null
            then {{ hash_id(["'brand'", 'only_parent.brand_uid_key', 'only_parent.holder_id']) }}
    end as parent_uid
from resolved
left join borne as own_parent
    on resolved.parent_brand_key = own_parent.brand_uid_key and resolved.holder_id = own_parent.holder_id
left join only_borne as only_parent on resolved.parent_brand_key = only_parent.brand_uid_key
