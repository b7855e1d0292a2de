"""`[auth]`: who may post to a connector. In: what its file and its preset say. Out: an `Auth`, whole and checked.

Secrets are never written here, only where they lie: `env:NAME` (a variable of the ingress), `file:/path` (one secret,
a line end after it is not part of it) or `stored:name` (`leadpipe secret set name`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import chain
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from schemas.scheme import HEADER_NAME, Algorithm, Encoding, Scheme, Signature, pieces
from schemas.schemes import schemes
from schemas.strict import Strict

Mode = Literal["enforce", "log", "off"]
Network = IPv4Network | IPv6Network

STORED_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
_REFERENCE = re.compile(rf"env:[A-Za-z_][A-Za-z0-9_]{{0,199}}|file:/[^\0]{{1,1000}}|stored:{STORED_NAME}")
OWN = "LEADPIPE_"  # variables of Leadpipe itself: no account may use one as its secret

# Without a vendor: the token in the URL alone, a value in a header, a user and password, a MAC of one's own.
GENERIC: dict[str, frozenset[str]] = {
    "token": frozenset(),
    "header": frozenset({"secrets", "header", "prefix"}),
    "basic": frozenset({"secrets", "user"}),
    "hmac": frozenset(
        {
            *("secrets", "header", "prefix", "algorithm", "encoding", "signed", "secret_encoding", "tolerance"),
            *("timestamp_header", "timestamp_part", "signature_part", "id_header"),
        }
    ),
}
COMMON = frozenset({"mode", "scheme", "addresses"})
SIGNATURE = frozenset(Signature.model_fields)
TOLERANCE = 300  # seconds, where the scheme names none


def _name_schemes(schema: dict[str, Any]) -> None:
    """JSON Schema: the names of the schemes, for the completion of editors."""
    schema["anyOf"] = [{"type": "string", "enum": sorted([*GENERIC, *schemes()])}, {"type": "null"}]


class AuthSettings(Strict):
    """Who may post. What is left out is the preset's; a connector that names nothing here asks for nothing."""

    # a secret that was put here by mistake must not come back in an error's text
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    mode: Mode | None = Field(
        default=None,
        description="enforce: a request without a valid proof is refused. log: it is accepted, counted and logged. "
        "off: nothing is checked. Left out: enforce.",
    )
    scheme: str | None = Field(
        default=None,
        description="How the source proves itself: token (the webhook URL alone), header, basic, hmac, "
        "or the name of a shipped scheme.",
        json_schema_extra=_name_schemes,
    )
    secrets: list[str] | None = Field(
        default=None,
        max_length=4,
        description="Where the secrets are: env:NAME, file:/path or stored:name. Any one of them is enough.",
    )
    addresses: list[str] | None = Field(
        default=None,
        max_length=1000,
        description="Networks that may post, such as 203.0.113.0/24 or 2001:db8::/32; none: any.",
    )
    tolerance: int | None = Field(
        default=None, ge=1, le=86_400, description="Seconds by which a signed time may differ from now."
    )
    verify_token: str | None = Field(
        default=None,
        description="Where the token is that the source sends when it verifies the URL: env:, file: or stored:.",
    )
    user: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        pattern="^[^:\\x00-\\x1f]+$",
        description="The user name of scheme basic.",
    )
    header: str | None = Field(
        default=None, pattern=HEADER_NAME, description="The header with the secret (header) or the signature (hmac)."
    )
    prefix: str | None = Field(
        default=None,
        max_length=50,
        description="What stands before the secret or signature in the header, such as 'Bearer ' or 'sha256='.",
    )
    algorithm: Algorithm | None = Field(default=None, description="The hash of scheme hmac; left out: sha256.")
    encoding: Encoding | None = Field(default=None, description="How the signature is written; left out: hex.")
    signed: str | None = Field(
        default=None,
        max_length=200,
        description="What is signed, from {body}, {timestamp}, {id}, {url} and {form}, such as {timestamp}.{body}; "
        "left out: {body}.",
    )
    timestamp_header: str | None = Field(
        default=None, pattern=HEADER_NAME, description="The header with the signed time, in Unix seconds."
    )
    timestamp_part: str | None = Field(
        default=None, max_length=20, description="The part with the time, of a header such as t=1,v1=ab."
    )
    signature_part: str | None = Field(
        default=None, max_length=20, description="The part with the signature, of a header such as t=1,v1=ab."
    )
    id_header: str | None = Field(
        default=None, pattern=HEADER_NAME, description="The header with the message's id, the same in every repetition."
    )
    secret_encoding: Literal["text", "base64", "hex"] | None = Field(
        default=None, description="How the secret is written: as the text itself, or in base64 or hex; left out: text."
    )

    @field_validator("secrets")
    @classmethod
    def _references(cls, value: list[str] | None) -> list[str] | None:
        for each in value or []:
            reference(each)
        if value is not None and len(set(value)) < len(value):
            raise ValueError("names one secret twice")
        return value

    @field_validator("verify_token")
    @classmethod
    def _reference(cls, value: str | None) -> str | None:
        return None if value is None else reference(value)

    @field_validator("addresses")
    @classmethod
    def _networks(cls, value: list[str] | None) -> list[str] | None:
        for each in value or []:
            network(each)
        return value

    @field_validator("signed")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is not None:
            pieces(value)
        return value


