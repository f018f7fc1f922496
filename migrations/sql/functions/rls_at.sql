-- Row security: the time at which grants must be in force. Setting leasetrace.at, else now.
CREATE OR REPLACE FUNCTION rls_at() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('leasetrace.at', true), '')::timestamptz, now())
$$;
