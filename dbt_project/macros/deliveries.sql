{#- Which deliveries a model reads. All of them come as literal ids: joined with the ledger, the planner
    expects half of the history and parses it all (docs/decisions.md). -#}

{% macro ids_literal(query) -%}
    {%- if not execute -%} '{}'::bigint[]
    {%- else -%} '{ {{- run_query(query).columns[0].values() | join(',') -}} }'::bigint[]
    {%- endif -%}
{%- endmacro %}

{#- Staging: the frozen set that this run judges; on a first run or full refresh every delivery that was ever read,
    rejected and replaced ones too, because core finds the keys to forget in them. -#}
{% macro landed_deliveries(source) -%}
    {%- if is_incremental() -%}
        {{- ids_literal(
            "select unnest(delivery_ids) from (select delivery_ids from ops.validation_run"
            ~ " where source = '" ~ source ~ "' and finished_at is null order by validation_run_id desc limit 1) as run"
        ) -}}
    {%- else -%}
        {{- all_in_raw(source) -}}
        {{- ids_literal(
            "select delivery_id from ops.delivery where source = '" ~ source
            ~ "' and status not in ('refused') and rows_read is not null order by 1"
        ) -}}
    {%- endif -%}
{%- endmacro %}

{#- Rows that retention has taken out of raw would be missing in what is made anew from all of history. -#}
{% macro all_in_raw(source) -%}
    {%- if execute -%}
        {%- set archived = run_query(
            "select count(*) from ops.delivery where source = '" ~ source ~ "' and raw_archived_at is not null"
        ).columns[0][0] -%}
        {%- if archived -%}
            {{- exceptions.raise_compiler_error(
                "the raw rows of " ~ archived ~ " deliveries of " ~ source ~ " are in the archive, and would be missing in"
                ~ " staging: drop staging.stg_" ~ source ~ " and run `baotu up`, which brings them back first"
            ) -}}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- What has just been loaded is not in the planner's statistics, which then expects a few rows. Where raw has several
    partitions it lies in the open one: all of them would be sampled, twice, for each file. -#}
{% macro analyze_landed(source) -%}
    {%- set found = namespace(table="raw." ~ source) -%}
    {%- if execute and is_incremental() -%}
        {%- set row = run_query(
            "select max(inhrelid::regclass::text) filter (where pg_get_expr(relpartbound, oid) like '%TO (MAXVALUE)'), count(*)"
            ~ " from pg_inherits inner join pg_class on oid = inhrelid where inhparent = to_regclass('raw." ~ source ~ "')"
        ).rows[0] -%}
        {%- if row[1] > 1 -%} {%- set found.table = row[0] -%} {%- endif -%}
    {%- endif -%}
    analyze {{ found.table }} (delivery_id)
{%- endmacro %}

{#- Autovacuum would look at a table that grew by a tenth within a minute, and marts are made before: without statistics
    the planner takes each step for one row, and does the next again for each of thousands. -#}
{% macro analyze_grown() -%}
    {%- if execute and model.config.materialized != 'view' -%}
        {%- set grown = run_query(
            "select pg_stat_get_xact_tuples_inserted(oid) > reltuples / 10 from pg_class where oid = '" ~ this ~ "'::regclass"
        ).columns[0][0] -%}
        {{- "analyze " ~ this if grown -}}
    {%- endif -%}
{%- endmacro %}

{#- Runs in the model's own transaction, so that a rerun after a crash doubles nothing. -#}
{% macro forget_landed_deliveries(source) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where delivery_id = any({{ landed_deliveries(source) }})
    {%- else -%} select 1
    {%- endif -%}
{%- endmacro %}

{#- Core: what the running build has frozen. -#}
{% macro running_build() -%} (select build_id from ops.build where status = 'running') {%- endmacro %}

{#- What changed, and what a correction of whole files ties to it: when either comes, goes or is read again, samples
    of both are made anew. -#}
{% macro touched_deliveries(source) -%}
    {{- ids_literal(
        "with touched as (select delivery_id from ops.build_delivery where source = '" ~ source
        ~ "' and is_touched and build_id = " ~ running_build() ~ "),"
        ~ " named as (" ~ named_corrections(source) ~ "),"
        ~ " concerned as (select correcting_id from named"
        ~ " where correcting_id in (select delivery_id from touched) or named_id in (select delivery_id from touched))"
        ~ " select delivery_id from touched union select correcting_id from concerned"
        ~ " union select named_id from named where correcting_id in (select correcting_id from concerned) order by 1"
    ) -}}
{%- endmacro %}

{#- Deliveries that say `corrects`, each with every delivery that this may mean: all readings of the one with that
    number, or of those with that file name. In the ledger's immutable columns, of deliveries in the running build. -#}
{% macro named_corrections(source) -%}
    select
        correcting.delivery_id as correcting_id,
        correcting.origin_id as correcting_origin_id,
        correcting.issued_on,
        named.delivery_id as named_id,
        named.origin_id as named_origin_id
    from ops.delivery as correcting
    inner join ops.delivery as named
        on
            named.source = correcting.source
            and named.origin_id <> correcting.origin_id
            and (
                regexp_replace(named.file_uri, '^.*/', '') = correcting.meta ->> 'corrects'
                or named.origin_id = (
                    select numbered.origin_id from ops.delivery as numbered
                    where numbered.delivery_id::text = correcting.meta ->> 'corrects'
                )
            )
    where
        correcting.source = '{{ source }}'
        and correcting.meta ? 'corrects'
        and correcting.delivery_id in (select delivery_id from ops.build_delivery where build_id = {{ running_build() }})
        and named.delivery_id in (select delivery_id from ops.build_delivery where build_id = {{ running_build() }})
{%- endmacro %}

{#- What ends versions of samples, as rows of (ending_id, ending_origin_id, ended_on, corrected_id): accepted
    deliveries that withdraw what they name (corrected_id is null), and accepted corrections with the accepted reading
    of the delivery that they correct. A name that several deliveries bear corrects none of them; the audit of the
    marts then holds the publication. Empty text when there are none, so that the rest costs nothing. -#}
{% macro endings(sources) -%}
    {%- if execute -%}
        {%- set rows = [] -%}
        {%- for source in sources -%}
            {%- set found = run_query(
                "with accepted as (select delivery_id from ops.build_delivery where source = '" ~ source ~ "'"
                ~ " and is_accepted and build_id = " ~ running_build() ~ "),"
                ~ " named as (" ~ named_corrections(source) ~ ")"
                ~ " select delivery_id, origin_id, issued_on, null::bigint as corrected_id from ops.delivery"
                ~ " where delivery_id in (select delivery_id from accepted) and meta ->> 'record_action' = 'withdraw'"
                ~ " union all select correcting_id, correcting_origin_id, issued_on,"
                ~ " max(named_id) filter (where named_id in (select delivery_id from accepted)) from named"
                ~ " where correcting_id in (select delivery_id from accepted) group by 1, 2, 3"
                ~ " having count(distinct named_origin_id) = 1 and bool_or(named_id in (select delivery_id from accepted))"
                ~ " order by 1, 4"
            ) -%}
            {%- for row in found.rows -%}
                {%- do rows.append(
                    "(" ~ row[0] ~ "::bigint, " ~ row[1] ~ "::bigint, date '" ~ row[2] ~ "', "
                    ~ ("null" if row[3] is none else row[3]) ~ "::bigint)"
                ) -%}
            {%- endfor -%}
        {%- endfor -%}
        {{- "values " ~ rows | join(", ") if rows -}}
    {%- endif -%}
{%- endmacro %}

{% macro accepted_deliveries(source) -%}
    {{- ids_literal(
        "select delivery_id from ops.build_delivery where source = '" ~ source
        ~ "' and is_accepted and build_id = " ~ running_build() ~ " order by 1"
    ) -}}
{%- endmacro %}

{#- Keys that the touched deliveries hold or held. They are forgotten and inserted anew from accepted deliveries in
    one transaction: that alone leaves nothing behind when a key's only delivery is withdrawn. -#}
{% macro touched_keys(source, key) -%}
    select distinct {{ key }} from {{ ref('stg_' ~ source) }} where delivery_id = any({{ touched_deliveries(source) }})
    union
    {#- A row that corrects another may say another key: the old one changes with it. #}
    select staged.{{ key }}
    from {{ ref('stg_' ~ source) }} as staged
    inner join ops.build_correction as correction
        on staged.delivery_id = correction.delivery_id and staged.row_no = correction.row_no
    where correction.is_touched and correction.build_id = {{ running_build() }}
{%- endmacro %}

{% macro forget_touched_keys(source, key) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ key }} in ({{ touched_keys(source, key) }})
    {%- else -%} select 1
    {%- endif -%}
{%- endmacro %}

{% macro only_touched_keys(source, key) -%}
    {%- if is_incremental() %} and {{ key }} in ({{ touched_keys(source, key) }}) {%- endif -%}
{%- endmacro %}

{#- Rows that rows of later deliveries stand for, by the numbers of our export: from that day on they say nothing. -#}
{% macro corrected_rows() -%}
    select delivery_id, row_no, corrected_on from ops.build_correction
    where corrected_on is not null and build_id = {{ running_build() }}
{%- endmacro %}

{#- Rows of the running build that are held back. -#}
{% macro quarantined_rows() -%}
    select delivery_id, row_no from ops.build_quarantine where build_id = {{ running_build() }}
{%- endmacro %}
