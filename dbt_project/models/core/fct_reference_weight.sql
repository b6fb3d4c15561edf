{{ config(
    pre_hook="{{ forget_touched_keys('reference_weights', 'weight_id') }}",
    indexes=[{'columns': ['weight_id', 'delivery_id'], 'unique': true}],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

staged as (
    select
        staged.*,
        row_number() over (partition by staged.weight_id, staged.delivery_id order by staged.row_no desc) as place
    from {{ ref('stg_reference_weights') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    where quarantined.row_no is null
        and staged.delivery_id = any({{ accepted_deliveries('reference_weights') }})
        {{ only_touched_keys('reference_weights', 'weight_id') }}
)

select
    weight_id,
    delivery_id,
    origin_id,
    row_no,
    part,
    file_row,
    issued_on as known_from_on,
    lead(issued_on) over (partition by weight_id order by issued_on, origin_id) as known_before_on,
    weight_set,
    scheme,
    code,
    name,
    value,
    unit,
    base_year,
    document
from staged
where place = 1
