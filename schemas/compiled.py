"""What a connector is compiled to, kept while it is in force. In: connectors. Out: their compiled forms, bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from schemas.connector import Connector

T = TypeVar("T")

MOST = 10_000


class Compiled(Generic[T]):
    """Compiles each (connector, revision) once and keeps the last MOST of them.

    A connector that was loaded anew and is the same keeps its compiled form; another one under the same id and
    revision, as two databases have them, gets its own.
    """

    def __init__(self, compile: Callable[[Connector], T]) -> None:
        self._compile = compile
        self._kept: OrderedDict[tuple[int, int], tuple[Connector, T]] = OrderedDict()

    def each(self, connectors: Mapping[int, Connector | None]) -> dict[int, T]:
        """The compiled forms of a batch's connectors, by id, of those that there are."""
        return {id: self(connector) for id, connector in connectors.items() if connector is not None}

    def __call__(self, connector: Connector) -> T:
        key = (connector.id, connector.revision)
        kept = self._kept.get(key)
        if kept is not None and kept[0] is connector:
            return kept[1]
        form = kept[1] if kept is not None and kept[0] == connector else self._compile(connector)
        self._kept[key] = (connector, form)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return form
