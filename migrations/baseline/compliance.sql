-- Tables of the room compliance: what retention deleted.
-- State of revision 0001; later changes are revisions of their own.

-- A record of one deletion by retention.
CREATE TABLE retention_log (
    retention_log_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT retention_log_pkey PRIMARY KEY,
    class            text NOT NULL,
    day              date,             -- of arrival (raw) or of the fix, UTC; NULL for impossible clocks
    rows             bigint NOT NULL,  -- deleted; of raw bodies: emptied
    held_rows        bigint NOT NULL,  -- kept, because their asset is under a legal hold
    at               timestamptz NOT NULL,
    CONSTRAINT retention_log_class_check CHECK (class IN ('raw', 'ping', 'derived', 'session', 'share'))
);
