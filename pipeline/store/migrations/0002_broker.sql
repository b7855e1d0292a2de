-- PostgreSQL as the broker (pipeline/transport/postgres). One row of broker_message is one frame in one queue.

CREATE TABLE broker_queue (
    id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix text NOT NULL,  -- several instances, or tests, share a database without seeing each other
    name   text NOT NULL,  -- work.<stage>, retry.<n>s, dead.<stage>
    UNIQUE (prefix, name)
);

-- A running consumer also holds the session-level advisory lock (classid 7303, objid id): a row without its lock is
-- a consumer that died. lease_until tells of one that is frozen. Deleting a row frees what it had claimed.
CREATE TABLE broker_consumer (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue       int NOT NULL REFERENCES broker_queue ON DELETE CASCADE,
    lease_until timestamptz NOT NULL,
    leaving     boolean NOT NULL DEFAULT false  -- takes no more, but may still settle what it holds
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE broker_message (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue      int NOT NULL,  -- no foreign key: it would lock the queue's row for every frame; publish looks it up
    rung       int,           -- the retry queue that it is counted under until visible_at
    visible_at timestamptz NOT NULL,
    claimed_by int REFERENCES broker_consumer ON DELETE SET NULL,
    deliveries int NOT NULL DEFAULT 0,  -- how often it was handed out
    returned   int NOT NULL DEFAULT 0,  -- how often of these it was given back politely, which is no failed try
    body       bytea STORAGE EXTERNAL NOT NULL  -- out of line and not compressed: a claim never rewrites it
) WITH (
    -- Rows live for milliseconds, and an update always moves between the two partial indexes (never HOT), so pages
    -- are packed full and vacuum comes by number of dead rows, at full speed.
    fillfactor = 100,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000,
    toast.autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX broker_message_ready ON broker_message (queue, visible_at, id) INCLUDE (rung) WHERE claimed_by IS NULL;
CREATE INDEX broker_message_claimed ON broker_message (claimed_by) WHERE claimed_by IS NOT NULL;
