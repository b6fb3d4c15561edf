{{ config(
    pre_hook="{{ forget_touched_spot_checks('sample_id') }}",
    indexes=[
        {'columns': ['sample_id', 'delivery_id'], 'unique': true},
        {'columns': ['sample_domain', 'sampling_kind', 'sampled_on']},
    ],
) }}
{%- set endings = endings(spot_check_sources()) | trim %}

with quarantined as (
    {{ quarantined_rows() }}
),

corrected as (
    {{ corrected_rows() }}
),

accepted as (
    {{ accepted_spot_checks('sample_id') }}
),

staged as (
    select
        accepted.*,
        quarantined.row_no is not null as is_quarantined,
        corrected.corrected_on
    from accepted
    left join quarantined
        on accepted.delivery_id = quarantined.delivery_id and accepted.row_no = quarantined.row_no
    left join corrected
        on accepted.delivery_id = corrected.delivery_id and accepted.row_no = corrected.row_no
),

described as (
    -- What all rows of a sample say alike: the first row that says it.
    select
        sample_id,
        sample_domain,
        delivery_id,
        origin_id,
        issued_on,
        count(distinct row_no) as row_count,
        count(distinct row_no) filter (where is_quarantined) as quarantined_row_count,
        -- Known when the last of its rows is corrected; while one stands, so does the sample.
        case when bool_and(corrected_on is not null) then max(corrected_on) end as corrected_on,
        bool_or(in_scope) as in_scope,
        bool_or(is_tableware) as is_tableware,
        bool_or(record_domain = 'foreign_alert') as is_foreign_alert,
        coalesce(bool_or(is_withdrawal), false) as is_withdrawal,
        coalesce(bool_or(attribution_status = 'disputed'), false) as is_disputed,
        coalesce(bool_or(is_producer_masked), false) as is_producer_masked,
        bool_or(final_result_code = 'fail') filter (where not is_quarantined) as has_failure,
        bool_or(final_result_code = 'pass') filter (where not is_quarantined) as has_pass,
        bool_or(initial_result_code = 'fail') filter (where not is_quarantined) as has_initial_failure,
        bool_or(reinspection_result_code is not null) filter (where not is_quarantined) as is_reinspected,
        count(distinct item_name) filter (where item_result_code = 'fail' and not is_quarantined)
            as failed_item_count,
        max(notified_on) as notified_on,
        {% for column in [
            'sample_no', 'product_name', 'producer_name', 'producer_uscc', 'producer_party_id', 'sampled_name',
            'sampled_uscc', 'sampled_party_id', 'division_code', 'assessment_unit_code', 'division_basis', 'sampled_place', 'category_code', 'category_text', 'subcategory_text',
            'sampled_on', 'sampled_on_basis', 'sampling_kind', 'sampling_kind_basis', 'task_text', 'notice_no',
            'published_on', 'monitoring_round', 'unjudged_reason',
        ] -%}
        (array_agg({{ column }} order by is_quarantined, row_no) filter (where {{ column }} is not null))[1]
            as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from staged
    group by sample_id, sample_domain, delivery_id, origin_id, issued_on
),

placed as (
    select
        described.*,
        lag(delivery_id) over versions is not null as has_earlier,
        lead(delivery_id) over versions is not null as has_later
    from described
    window versions as (partition by sample_id order by issued_on, origin_id)
),

standing as (
    -- Rows that had the key of another sample by mistake give way: that sample's own version counts again.
    select *
    from placed
    where corrected_on is null or has_later or not has_earlier
),

judged as (
    select
        standing.*,
        case
            when quarantined_row_count > 0 then 'quarantined'
            when is_foreign_alert then 'foreign_alert'
            -- An item without a standard takes nothing from a sample that fails on another.
            when unjudged_reason = 'no_standard' and has_failure then null
            when unjudged_reason is not null then unjudged_reason
            when coalesce(has_failure, false) or coalesce(has_pass, false) then null
            else 'no_result'
        end as reason
    from standing
),
{% if endings %}
ending (ending_id, ending_origin_id, ended_on, corrected_id) as (
    {{ endings }}
),

