{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 100000}) }}
-- Where each of several shares may rank, highest first: {low 1, high 1, low 2, high 2, ...}, the percentiles alpha and
-- 1 - alpha of a unit's rank when each true share is distributed as Beta(x + 1/2, n - x + 1/2) (domain 8.4). By
-- quadrature: over steps of a unit's own distribution, the number of others above it is a sum of independent
-- Bernoulli trials. NULL where an x lies outside 0..n, or an n is 0.
declare
    steps constant int := 60;
    units int := cardinality(n);
    lowest float8 := 1;
    highest float8 := 0;
    below float8[][];
    ranked int[] := '{}';
    above float8[];
    chance float8[];
    middle float8;
    mass float8;
    sofar float8;
    low int;
    high int;
begin
    if units = 0 or cardinality(x) <> units then
        return null;
    end if;
    for i in 1 .. units loop
        if not (n[i] > 0 and x[i] >= 0 and x[i] <= n[i]) then
            return null;
        end if;
        -- asin(sqrt(p)) has a spread of 1 / (2 sqrt(n)), whatever p: five of them hold all that counts.
        middle := asin(sqrt((x[i] + 0.375) / (n[i] + 0.75)));
        lowest := least(lowest, middle - 2.5 / sqrt(n[i] + 0.5));
        highest := greatest(highest, middle + 2.5 / sqrt(n[i] + 0.5));
    end loop;
    lowest := greatest(lowest, 0);
    highest := least(highest, pi() / 2);
    below := array_fill(0::float8, array[units, steps + 1]);
    for i in 1 .. units loop
        for step in 0 .. steps loop
            middle := sin(lowest + (highest - lowest) * step / steps) ^ 2;
            below[i][step + 1] := case
                when step = 0 then 0
                when step = steps then 1
                else {{ function('incomplete_beta_xy').include(database=false) }}(
                    middle, 1 - middle, x[i] + 0.5, n[i] - x[i] + 0.5
                )
            end;
        end loop;
    end loop;
    for i in 1 .. units loop
        above := array_fill(0::float8, array[units]);
        for step in 1 .. steps loop
            mass := below[i][step + 1] - below[i][step];
            continue when mass < 1e-6;
            -- chance[k]: k - 1 of the others lie above.
            chance := array_fill(0::float8, array[units]);
            chance[1] := 1;
            for j in 1 .. units loop
                continue when j = i;
                middle := 1 - (below[j][step + 1] + below[j][step]) / 2;
                for k in reverse units .. 2 loop
                    chance[k] := chance[k] * (1 - middle) + chance[k - 1] * middle;
                end loop;
                chance[1] := chance[1] * (1 - middle);
            end loop;
            for k in 1 .. units loop
                above[k] := above[k] + mass * chance[k];
            end loop;
        end loop;
        sofar := 0;
        low := null;
        high := null;
        for k in 1 .. units loop
            sofar := sofar + above[k];
            low := coalesce(low, case when sofar >= alpha then k end);
            high := coalesce(high, case when sofar >= 1 - alpha - 1e-5 then k end);
        end loop;
        ranked := ranked || low || coalesce(high, units);
    end loop;
    return ranked;
end
