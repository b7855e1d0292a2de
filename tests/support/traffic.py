"""Real-shaped events in any number: calls, CRM leads, marketplace enquiries and website forms of the same people.

In: a seed and a count. Out: (connector name, event) pairs, the same for the same seed; a known share of them are
duplicates, updates, and events that the rules must reject. `python -m tests.support.traffic FOLDER COUNT` writes
them as one NDJSON file per connector of `deploy/examples`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

FIRST = ("Aarav", "Diya", "Kabir", "Meera", "Rohan", "Ananya", "Vikram", "Priya", "Arjun", "Kavya", "Zoya", "Daniel")
LAST = ("Sharma", "Iyer", "Khan", "Patel", "Reddy", "Das", "Nair", "Gupta", "Singh", "Fernandes", "Bose", "Mehta")
CITIES = [("Bengaluru", "Karnataka"), ("Mumbai", "Maharashtra"), ("Chennai", "Tamil Nadu"), ("Pune", "Maharashtra")]
PRODUCTS = ["Submersible pump", "Paper cup machine", "LED panel", "Steel rack", "Solar inverter"]
JUNK = "+91-1111111111"
START = datetime(2026, 3, 2, 9, 0, 0)  # noqa: DTZ001 - sources send naive times

Event = dict[str, Any]


class Person:
    """Somebody who calls, writes and fills in forms."""

    def __init__(self, number: int) -> None:
        self.first = FIRST[number % len(FIRST)]
        self.last = LAST[(number // len(FIRST)) % len(LAST)]
        self.national = f"{('98', '97', '99', '96')[number % 4]}{(number * 7919 + 1_234) % 10**8:08}"
        self.email = f"{self.first}.{self.last}{number}@example.com".lower()
        self.city, self.state = CITIES[number % len(CITIES)]
        self.uuid = str(UUID(int=0x5EED_0000_0000_4000_8000_0000_0000_0000 + number))


def traffic(seed: int, count: int, people: int | None = None) -> Iterator[tuple[str, Event]]:
    """`count` events of `people` persons (default: a fifth as many), 5 % of them sent a second time, 1 % broken."""
    chance = random.Random(seed)
    crowd = people or max(1, count // 5)
    makers = [_call, _call, _lead, _enquiry, _form]
    sent: list[tuple[str, Event]] = []
    for number in range(count):
        if sent and chance.random() < 0.05:
            yield chance.choice(sent)
            continue
        person = Person(chance.randrange(crowd))
        pair = chance.choice(makers)(chance, number, person, START + timedelta(seconds=number * 7))
        if chance.random() < 0.01:
            pair = chance.choice(BROKEN)(chance, number, person, START)
        if len(sent) < 1000:
            sent.append(pair)
        else:
            sent[chance.randrange(1000)] = pair
        yield pair


def _call(chance: random.Random, number: int, person: Person, at: datetime) -> tuple[str, Event]:
    inbound = chance.random() < 0.6
    customer, agent = f"%2b91{person.national}", f"%2b91804000{1000 + chance.randrange(9)}"
    seconds = chance.choice([0, 12, 45, 180, 600])
    return "telephony-calls", {
        "SourceNumber": customer if inbound else agent,
        "DestinationNumber": agent if inbound else customer,
        "DisplayNumber": "%2b918040897874",
        "StartTime": f"{at:%Y-%m-%d %H:%M:%S}",
        "EndTime": f"{at + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}",
        "CallDuration": str(seconds),
        "Status": "Answered" if seconds else chance.choice(["Missed", "Voicemail"]),
        "CallNotes": "Enquired about product" if seconds else "",
        "ResourceURL": f"recordings.example.com/{number}.mp3" if seconds else "",
        "Direction": "Inbound" if inbound else "Outbound",
        "CallSessionId": f"{number:020}",
        "CallerName": person.first,
        "CallerCity": person.city,
        "CallerState": person.state,
        "CallerCountry": "India",
    }


def _lead(chance: random.Random, number: int, person: Person, at: datetime) -> tuple[str, Event]:
    lead = {
        "ProspectID": person.uuid,
        "FirstName": person.first,
        "LastName": person.last,
        "EmailAddress": person.email,
        "Mobile": f"+91-{person.national}",
        "Source": "Organic Search",
        "ProspectStage": chance.choice(["Prospect", "Opportunity", "Customer"]),
        "Score": str(chance.randrange(100)),
        "DoNotCall": chance.choice(["0", "1"]),
        "CreatedOn": f"{START:%Y-%m-%d %H:%M:%S}",
        "ModifiedOn": f"{at:%Y-%m-%d %H:%M:%S}.000",
        "mx_City": person.city,
    }
    return "crm-leads", chance.choice([lead, {"Before": {**lead, "Score": "0"}, "After": lead}])


def _enquiry(chance: random.Random, number: int, person: Person, at: datetime) -> tuple[str, Event]:
    enquiry = {
        "UNIQUE_QUERY_ID": str(2_400_000_000 + number),
        "QUERY_TYPE": chance.choice(["W", "B", "P"]),
        "QUERY_TIME": f"{at:%Y-%m-%d %H:%M:%S}",
        "SENDER_NAME": f"{person.first} {person.last}",
        "SENDER_MOBILE": f"+91-{person.national}",
        "SENDER_EMAIL": chance.choice([person.email, ""]),
        "SENDER_COMPANY": f"{person.last} Traders",
        "SENDER_CITY": person.city,
        "SENDER_STATE": person.state,
        "SENDER_COUNTRY_ISO": "IN",
        "SUBJECT": "Requirement",
        "QUERY_PRODUCT_NAME": chance.choice(PRODUCTS),
        "QUERY_MESSAGE": "I want to buy this.<br> Kindly send price and details.<br>",
        "CALL_DURATION": "",
    }
    return "marketplace", {"CODE": 200, "STATUS": "SUCCESS", "RESPONSE": enquiry}


def _form(chance: random.Random, number: int, person: Person, at: datetime) -> tuple[str, Event]:
    return "website", {
        "event_id": f"form-{number}",
        "name": f"{person.first} {person.last}",
        "email": person.email.title(),
        "phone": f"0{person.national}",
        "city": person.city,
        "budget": chance.choice([50_000, 125_000, "250000"]),
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S}+05:30",
    }


def _text_for_a_number(chance: random.Random, number: int, person: Person, at: datetime) -> tuple[str, Event]:
    connector, event = _form(chance, number, person, at)
    return connector, {**event, "budget": "maybe"}


def _without_a_key(chance: random.Random, number: int, person: Person, at: datetime) -> tuple[str, Event]:
    connector, event = _form(chance, number, person, at)
    return connector, {**event, "email": "", "phone": JUNK}


BROKEN: list[Callable[[random.Random, int, Person, datetime], tuple[str, Event]]] = [
    _text_for_a_number,
    _without_a_key,
]


@dataclass
class Expected:
    """What must come of some traffic, however it is sent and however often it is delivered."""

    sent: int = 0
    ids: set[tuple[str, str]] = field(default_factory=set)  # of events that carry one
    anonymous: int = 0  # events without an id: each is one of its own
    people: set[str] = field(default_factory=set)  # national numbers of the events that can be recorded
    rejected: dict[str, set[str]] = field(default_factory=dict)  # ids by flaw: "number", "key"

    @property
    def distinct(self) -> int:
        return len(self.ids) + self.anonymous

    @property
    def failed(self) -> int:
        return sum(map(len, self.rejected.values()))


def expected(pairs: Iterable[tuple[str, Event]]) -> Expected:
    """Tell what the events must come to."""
    told = Expected()
    for connector, event in pairs:
        told.sent += 1
        id, phone = IDENTITY[connector](event)
        if id is None:
            told.anonymous += 1
        else:
            told.ids.add((connector, id))
        if event.get("budget") == "maybe":
            told.rejected.setdefault("number", set()).add(str(id))
        elif phone == JUNK:
            told.rejected.setdefault("key", set()).add(str(id))
        else:
            told.people.add(phone[-10:])
    return told


IDENTITY: dict[str, Callable[[Event], tuple[str | None, str]]] = {
    "telephony-calls": lambda e: (
        e["CallSessionId"],
        e["SourceNumber" if e["Direction"] == "Inbound" else "DestinationNumber"],
    ),
    "crm-leads": lambda e: (None, e.get("After", e)["Mobile"]),
    "marketplace": lambda e: (e["RESPONSE"]["UNIQUE_QUERY_ID"], e["RESPONSE"]["SENDER_MOBILE"]),
    "website": lambda e: (e["event_id"], e["phone"]),
}


def write(folder: Path, seed: int, count: int) -> None:
    """One NDJSON file per connector."""
    files: dict[str, list[bytes]] = {}
    for connector, event in traffic(seed, count):
        files.setdefault(connector, []).append(orjson.dumps(event))
    for connector, lines in files.items():
        (folder / f"{connector}.ndjson").write_bytes(b"\n".join(lines) + b"\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), seed=1, count=int(sys.argv[2]))
