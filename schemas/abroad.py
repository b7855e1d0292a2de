"""The country that an event names. In: a connector's mapping, and a document. Out: an ISO 3166 code, or None.

A number without a country code is read in the country of its own event, where that names one: the value that the
mapping leads to `lead.country`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from schemas.connector import Connector
from schemas.normal.country import country_of
from schemas.normal.path import Find, can_be_in, finder
from schemas.normal.values import word_of

COUNTRY = "lead.country"


class Place(NamedTuple):
    """Where a country may be named, and under which conditions."""

    look: Find
    conditions: tuple[tuple[Find, frozenset[str]], ...]

    def holds(self, document: dict[str, Any]) -> bool:
        return all(word_of(look(document)) in wanted for look, wanted in self.conditions)


class Abroad:
    """Where a connector's documents name a country, by their shape."""

    def __init__(self, connector: Connector) -> None:
        self._says_nothing = connector.locale.blanks.test()
        self._places = [
            (path, Place(finder(path), tuple((finder(at), words) for at, words in row.conditions)))
            for row in connector.rows
            if row.to == COUNTRY
            for path in row.paths
        ]

    def places(self, names: Collection[str]) -> tuple[Place, ...]:
        """Where to look in a document whose members have these names."""
        return tuple(place for path, place in self._places if can_be_in(path, names))

    def country(self, document: dict[str, Any], places: tuple[Place, ...]) -> str | None:
        """The country that the document names first; None: none, or one that is not known."""
        for place in places:
            value = place.look(document)
            if isinstance(value, str) and not self._says_nothing(value) and place.holds(document):
                return country_of(value)
        return None
