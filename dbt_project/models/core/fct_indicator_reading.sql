{{ config(
    pre_hook="{{ forget_touched_keys('indicator_readings', 'reading_id') }}",
    indexes=[{'columns': ['reading_id', 'delivery_id'], 'unique': true}],
) }}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

stated as (
    -- The same value twice in one delivery: the last row stands, as in a table that was added to.
    select distinct on (staged.reading_id, staged.delivery_id)
        staged.*,
        corrected.corrected_on
    from {{ ref('stg_indicator_readings') }} as staged
    left join quarantined
        on staged.delivery_id = quarantined.delivery_id and staged.row_no = quarantined.row_no
    left join corrected
        on staged.delivery_id = corrected.delivery_id and staged.row_no = corrected.row_no
    where quarantined.row_no is null
        and staged.subject_code is not null
        and staged.period_end_on is not null
        and staged.delivery_id = any({{ accepted_deliveries('indicator_readings') }})
        {{ only_touched_keys('indicator_readings', 'reading_id') }}
    order by staged.reading_id, staged.delivery_id, staged.row_no desc
),

known as (
    select
        stated.*,
        -- The first that tells a value may tell one that was public before; what corrects it is known from its own day.
        case
            when lag(delivery_id) over versions is null then least(published_on, issued_on)
            else issued_on
        end as known_from_on,
        least(lead(issued_on) over versions, corrected_on) as known_before_on,
        0.5 * power(10::numeric, -published_digits) as rounding
    from stated
    window versions as (partition by reading_id order by issued_on, origin_id)
)

select
    reading_id,
    delivery_id,
    origin_id,
    row_no,
    part,
    file_row,
    known_from_on,
    known_before_on,
    subject_code,
    subject_kind,
    measure_code,
    period_start_on,
    period_end_on,
    period_basis,
    case
        when subject_code = 'I08' then rank
        when numerator is not null and denominator > 0 and subject_code like 'Q%' then 100.0 * numerator / denominator
        else value
    end as value,
    unit,
    numerator,
    denominator,
    -- A rate published with its base says between which whole numbers the passes lie.
    case when denominator > 0 then coalesce(numerator, greatest(ceil((value - rounding) * denominator / 100), 0)) end
        as numerator_low,
    case
        when denominator > 0
            then coalesce(numerator, least(floor((value + rounding) * denominator / 100), denominator))
    end as numerator_high,
    -- How far the unrounded value may lie from the published one.
    case when numerator is null or coalesce(denominator, 0) = 0 then rounding end as rounding,
    rank,
    ranked_count,
    score,
    national_mean,
    division_code,
    in_scope,
    document,
    published_on,
    owner_unit,
    remark
from known
