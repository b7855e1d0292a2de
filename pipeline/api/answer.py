"""Answers of the API. In: a model, or why not. Out: HTTP responses, errors always in the one documented shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from pipeline.operations.errors import Busy, Forbidden, InUse, Invalid, NotFound, Problem, Refused, Stale

JSON = "application/json"
PROBLEM = "application/problem+json"
LONGEST_VALUE = 200  # characters of a value that is told back
DISCREET = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

# The first that an error is one of.
STATUS: Mapping[type[Refused], int] = {
    NotFound: 404,
    Invalid: 422,
    Stale: 412,
    InUse: 409,
    Forbidden: 403,
    Busy: 429,
    Refused: 409,
}

# What each status means, wherever it can occur.
MEANING: Mapping[int, tuple[str, str]] = {
    400: ("Malformed", "The body is not JSON in UTF-8."),
    401: ("Unauthenticated", "There is no key, or it is unknown, expired, revoked, or its user inactive."),
    403: ("Not allowed", "The user's role or the key's scopes do not allow this."),
    404: ("Not found", "The account has nothing of this name or id, or the caller may not see it."),
    405: ("Method not allowed", "The path exists; the header Allow names its methods."),
    408: ("Too slow", "The body did not arrive in time."),
    409: ("Conflict", "It conflicts with what is stored, such as a name that is taken."),
    412: (
        "Changed meanwhile",
        "It was changed after you read it, so its ETag differs from If-Match. Read it again, and repeat your change.",
    ),
    413: ("Too large", "The body is larger than the server takes."),
    415: ("Unsupported content", "The body must be application/json, and not be compressed."),
    422: ("Not valid", "Something breaks a rule; `problems` lists everything that does."),
    429: ("Too many requests", "Wait for as many seconds as Retry-After says."),
    500: ("Fault", "An error inside Leadpipe; its log has the details."),
    503: ("Unavailable", "The database or the broker is away; try again in Retry-After seconds."),
}


class ProblemShown(BaseModel):
    """One thing that is wrong: where, which rule it breaks, and what was given (cut, and never a secret)."""

    model_config = ConfigDict(title="Problem")

    field: str | None = None
    rule: str
    value: Any = None


class ErrorShown(BaseModel):
    """What is wrong. `field`, `rule` and `value` are those of the first problem, if there is one."""

    model_config = ConfigDict(title="ErrorDetails")

    title: str = Field(description="the kind of error, one of a few fixed texts")
    detail: str = Field(description="what is wrong, and what to do")
    field: str | None = None
    rule: str | None = None
    value: Any = None
    problems: list[ProblemShown] = Field(description="everything that is wrong; empty where there is one thing to say")


EXAMPLE: dict[str, Any] = {
    "title": "Not valid",
    "detail": "the body is not valid",
    "field": "role",
    "rule": "must be 'admin', 'editor', 'operator' or 'viewer'",
    "value": "boss",
    "problems": [
        {"field": "role", "rule": "must be 'admin', 'editor', 'operator' or 'viewer'", "value": "boss"},
        {"field": "nmae", "rule": "is not known here; did you mean 'name'?", "value": "Sam"},
    ],
}


class ErrorAnswer(ErrorShown):
    """Every answer that is not a success: problem details (RFC 9457), in the shape of the ingress' own refusals.

    There is no `type`, which by RFC 9457 stands for `about:blank`: `title` and `status` tell the kind.
    """

    model_config = ConfigDict(title="Error")

    status: int = Field(ge=400, le=599, description="the status of the answer")
    error: ErrorShown = Field(
        deprecated=True, description="the same members, for clients that were made for an earlier version"
    )


class Refusal(Exception):
    """A request that is answered with an error before an operation is asked."""

    def __init__(
        self, status: int, detail: str, problems: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = problems
        self.headers = headers or {}


def shown(status: int, model: BaseModel, content_type: str = JSON) -> web.Response:
    """A model as JSON."""
    body = model.model_dump_json(by_alias=True, exclude_none=isinstance(model, ErrorAnswer)).encode()
    return web.Response(status=status, body=body, headers={"Content-Type": content_type, **DISCREET})


def refused(error: Refused) -> web.Response:
    """What an operation refused."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else {}
    return failed(status_of(error), error.detail, error.problems, headers)


def status_of(error: Refused) -> int:
    """The status of what an operation refused."""
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def problem(found: Problem) -> ProblemShown:
    """One thing that is wrong, as it is told."""
    return ProblemShown(field=found.field, rule=found.rule, value=_cut(found.value))


def failed(
    status: int, detail: str, problems: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error in its shape."""
    response = shown(status, error_shown(status, detail, problems), PROBLEM)
    response.headers.update(headers or {})
    if status in (408, 413):
        response.force_close()  # the rest of the body is not worth reading
    return response


def error_shown(status: int, detail: str, problems: Sequence[Problem] = ()) -> ErrorAnswer:
    """What is told of an error."""
    told = [problem(each) for each in problems]
    first = told[0].model_dump() if told else {}
    why: dict[str, Any] = {"title": MEANING[status][0], "detail": detail, "problems": told, **first}
    return ErrorAnswer(status=status, error=ErrorShown(**why), **why)


def _cut(value: Any) -> Any:
    """A scalar as it is, but short; anything that holds others is not told back."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
    return value if value is None or isinstance(value, bool | int | float) else None
