-- Returns a batch_id below which every batch arrived before a time; the largest bigint when all did.
-- Batches are numbered nearly in the order of arrival: those processed together may differ.
-- An hour is longer than any batch waits.
CREATE OR REPLACE FUNCTION first_batch_since(since timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(min(batch_id), 9223372036854775807)
    FROM ping_batch
    WHERE received_at >= since
      AND received_at < (SELECT min(received_at) FROM ping_batch WHERE received_at >= since) + interval '1 hour'
$$;
