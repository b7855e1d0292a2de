"""A database that has been in use for long. In: how many events it has seen. Out: that many leads, keys, journal rows…

Made by the server itself, from numbers, with the indexes built afterwards: a million in about a minute. Each event is
a lead of its own with two keys, an activity, an applied event and a journal row; the journal covers the last 30 days.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import asyncpg

DAYS = 30
ACCOUNT = CONNECTOR = 1
LONG = 7_200.0  # seconds for one statement

# Lead ids follow time, as those of Leadpipe do; event ids are scattered, as those that follow from a producer's are.
NUMBERED = """
SELECT n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS lead, md5(n::text)::uuid AS event,
    'grown' || n || '@example.com' AS email, '+9170' || lpad(n::text, 8, '0') AS phone,
    date '{first}' + (n % {days})::int AS day
FROM generate_series(1, {rows}) AS n
"""
FILLS = {
    "lead": """
        INSERT INTO lead (id, account_id, fields, stamps, created_at, updated_at)
        SELECT lead, {account}, jsonb_build_object('name', 'Asha Rao', 'email', email, 'phone', phone, 'city', 'Pune',
            'state', 'Maharashtra', 'company', 'Rao Traders', 'lead_source', 'Website'),
            jsonb_build_object(day || 'T10:00:00.000000Z ' || event,
                '["city", "company", "email", "lead_source", "name", "phone", "state"]'::jsonb), day, day
        FROM ({numbered}) AS made""",
    "identity_key": """
        INSERT INTO identity_key (account_id, space, value, lead_id)
        SELECT {account}, space, value, lead FROM ({numbered}) AS made,
            LATERAL (VALUES ('email', email), ('phone', phone)) AS key (space, value)""",
    "activity": """
        INSERT INTO activity (id, account_id, connector_id, lead_id, type, occurred_at, fields, stamps, event_id)
        SELECT event, {account}, {connector}, lead, 'enquiry', day,
            '{{"type": "enquiry", "message": "I want to buy this. Kindly send price and details, quantity 50."}}',
            jsonb_build_object(day || 'T10:00:00.000000Z ' || event, '["@lead", "message", "type"]'::jsonb), event
        FROM ({numbered}) AS made""",
    "applied_event": """
        INSERT INTO applied_event (event_id, day, account_id, connector_id, outcome, lead_id, activity_id, changed,
            applied_at)
        SELECT event, day, {account}, {connector}, 'created', lead, event,
            '{{city,company,email,lead_source,name,phone,state,activity.lead,activity.message,activity.type}}', day
        FROM ({numbered}) AS made""",
}
JOURNAL = """
    INSERT INTO {table} (day, event_id, account_id, connector_id, kind, received_at, occurred_at, finished_at,
        outcome, lead_id, activity_id, changed, attempts, revision, replay, notes, trail, request)
    SELECT day, event, {account}, {connector}, 'lead', day + interval '1 second' * (n % 86400), day, day, 'created',
        lead, event, '{{city,company,email,lead_source,name,phone,state}}', 1, 1, 0, '{{}}',
        '["normalize",1,5.27,36.28],["map",1,0.0,25.69],["upsert",1,0.0,145.88]',
        '{{"event_id": "grown-' || n || '", "name": "Asha Rao", "email": "' || email || '", "phone": "' || phone
            || '", "message": "' || repeat('I want to buy this. ', 12) || '"}}'
    FROM ({numbered}) AS made WHERE n % {days} = {nth}"""

INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made, c.conname AS rule,
    pg_get_constraintdef(c.oid) AS ruled
FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
WHERE i.indrelid = $1::regclass
"""


async def fill(url: str, rows: int) -> None:
    """Fill an empty, migrated database as if this many events had come by connector 1 of account 1."""
    connection = await asyncpg.connect(url, command_timeout=LONG)
    try:
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        first = datetime.now(UTC).date() - timedelta(days=DAYS)
        terms = {"account": ACCOUNT, "connector": CONNECTOR, "days": DAYS, "first": first, "rows": rows}
        terms["numbered"] = NUMBERED.format(**terms)
        for table, sql in FILLS.items():
            await _without_indexes(connection, table, sql.format(**terms))
        for nth in range(DAYS):
            name = await _partition(connection, first + timedelta(days=nth))
            await connection.execute(JOURNAL.format(**terms, table=name, nth=nth))
            await _attach(connection, name, first + timedelta(days=nth))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _without_indexes(connection: asyncpg.Connection[asyncpg.Record], table: str, sql: str) -> None:
    indexes = await connection.fetch(INDEXES, table)
    for index in indexes:
        dropped = (
            f"ALTER TABLE {table} DROP CONSTRAINT {index['rule']}" if index["rule"] else f"DROP INDEX {index['name']}"
        )
        await connection.execute(dropped)
    await connection.execute(sql)
    for index in indexes:
        made = (
            f"ALTER TABLE {table} ADD CONSTRAINT {index['rule']} {index['ruled']}" if index["rule"] else index["made"]
        )
        await connection.execute(made)


async def _partition(connection: asyncpg.Connection[asyncpg.Record], day: date) -> str:
    name = f"journal_{day:%Y_%m_%d}"
    await connection.execute(f"CREATE TABLE {name} (LIKE journal INCLUDING DEFAULTS)")
    return name


async def _attach(connection: asyncpg.Connection[asyncpg.Record], name: str, day: date) -> None:
    """Attaching builds the indexes of the whole table for the partition."""
    following = day + timedelta(days=1)
    await connection.execute(
        f"ALTER TABLE journal ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ('{following}')"
    )
