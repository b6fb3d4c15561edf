{#- What the plan owes for new awards, each with the row that says so. Paid is the first award of a title to a payee;
    what is not paid stands with its reason. The annual budget is a line of its own and is never added to awards. -#}

with award as (
    select
        rule.award_code,
        rule.payee_kind,
        rule.amount_yuan,
        rule.valid_from_on as rule_from_on,
        rule.valid_before_on as rule_before_on,
        record.brand_record_id,
        record.counts_from_on as awarded_on,
        record.award_level,
        case rule.payee_kind
            when 'person' then md5(record.payee_person)::uuid
            else coalesce(record.enterprise_id, record.holder_id)
        end as payee_id,
        -- Of a person nothing but the keyed hash is known, and of a household neither.
        case when rule.payee_kind = 'organisation' and record.party_name !~ '^[0-9a-f]{32}$' then record.party_name end
            as payee_name,
        case when rule.payee_kind = 'organisation' then record.enterprise_id end as enterprise_id,
        case when rule.payee_kind = 'organisation' then record.link_status end as link_status,
        record.division_code,
        coalesce(record.base_key, record.brand_uid::text) as subject_uid,
        coalesce(record.base_name, case when record.record_kind = 'certificate' then record.brand_name end) as subject,
        record.certificate_no,
        record.delivery_id,
        record.part,
        record.file_row,
        record.document,
        record.known_from_on,
        told.first_status,
        told.was_valid,
        {{ has_ended('record.status_code') }} as has_ended
    from {{ ref('brand_record') }} as record
    inner join {{ ref('incentive_rule') }} as rule
        on
            record.record_kind = rule.record_kind
            and case record.award_level
                when 'nomination' then case when record.payee_person is null then 'organisation' else 'person' end
                else record.award_level
            end is not distinct from rule.award_level
    cross join lateral (
        -- A document that finds it revoked proves no award, one before it may; what has expired was in force. A renewal
        -- of what an earlier document awards takes nothing back.
        select
            (array_agg(version.status_code order by version.known_from_on, version.origin_id))[1] as first_status,
            bool_or(
                version.status_code = 'expired' or not coalesce({{ has_ended('version.status_code') }}, false)
            ) as was_valid
        from {{ ref('brand_record') }} as version
        where
            version.brand_record_id = record.brand_record_id
            and not version.is_quarantined
            and version.known_from_on <= {{ known_at() }}
    ) as told
    where
        {{ is_known('record', known_at()) }}
        and record.counts_from_on <= {{ as_of() }}
        and not record.is_quarantined
        -- The city's own award has no place in each row.
        and (record.in_scope or (record.record_kind = 'quality_award' and record.division_basis = 'unknown'))
),

ordered as (
    select
        award.*,
        coalesce(award_level = 'nomination', false) as is_nomination,
        -- Awards that count as the payee's first, second and so on.
        count(*) filter (where award_level is distinct from 'nomination' and was_valid) over before_it as earlier_count,
        count(*) filter (where award_level is distinct from 'nomination' and was_valid) over same_before_it
            as same_earlier_count
    from award
    window
        before_it as (
            partition by award_code, payee_id order by awarded_on, brand_record_id
            rows between unbounded preceding and 1 preceding
        ),
        same_before_it as (
            partition by award_code, payee_id, subject_uid order by awarded_on, brand_record_id
            rows between unbounded preceding and 1 preceding
        )
),

reasoned as (
    select
        ordered.*,
        case
            when is_nomination then 'nomination'
            when not was_valid then 'never_valid'
            when payee_id is null then 'payee_unknown'
            when first_status in ('renewed', 'continued') or same_earlier_count > 0 then 'renewal'
            when earlier_count > 0 then 'further_award'
            when awarded_on < rule_from_on then 'before_plan'
            when awarded_on >= rule_before_on then 'after_plan'
            else 'first_award'
        end as reason_code
    from ordered
),

entry as (
    select
        'award' as entry_kind,
        brand_record_id,
        extract(year from awarded_on) as year,
        award_code,
        payee_kind,
        payee_id,
        payee_name,
        enterprise_id,
        link_status,
        division_code,
        subject,
        certificate_no,
        awarded_on,
        reason_code,
        case when reason_code = 'first_award' then amount_yuan else 0 end as amount_yuan,
        null::bigint as budget_yuan,
        has_ended,
        delivery_id,
        part,
        file_row,
        document,
        known_from_on
    from reasoned
    union all
    select
        'budget' as entry_kind,
        {{ hash_id(["'budget'", 'budget_code', 'year']) }} as brand_record_id,
        year,
        budget_code as award_code,
        null as payee_kind,
        null as payee_id,
        null as payee_name,
        null as enterprise_id,
        null as link_status,
        null as division_code,
        null as subject,
        null as certificate_no,
        null as awarded_on,
        'budget_line' as reason_code,
        null as amount_yuan,
        amount_yuan as budget_yuan,
        null as has_ended,
        null as delivery_id,
        null as part,
        null as file_row,
        null as document,
        null as known_from_on
    from {{ ref('incentive_budget') }}
    where make_date(year, 1, 1) <= {{ as_of() }}
)

select
    entry.entry_kind::text as entry_kind,
    entry.brand_record_id::uuid as entry_id,
    entry.year::integer as year,
    entry.award_code::text as award_code,
    coalesce(rule.label_zh, budget.label_zh)::text as award_label_zh,
    coalesce(rule.label_en, budget.label_en)::text as award_label_en,
    entry.payee_kind::text as payee_kind,
    entry.payee_id::uuid as payee_id,
    entry.payee_name::text as payee_name,
    entry.enterprise_id::uuid as enterprise_id,
    entry.link_status::text as link_status,
    entry.division_code::text as division_code,
    entry.subject::text as subject,
    entry.certificate_no::text as certificate_no,
    entry.awarded_on::date as awarded_on,
    entry.reason_code::text as reason_code,
    term.label_zh::text as reason_label_zh,
    term.label_en::text as reason_label_en,
    entry.amount_yuan::bigint as amount_yuan,
    entry.budget_yuan::bigint as budget_yuan,
    entry.has_ended::boolean as has_ended,
    rule.assumption_zh::text as assumption_zh,
    rule.assumption_en::text as assumption_en,
    coalesce(rule.source_zh, budget.source_zh)::text as source_zh,
    coalesce(rule.source_en, budget.source_en)::text as source_en,
    entry.delivery_id::bigint as delivery_id,
    entry.part::text as part,
    entry.file_row::integer as file_row,
    entry.document::text as document,
    entry.known_from_on::date as known_from_on,
    {{ publication_id() }} as publication_id
from entry
left join {{ ref('incentive_rule') }} as rule on entry.award_code = rule.award_code
left join {{ ref('incentive_budget') }} as budget on entry.award_code = budget.budget_code and entry.year = budget.year
left join {{ ref('brand_term') }} as term on term.kind = 'award_reason' and entry.reason_code = term.code
