{#- Which build readers see: one row. Builds that are held are in quality.publication. -#}

select
    build.build_id::bigint as publication_id,
    -- The build is published within the minute or not at all; quality.publication has the exact instant.
    now()::timestamptz as published_at,
    build.as_of_on::date as as_of_on,
    build.known_at_on::date as known_at_on,
    build.code_version::text as code_version,
    (select count(*) from ops.build_delivery as used where used.build_id = build.build_id and used.is_accepted)::bigint
        as accepted_delivery_count
from ops.build as build
where build.build_id = {{ publication_id() }}
