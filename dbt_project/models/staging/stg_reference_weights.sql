{{ config(
    pre_hook="{{ forget_landed_deliveries('reference_weights') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['weight_id']},
    ],
) }}
{%- do uses(['cell_value', 'parse_number']) %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('reference_weights') }})
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        delivery.origin_id,
        delivery.issued_on,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {% for column in ['weight_set', 'scheme', 'code', 'name', 'value', 'unit', 'base_year', 'document'] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ source('raw', 'reference_weights') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('reference_weights') }})
),

dated as (
    select
        cells.*,
        case when base_year ~ '^(19|20)[0-9]{2}年?$' then left(base_year, 4)::integer end as base_year_number
    from cells
)

select
    delivery_id,
    row_no,
    1::smallint as item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    case
        when weight_set is null or scheme is null or code is null or base_year is null
            then {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
        -- 2019 and 2019年 are one year: a correction may spell it otherwise.
        else {{ hash_id(['weight_set', 'scheme', 'code', 'coalesce(base_year_number::text, base_year)']) }}
    end as weight_id,
    weight_set,
    scheme,
    code,
    name,
    value as value_text,
    stats.parse_number(value) as value,
    unit,
    base_year as base_year_text,
    base_year_number as base_year,
    document,
    has_surplus_fields
from dated
