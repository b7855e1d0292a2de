"""Every statement of the PostgreSQL broker; each is one round trip. The tables are in migration 0002.

A queue's channel for NOTIFY is `broker_<queue id>`, its payload the queue's name. Time is the server's, always.
"""

LOCK_CLASS = 7303  # classid of the advisory lock that a living consumer holds; objid is its id

DECLARE = """
INSERT INTO broker_queue (prefix, name)
SELECT $1, name FROM unnest($2::text[]) AS name ORDER BY name
ON CONFLICT (prefix, name) DO NOTHING
"""

# $1 prefix, then arrays: the work or dead queue, the rung's queue or null, seconds to wait, body.
# Inserts all or nothing; returns the names of queues that do not exist.
PUBLISH = """
WITH asked AS MATERIALIZED (
    SELECT place, m.queue, m.rung, seconds, body, q.id AS queue_id, r.id AS rung_id
    FROM unnest($2::text[], $3::text[], $4::float8[], $5::bytea[])
        WITH ORDINALITY AS m(queue, rung, seconds, body, place)
    LEFT JOIN broker_queue q ON q.prefix = $1 AND q.name = m.queue
    LEFT JOIN broker_queue r ON r.prefix = $1 AND r.name = m.rung
), missing AS (
    SELECT queue AS name FROM asked WHERE queue_id IS NULL
    UNION
    SELECT rung FROM asked WHERE rung IS NOT NULL AND rung_id IS NULL
), inserted AS (
    INSERT INTO broker_message (queue, rung, visible_at, body)
    SELECT queue_id, rung_id, now() + make_interval(secs => seconds), body
    FROM asked WHERE NOT EXISTS (SELECT FROM missing)
    ORDER BY place
    RETURNING queue
), told AS (
    SELECT count(pg_notify('broker_' || id, name)) AS queues
    FROM broker_queue WHERE id IN (SELECT queue FROM inserted)
)
SELECT array(SELECT name FROM missing ORDER BY name) AS missing, queues FROM told
"""

# $1 prefix, $2 queue, $3 its dead queue or null, $4 lease in seconds. The lock is held before the row can be seen.
REGISTER = f"""
INSERT INTO broker_consumer (queue, lease_until)
SELECT id, now() + make_interval(secs => $4) FROM broker_queue WHERE prefix = $1 AND name = $2
RETURNING id, queue, (SELECT q.id FROM broker_queue q WHERE q.prefix = $1 AND q.name = $3) AS dead,
          pg_advisory_lock({LOCK_CLASS}, id)
"""

# $1 consumer, $2 queue, $3 how many, $4 delivery limit, $5 dead queue or null. At least one row; id is null in it if
# nothing was ready. `pause` is the time until the next message becomes visible. Rows with `spent` went to $5.
CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id, $5::int IS NOT NULL AND deliveries - returned >= $4 AS spent
    FROM broker_message
    WHERE queue = $2 AND claimed_by IS NULL AND visible_at <= now()
    ORDER BY visible_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE broker_message m SET
        claimed_by = CASE WHEN spent THEN NULL ELSE $1::int END,
        deliveries = CASE WHEN spent THEN 0 ELSE deliveries + 1 END,
        returned = CASE WHEN spent THEN 0 ELSE returned END,
        queue = CASE WHEN spent THEN $5::int ELSE queue END
    FROM picked WHERE m.id = picked.id
    RETURNING m.id, m.visible_at, m.deliveries, m.body, spent
), told AS (
    SELECT count(pg_notify('broker_' || id, name)) AS dead
    FROM broker_queue WHERE id = $5 AND EXISTS (SELECT FROM moved WHERE spent)
), ahead AS (
    SELECT extract(epoch FROM min(visible_at) - now())::float8 AS pause
    FROM broker_message WHERE queue = $2 AND claimed_by IS NULL AND visible_at > now()
)
SELECT moved.id, deliveries, body, spent, pause, dead
FROM ahead CROSS JOIN told LEFT JOIN moved ON true ORDER BY moved.visible_at, moved.id
"""

# $1 consumer, $2 message ids. Only what is still this consumer's: a claim that was lost is settled by its new owner.
ACK = "DELETE FROM broker_message WHERE id = ANY($2::bigint[]) AND claimed_by = $1"

RELEASE = """
WITH back AS (
    UPDATE broker_message SET claimed_by = NULL, returned = returned + 1
    WHERE id = ANY($2::bigint[]) AND claimed_by = $1
    RETURNING queue
)
SELECT count(pg_notify('broker_' || id, name)) FROM broker_queue WHERE id IN (SELECT queue FROM back)
"""

# $1 consumer: everything it holds goes back, and it is gone.
LEAVE = """
WITH back AS (
    UPDATE broker_message SET claimed_by = NULL, returned = returned + 1 WHERE claimed_by = $1 RETURNING queue
), gone AS (
    DELETE FROM broker_consumer WHERE id = $1
)
SELECT count(pg_notify('broker_' || id, name)) FROM broker_queue WHERE id IN (SELECT queue FROM back)
"""

RETIRE = "UPDATE broker_consumer SET leaving = true WHERE id = $1"
FORGET = "DELETE FROM broker_consumer WHERE id = $1"

# $1 consumer or null, $2 its lease in seconds. Renews its own lease and frees the claims of consumers that are dead
# (no lock) or frozen (lease over). `alive` is 0 when another consumer has done that to this one.
# pg_locks is not under MVCC: it can only know more of a living consumer than the row that we see, never less.
TEND = f"""
WITH mine AS (
    UPDATE broker_consumer SET lease_until = now() + make_interval(secs => $2) WHERE id = $1 RETURNING id
), doomed AS MATERIALIZED (
    SELECT id FROM broker_consumer c
    WHERE id IS DISTINCT FROM $1 AND (lease_until < now() OR NOT EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = {LOCK_CLASS} AND l.objid = c.id::oid AND l.objsubid = 2
        AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM broker_consumer c USING doomed WHERE c.id = doomed.id RETURNING c.queue
)
SELECT (SELECT count(*) FROM mine) AS alive, (SELECT count(*) FROM gone) AS freed,
       (SELECT count(pg_notify('broker_' || id, name)) FROM broker_queue WHERE id IN (SELECT queue FROM gone)) AS told
"""

DEPTHS = """
SELECT name, coalesce(ready, 0) AS ready,
       (SELECT count(*) FROM broker_consumer c WHERE c.queue = q.id AND NOT leaving) AS consumers
FROM broker_queue q LEFT JOIN (
    SELECT CASE WHEN visible_at > now() THEN coalesce(rung, queue) ELSE queue END AS holder, count(*) AS ready
    FROM broker_message WHERE claimed_by IS NULL GROUP BY 1
) AS held ON holder = q.id
WHERE prefix = $1
"""
