{{ config(
    pre_hook="{{ forget_touched_keys('brand_records', 'brand_record_id') }}",
    indexes=[
        {'columns': ['brand_record_id', 'delivery_id', 'row_no'], 'unique': true},
        {'columns': ['party_id']},
    ],
) }}
{%- do uses(['is_uscc']) %}
{#- Rows that are held back stay, marked: they say nothing, but what they may say is the worst case of a count. -#}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

read as (
    select
        staged.*,
        case when stats.is_uscc(staged.holder_uscc) then staged.holder_uscc end as valid_uscc,
        corrected.corrected_on,
        quarantined.row_no is not null as is_quarantined,
        -- The same record twice in one delivery: the last row stands, as in a table that was added to.
        row_number() over (
            partition by staged.brand_record_id, staged.delivery_id, quarantined.row_no is not null
            order by staged.row_no desc
        ) as place
    from {{ ref('stg_brand_records') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join corrected
        on staged.delivery_id = corrected.delivery_id and staged.row_no = corrected.row_no
    where staged.delivery_id = any({{ accepted_deliveries('brand_records') }})
        {{ only_touched_keys('brand_records', 'brand_record_id') }}
),

known as (
    select
        read.*,
        -- A version holds until the next that may speak; so does the doubt about one that may not.
        least(
            min(issued_on) filter (where not is_quarantined) over (
                partition by brand_record_id order by issued_on, origin_id
                rows between 1 following and unbounded following
            ),
            corrected_on
        ) as known_before_on,
        min(issued_on) filter (where not is_quarantined) over (partition by brand_record_id) as first_issued_on,
        -- Versions that name no place are where the one before them was: a notice of a revocation has no addresses.
        count(*) filter (where division_basis <> 'unknown') over (
            partition by brand_record_id order by issued_on, origin_id, is_quarantined
        ) as place_no
    from read
    where place = 1
),

placed as (
    select
        known.*,
        first_value(division_code) over of_place as last_division_code,
        first_value(division_basis) over of_place as last_division_basis,
        first_value(in_scope) over of_place as is_last_in_scope
    from known
    window of_place as (partition by brand_record_id, place_no order by issued_on, origin_id, is_quarantined)
)

select
    brand_record_id,
    delivery_id,
    origin_id,
    row_no,
    part,
    file_row,
    issued_on as known_from_on,
    known_before_on,
    corrected_on,
    is_quarantined,
    record_kind,
    brand_key,
    brand_name,
    is_brand_imputed,
    {{ party_id('party_name_key', 'valid_uscc') }} as party_id,
    party_name_key,
    party_name,
    valid_uscc as holder_uscc,
    last_division_code as division_code,
    last_division_basis as division_basis,
    is_last_in_scope as in_scope,
    brand_class,
    case when brand_class = 'service' then 'service' when brand_class is not null then 'product' end as brand_group,
    list_year,
    -- From which day an entry counts: that of its list, which is of that year however late it was issued.
    case
        when record_kind = 'cultivation' or record_kind is null
            then greatest(
                least(coalesce(first_issued_on, issued_on), make_date(list_year, 12, 31)), make_date(list_year, 1, 1)
            )
        when record_kind = 'valuation' then valued_on
        -- Who states no beginning is known from the first document on.
        else coalesce(valid_from_on, first_issued_on, issued_on)
    end as counts_from_on,
    level_code,
    level_basis,
    tier_code,
    status_code,
    brand_value,
    valuer,
    stats.normalize_name(valuer) as valuer_key,
    valued_on,
    method_version,
    method_version_basis,
    certificate_no,
    certified_scope,
    valid_from_on,
    valid_before_on,
    valid_before_on_basis,
    base_name,
    base_key,
    parent_brand,
    parent_brand_key,
    award_text,
    award_level,
    payee_person,
    document,
    remark
from placed