ended as (
    -- What a corrected file no longer holds, unless another delivery has said something in between.
    select
        held.sample_id,
        held.delivery_id as described_in_id,
        ending.ending_id,
        ending.ending_origin_id,
        ending.ended_on,
        'dropped_by_correction' as ending_reason,
        0::bigint as ending_row_count
    from ending
    inner join judged as held on ending.corrected_id = held.delivery_id
    where (held.issued_on, held.origin_id) < (ending.ended_on, ending.ending_origin_id)
        and not exists (
            select 1
            from judged as other
            where other.sample_id = held.sample_id
                and (
                    other.delivery_id = ending.ending_id
                    or (
                        (other.issued_on, other.origin_id) > (held.issued_on, held.origin_id)
                        and (other.issued_on, other.origin_id) < (ending.ended_on, ending.ending_origin_id)
                    )
                )
        )
    union all
    -- A list of what is withdrawn describes little: the sample is what was known of it before.
    (
        select distinct on (withdrawal.sample_id, withdrawal.delivery_id)
            withdrawal.sample_id,
            earlier.delivery_id as described_in_id,
            withdrawal.delivery_id as ending_id,
            withdrawal.origin_id as ending_origin_id,
            withdrawal.issued_on as ended_on,
            withdrawal.reason as ending_reason,
            withdrawal.row_count as ending_row_count
        from judged as withdrawal
        inner join judged as earlier
            on
                withdrawal.sample_id = earlier.sample_id
                and not earlier.is_withdrawal
                and (earlier.issued_on, earlier.origin_id) < (withdrawal.issued_on, withdrawal.origin_id)
        where withdrawal.is_withdrawal and withdrawal.quarantined_row_count = 0
        order by withdrawal.sample_id, withdrawal.delivery_id, earlier.issued_on desc, earlier.origin_id desc
    )
),
{% endif %}
versions as (
    select
        judged.*,
        null::bigint as ending_id,
        null::bigint as ending_origin_id,
        null::date as ended_on,
        null::text as ending_reason,
        null::bigint as ending_row_count
    from judged
    {%- if endings %}
    where not exists (
        select 1 from ended where ended.sample_id = judged.sample_id and ended.ending_id = judged.delivery_id
    )
    union all
    select
        judged.*,
        ended.ending_id,
        ended.ending_origin_id,
        ended.ended_on,
        ended.ending_reason,
        ended.ending_row_count
    from ended
    inner join judged on ended.sample_id = judged.sample_id and ended.described_in_id = judged.delivery_id
    {%- endif %}
),

dated as (
    select
        versions.*,
        delivery_id as described_in_id,
        coalesce(ending_id, delivery_id) as stating_id,
        coalesce(ending_origin_id, origin_id) as stating_origin_id,
        coalesce(ended_on, issued_on) as stated_on,
        coalesce(ending_reason, reason) as final_reason
    from versions
)

select
    sample_id,
    stating_id as delivery_id,
    stating_origin_id as origin_id,
    -- Whose rows describe it: of a sample that was withdrawn or dropped, those of the delivery before.
    described_in_id,
    sample_domain,
    stated_on as known_from_on,
    -- Half-open; equal dates give an empty interval, so the later arrival counts. What its correction gave another key
    -- ends with it.
    least(
        lead(stated_on) over (partition by sample_id order by stated_on, stating_origin_id),
        case when ending_id is null then corrected_on end
    ) as known_before_on,
    sample_no,
    product_name,
    producer_name,
    producer_uscc,
    is_producer_masked,
    -- Whether the named producer says that it is not theirs.
    case
        when producer_name is null then null
        when is_disputed then 'disputed'
        else 'stated'
    end as attribution_status,
    producer_party_id,
    sampled_name,
    sampled_uscc,
    sampled_party_id,
    sampled_place,
    coalesce(division_code, '370100') as division_code,
    coalesce(assessment_unit_code, '370100') as assessment_unit_code,
    division_basis,
    in_scope,
    category_code,
    category_text,
    subcategory_text,
    is_tableware,
    sampled_on,
    sampled_on_basis,
    sampling_kind,
    sampling_kind_basis,
    task_text,
    notice_no,
    monitoring_round,
    -- Read by the calendar of publication; what names no day was public with its delivery.
    coalesce(published_on, issued_on) as published_on,
    final_reason is null as is_judged,
    final_reason as unjudged_reason,
    case
        when final_reason is not null then null
        when has_failure then 'fail'
        else 'pass'
    end as final_result,
    case
        when final_reason is not null then null
        when has_initial_failure then 'fail'
        else 'pass'
    end as initial_result,
    coalesce(is_reinspected, false) as is_reinspected,
    case when ending_id is null then failed_item_count else 0 end as failed_item_count,
    -- A failure can still be contested from the day that the party, else the public, learnt of it.
    case
        when final_reason is null and has_failure and not coalesce(is_reinspected, false)
            then coalesce(notified_on, published_on, issued_on)
    end as contestable_from_on,
    coalesce(ending_row_count, row_count) as row_count,
    case when ending_id is null then quarantined_row_count else 0 end as quarantined_row_count
from dated
