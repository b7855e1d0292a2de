"""Routes as data. In: functions with typed parameters. Out: a table that requests are matched in and documents made of.

A route is a function whose annotations say everything: `body` is the model of its body, `query` that of its query,
every other parameter but the first (the `Call`) a part of its path, and what it returns is what it answers.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, get_type_hints
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, GetCoreSchemaHandler, TypeAdapter
from pydantic import Field as Attribute
from pydantic_core import CoreSchema, core_schema

from pipeline.store.ids import canonical
from pipeline.store.text import REFUSED
from schemas.access import Scope

BASE = "/api/v1"
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"  # RFC 8259, RFC 7396
ALWAYS = (401, 403, 422, 429, 503)  # statuses that every route can answer with
OF_A_PATH, OF_A_BODY = (404,), (400, 408, 413, 415)
SMALL, ONE, SEVERAL = 128 * 1024, 512 * 1024, 1024 * 1024  # bytes of a body: of a few values, of one or more settings
DOCUMENT = 2 * 1024 * 1024  # bytes of a body that holds what a source sends
SOON, LONG = 15.0, 60.0  # seconds that a call may take aside
Work = Callable[..., Awaitable[Any]]


def _digits(value: Any) -> Any:
    """In a path or a query a number is digits alone; pydantic would also read `1_000` and ` 7 `."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,19}", value):
        raise ValueError("must be a whole number")
    return value


WHOLE = BeforeValidator(_digits)  # last in an Annotated: before the bounds, and the document would not tell them
Id = Annotated[int, Attribute(ge=1, le=2**63 - 1), WHOLE]


def _written(value: Any) -> Any:
    """An id as RFC 9562 §4 writes it; pydantic would also read `{…}`, `urn:uuid:…` and 32 digits alone."""
    if isinstance(value, str) and canonical(value) is None:
        raise ValueError("must be an id, such as 0198c6a1-7b5e-7c3a-9f00-123456789abc")
    return value


Uuid = Annotated[UUID, BeforeValidator(_written)]


class Several:
    """Marks a parameter of a query that may be given several times, or once with commas between its values."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read before the type is checked."""
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any) -> Any:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list | tuple):
            return given
        return [part.strip() for each in given for part in (each.split(",") if isinstance(each, str) else [each])]


def several_of(query: type[BaseModel]) -> set[str]:
    """The parameters of a query that may be given several times."""
    return {name for name, field in query.model_fields.items() if any(isinstance(m, Several) for m in field.metadata)}


class Empty(BaseModel):
    """A query without parameters."""

    model_config = {"extra": "forbid"}


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    path: str  # below BASE, such as /users/{id}
    work: Work
    scope: Scope | None  # None: whoever has a key
    tag: str
    status: int
    also: int | None  # another status of success, where the answer says so by itself
    media: str
    errors: tuple[int, ...]
    parameters: Mapping[str, TypeAdapter[Any]]
    query: type[BaseModel]
    body: TypeAdapter[Any] | None
    body_type: Any
    returns: type[BaseModel] | None
    example: Any = None  # of a body
    free: bool = False  # its body may hold U+0000, as the documents of sources may
    largest: int = SMALL  # bytes of its body
    takes: tuple[str, ...] = (JSON,)  # content types of its body
    aside: float | None = None  # seconds that it may take, where it is done in a process of its own

    @cached_property
    def pattern(self) -> Sequence[str]:
        """Its path, segment by segment."""
        return self.path.strip("/").split("/")

    @cached_property
    def fixed(self) -> tuple[bool, ...]:
        """Which segments are as they stand, and no variable."""
        return tuple(not part.startswith("{") for part in self.pattern)

    @property
    def asks(self) -> bool:
        """Whether its function wants the query."""
        return "query" in self.work.__annotations__

    @property
    def name(self) -> str:
        return self.work.__name__

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.work) or "").split("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        return (inspect.getdoc(self.work) or "").partition("\n")[2].strip()

    @property
    def successes(self) -> Sequence[int]:
        """Every status of a success."""
        return (self.status,) if self.also is None else (self.also, self.status)

    @property
    def statuses(self) -> Sequence[int]:
        """Every status of an error that it can answer with."""
        path = OF_A_PATH if self.parameters else ()
        body = OF_A_BODY if self.body is not None else ()
        return sorted({*ALWAYS, *path, *body, *self.errors})


@dataclass
class Table:
    """The routes, in the order in which they were written."""

    routes: list[Route] = field(default_factory=list)

    def route(
        self,
        method: str,
        path: str,
        *,
        scope: Scope | None,
        tag: str,
        status: int | None = None,
        also: int | None = None,
        media: str = "application/json",
        errors: Sequence[int] = (),
        free: bool = False,
        example: Any = None,
        largest: int = SMALL,
        takes: Sequence[str] = (JSON,),
        aside: float | None = None,
    ) -> Callable[[Work], Work]:
        """Have a function answer this method of this path. `errors`: statuses beside those that go without saying.

        `also`: the status of some answers, which then have it as their `http_status`.

        What can take long by what is sent is done `aside`, in so many seconds at most; it publishes nothing.
        """

        def add(work: Work) -> Work:
            hints = get_type_hints(work, include_extras=True)
            returns = hints.pop("return")
            _, *names = inspect.signature(work).parameters
            parameters = {name: TypeAdapter(hints[name]) for name in names if name not in ("body", "query")}
            if set(parameters) != set(re.findall(r"\{(\w+)\}", path)):
                raise TypeError(f"{work.__name__}: its parameters are not those of {path}")
            body = hints.get("body")
            nothing = returns is type(None)
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    work=work,
                    scope=scope,
                    tag=tag,
                    status=status or (204 if nothing else 200),
                    also=also,
                    media=media,
                    errors=tuple(errors),
                    parameters=parameters,
                    query=hints.get("query", Empty),
                    body=None if body is None else TypeAdapter(body),
                    body_type=body,
                    returns=returns if inspect.isclass(returns) and issubclass(returns, BaseModel) else None,
                    free=free,
                    example=example,
                    largest=largest,
                    takes=tuple(takes),
                    aside=aside,
                )
            )
            return work

        return add

    def match(self, segments: Sequence[str]) -> dict[str, tuple[Route, dict[str, Any]]]:
        """Per method of a path, its route and the path's variable parts. A fixed segment goes before a variable one.

        A part that cannot be an id or a name is of no route: there is none like this.
        """
        found: dict[str, tuple[Route, dict[str, Any]]] = {}
        best: dict[str, tuple[bool, ...]] = {}
        for route in self.routes:
            if route.method in best and route.fixed < best[route.method]:
                continue
            if (values := _fits(route, segments)) is not None:
                found[route.method], best[route.method] = (route, values), route.fixed
        return found

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)


def _fits(route: Route, segments: Sequence[str]) -> dict[str, Any] | None:
    if len(route.pattern) != len(segments):
        return None
    parts = list(zip(route.pattern, route.fixed, segments, strict=True))
    if any(fixed and part != segment for part, fixed, segment in parts):
        return None
    values: dict[str, Any] = {}
    for part, fixed, segment in parts:
        if not fixed:
            try:
                values[part[1:-1]] = route.parameters[part[1:-1]].validate_python(_text(segment))
            except ValueError:
                return None
    return values


def _text(segment: str) -> str:
    if REFUSED.search(segment):
        raise ValueError("a character that no name holds")
    return segment
