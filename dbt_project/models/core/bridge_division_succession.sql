{{ config(materialized='table') }}
{#- Each code that a document may state, and its forms in time: today's (`as_is_code`), and the one in force on a day
    (`as_was_code`, half-open interval). Territory is the same in all of them, so shares are 1; codes of the former city
    of Laiwu (3712) were not of Jinan. A zone before its first day has no row. -#}

with recursive family as (
    select
        division_code,
        division_code as as_is_code
    from {{ ref('division') }}
    where successor_code is null and kind <> 'zone_stat_code'
    union all
    select
        predecessor.division_code,
        family.as_is_code
    from {{ ref('division') }} as predecessor
    inner join family on predecessor.successor_code = family.division_code
)

select
    stated.division_code as stated_code,
    stated.as_is_code,
    member.division_code as as_was_code,
    coalesce(
        member.valid_from_on,
        case when member.division_code <> stated.division_code then stated_division.valid_before_on end
    ) as valid_from_on,
    member.valid_before_on,
    coalesce(member.division_code not like '3712%', true) as was_in_city
from family as stated
inner join {{ ref('division') }} as stated_division on stated.division_code = stated_division.division_code
inner join family as relative on stated.as_is_code = relative.as_is_code
inner join {{ ref('division') }} as member on relative.division_code = member.division_code
-- The city took in Laiwu; what is said of the city was never said of Laiwu.
where stated.division_code <> '370100' or member.division_code = '370100'
