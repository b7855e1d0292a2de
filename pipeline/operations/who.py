"""What to call somebody in a record of what they did. In: who asks. Out: a text that is stored with it."""

from __future__ import annotations

from pipeline.operations.access import Actor
from pipeline.store.account_changes import By
from pipeline.store.text import storable


def by(actor: Actor) -> By:
    """The same, with the key that is used."""
    return By(who(actor), actor.key)


def who(actor: Actor) -> str:
    """The user's address, or what the command line says of them."""
    return str(storable(actor.email or actor.name or "somebody, by command"))
