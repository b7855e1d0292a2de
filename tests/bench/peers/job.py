"""What the Python peers do to one event. In: an event, a pool. Out: a normal one, or rows. Imports nothing of ours."""

from __future__ import annotations

from typing import Any

import asyncpg
import phonenumbers

QUEUES = ("normalize", "upsert", "log")
APPLIED = "INSERT INTO applied (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true"
PERSON = """
INSERT INTO person (phone, name, email, city) VALUES ($1, $2, $3, $4)
ON CONFLICT (phone) DO UPDATE SET name = excluded.name, email = excluded.email, city = excluded.city
"""
LOGGED = "INSERT INTO logged (id, request) VALUES ($1, $2) ON CONFLICT DO NOTHING"


def normalized(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its phone number in E.164."""
    number = phonenumbers.parse(event["phone"], "IN")
    if not phonenumbers.is_valid_number(number):
        raise ValueError("no phone number")
    return {**event, "phone": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}


async def apply(pool: asyncpg.Pool[asyncpg.Record], event: dict[str, Any]) -> None:
    """Write the person, unless this event was applied before."""
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(APPLIED, event["event_id"]):
            await connection.execute(PERSON, event["phone"], event["name"], event["email"], event["city"])


async def log(pool: asyncpg.Pool[asyncpg.Record], event: dict[str, Any], text: str) -> None:
    """Write the log row."""
    await pool.execute(LOGGED, event["event_id"], text)
