-- Tables of the worker. State of revision 0001; later changes are revisions of their own.

-- The position of a job in the chain of batches.
CREATE TABLE worker_cursor (
    job      text NOT NULL CONSTRAINT worker_cursor_pkey PRIMARY KEY,
    chain_no bigint NOT NULL    -- of the last batch that the job has processed
);