@dataclass(frozen=True)
class Auth:
    """Who may post to a connector, and how they prove it."""

    mode: Mode
    scheme: Scheme
    secrets: tuple[str, ...] = ()
    addresses: tuple[Network, ...] = ()
    tolerance: int = TOLERANCE
    verify_token: str | None = None
    user: str | None = None
    header: str | None = None
    prefix: str = ""

    @property
    def references(self) -> tuple[str, ...]:
        """Where all of its secrets lie."""
        return self.secrets if self.verify_token is None else (*self.secrets, self.verify_token)

    @cached_property
    def signs_fields(self) -> bool:
        """Whether a signature is over the fields that a form says, and not over its bytes."""
        return any("form" in signature.parts for signature in self.scheme.signature)

    @cached_property
    def headers(self) -> tuple[str, ...]:
        """The headers that its scheme asks for, where it names them."""
        signed = ((each.header, each.timestamp_header, each.id_header) for each in self.scheme.signature)
        return tuple(name for name in (self.header, *chain.from_iterable(signed)) if name is not None)


def joined(own: AuthSettings | None, preset: AuthSettings | None) -> Auth | None:
    """What a connector demands; None: nothing beyond its URL. ValueError names the setting, and what to do.

    A preset's settings are those that the connector leaves out, if it chose no other scheme.
    """
    if own is None:
        return None
    values = own.model_dump(exclude_none=True)
    if preset is not None and own.scheme in (None, preset.scheme):
        values = {**preset.model_dump(exclude_none=True), **values}
    scheme = values.get("scheme", "token")
    known = takes(scheme)
    for name in sorted(set(values) - COMMON - known):
        rest = ", ".join(sorted(known | COMMON))
        raise ValueError(f"auth.{name}: scheme {scheme} takes no {name}; it takes {rest}")
    for name in ("secrets", "header", "user"):
        if name in known and not values.get(name):
            raise ValueError(f"auth.{name}: scheme {scheme} needs {name}{_HINT.get(name, '')}")
    return Auth(
        mode=values.get("mode", "enforce"),
        scheme=(chosen := _scheme(scheme, values)),
        secrets=tuple(values.get("secrets", ())),
        addresses=tuple(network(each) for each in values.get("addresses", ())),
        tolerance=values.get("tolerance") or chosen.tolerance or TOLERANCE,
        verify_token=values.get("verify_token"),
        user=values.get("user"),
        header=values.get("header"),
        prefix=values.get("prefix", ""),
    )


_HINT = {
    "secrets": ", such as secrets = ['env:ACME_SECRET'] or ['stored:acme']; "
    "or scheme = 'token', if the URL and the addresses are enough",
    "header": ", such as header = 'X-Api-Key'",
    "user": ", such as user = 'acme'",
}


def takes(scheme: str) -> frozenset[str]:
    """The attributes that a scheme takes beside those that all take. ValueError: there is none of this name."""
    if scheme in GENERIC:
        return GENERIC[scheme]
    if scheme not in schemes():
        raise ValueError(
            f"auth.scheme: no scheme is called {scheme!r}; the schemes are {', '.join([*GENERIC, *schemes()])}"
        )
    shipped = schemes()[scheme]
    timed = {"tolerance"} if shipped.signs_time else set()
    verified = {"verify_token"} if shipped.echo and shipped.echo.token else set()
    return frozenset({"secrets", *timed, *verified})


def reference(value: str) -> str:
    """A reference to a secret, checked; the error does not repeat it, as it may be the secret itself."""
    if not _REFERENCE.fullmatch(value):
        raise ValueError(
            "must say where the secret is: env:NAME, file:/path or stored:name; the secret itself does not belong "
            "here (keep it with `leadpipe secret set NAME`)"
        )
    if value.startswith(f"env:{OWN}"):
        raise ValueError(f"variables that begin with {OWN} are Leadpipe's own, and cannot be a connector's secret")
    return value


def network(value: str) -> Network:
    """A network or a single address, checked."""
    try:
        return ip_network(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a network, such as 203.0.113.0/24 or 2001:db8::/32: {error}") from None


def _scheme(name: str, values: dict[str, Any]) -> Scheme:
    if name in schemes():
        return schemes()[name]
    if name != "hmac":
        return Scheme(name=name, title=name, about="", family=name)  # type: ignore[arg-type]  # the keys of GENERIC
    own = {key: value for key, value in values.items() if key in SIGNATURE}
    try:
        signature = Signature(**own)
        timed = (values.get("tolerance") or TOLERANCE) if "timestamp" in signature.parts else None
        if timed is None and "tolerance" in values:
            raise ValueError("tolerance needs a signed time: put {timestamp} into signed")
        return Scheme(name=name, title=name, about="", tolerance=timed, signature=[signature])
    except ValueError as error:
        raise ValueError(f"auth: {_plain(error)}") from None


def _plain(error: ValueError) -> str:
    """The messages of a model's errors alone."""
    problems = error.errors() if hasattr(error, "errors") else []
    return "; ".join(str(problem["msg"]).removeprefix("Value error, ") for problem in problems) or str(error)
