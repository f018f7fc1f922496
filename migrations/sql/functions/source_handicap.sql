-- Returns how much newer a network fix must be to be preferred to a satellite fix of the same asset.
-- source: telemetry.domain.Source; 2 is a cell, 3 is Wi-Fi.
CREATE OR REPLACE FUNCTION source_handicap(source smallint) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN source IN (2, 3) THEN interval '6 hours' ELSE interval '0' END
$$;
