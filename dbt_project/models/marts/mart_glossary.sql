{#- The words of scorecard, dashboards and these pages, beside the numbers that they explain. -#}

select
    term_no::integer as term_no,
    topic_zh::text as topic_zh,
    topic_en::text as topic_en,
    term_zh::text as term_zh,
    term_en::text as term_en,
    definition_zh::text as definition_zh,
    definition_en::text as definition_en,
    reference::text as reference,
    {{ publication_id() }} as publication_id
from {{ ref('glossary') }}
