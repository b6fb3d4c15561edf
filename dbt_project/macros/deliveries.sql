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
        {{- ids_literal(
            "select delivery_id from ops.delivery where source = '" ~ source
            ~ "' and status not in ('refused') and rows_read is not null order by 1"
        ) -}}
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

{% macro touched_deliveries(source) -%}
    {{- ids_literal(
        "select delivery_id from ops.build_delivery where source = '" ~ source
        ~ "' and is_touched and build_id = " ~ running_build() ~ " order by 1"
    ) -}}
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
