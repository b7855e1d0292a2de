"""The events of a run. In: a load and a number to start from. Out: request bodies, made as they are asked for.

An event is a lead as a website's form sends it, about 500 bytes: name, phone as people write it, e-mail, city,
company, message, campaign and the time. It is filled into a template of bytes, which costs about two microseconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from pipeline.operations.bench.load import KNOWN, Load

FIRST = ("Aarav", "Diya", "Kabir", "Meera", "Rohan", "Ananya", "Vikram", "Priya", "Arjun", "Kavya", "Zoya", "Daniel")
LAST = ("Sharma", "Iyer", "Khan", "Patel", "Reddy", "Das", "Nair", "Gupta", "Singh", "Fernandes", "Bose", "Mehta")
CITIES = (("Bengaluru", "Karnataka"), ("Mumbai", "Maharashtra"), ("Chennai", "Tamil Nadu"), ("Pune", "Maharashtra"))
STARTS = (98, 97, 99, 96)  # mobile numbers begin so
TEMPLATE = (
    b'{"event_id":"bench-%d","name":"%s %s","email":"%s","phone":"%s","city":"%s","state":"%s",'
    b'"company":"%s Traders","message":"I want to buy this. Kindly send price and details, quantity %d.",'
    b'"page":"https://www.example.com/products/submersible-pump","source":"Website",'
    b'"utm":{"source":"search","medium":"cpc","campaign":"pumps-monsoon"},'
    b'"created_at":"2026-03-%02dT%02d:%02d:%02d+05:30"}'
)
RETURNING = 0.8  # the share of events about people seen before
NEAR = 100_000  # they are among this many who came last


def known(load: Load, first: int) -> Iterator[tuple[bytes, int]]:
    """What is sent before the measured part: it wakes every process up, and is what duplicates then repeat."""
    return _grouped(load, (event(first + number, first + number) for number in range(KNOWN)))


def bodies(load: Load, first: int) -> Iterator[tuple[bytes, int]]:
    """The bodies of the measured part and how many events each holds; the same for the same arguments."""
    return _grouped(load, _events(load, first, random.Random(1)))


def event(number: int, person: int, *, broken: bool = False) -> bytes:
    """One event, number `number`, about a person; a broken one names nobody and is refused by the rules."""
    given, family = FIRST[person % 12].encode(), LAST[person // 12 % 12].encode()
    city, state = CITIES[person % 4]
    email = b"" if broken else b"%s.%s%d@Example.com" % (given, family, person)
    phone = b"+91-1111111111" if broken else b"+91-%d%08d" % (STARTS[person % 4], person * 7919 % 10**8)
    seconds = number % 2_000_000
    return TEMPLATE % (
        number,
        given,
        family,
        email,
        phone,
        city.encode(),
        state.encode(),
        family,
        number % 90 + 10,
        seconds // 86_400 + 1,
        seconds // 3_600 % 24,
        seconds // 60 % 60,
        seconds % 60,
    )


def _events(load: Load, first: int, chance: random.Random) -> Iterator[bytes]:
    if load.people == "duplicates":
        pool = [event(first + number, first + number) for number in range(KNOWN)]
        yield from (pool[number % KNOWN] for number in range(load.events))
        return
    first += KNOWN
    every = round(1 / load.failing) if load.failing else 0
    people = 0
    for number in range(first, first + load.events):
        if load.people == "returning" and people and chance.random() < RETURNING:
            person = first + people - 1 - chance.randrange(min(people, NEAR))
        else:
            person, people = first + people, people + 1
        yield event(number, person, broken=bool(every) and (number - first) % every == every - 1)


def _grouped(load: Load, events: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    if load.body == "single":
        yield from ((each, 1) for each in events)
        return
    group: list[bytes] = []
    for each in events:
        group.append(each)
        if len(group) == load.batch:
            yield _joined(load, group), len(group)
            group = []
    if group:
        yield _joined(load, group), len(group)


def _joined(load: Load, group: list[bytes]) -> bytes:
    return b"[" + b",".join(group) + b"]" if load.body == "array" else b"\n".join(group) + b"\n"
