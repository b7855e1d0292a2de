"""A scheme: how a source proves who posts. In: `schemes/*.toml`, or a connector's own words. Out: strict models.

What a vendor signs, and in which headers, is data: one file per scheme (vendor-facts §6), and none of it is code.
"""

from __future__ import annotations

import string
from typing import Literal

from pydantic import Field, field_validator, model_validator

from schemas.strict import Strict

HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"  # a token, RFC 9110 §5.6.2
PARTS = ("body", "timestamp", "id", "url", "form")
Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]
Family = Literal["token", "header", "basic", "signature"]


class Signature(Strict):
    """One way of signing a request: a MAC (RFC 2104) over a text that is put together from parts of the request.

    `signed` is that text, with `{body}` (the bytes of the content, any Content-Encoding removed), `{timestamp}` and
    `{id}` (as the sender wrote them), `{url}` (the public one, with its query) and `{form}` (names and values of a
    form, in order of the names). The signature is in `header`: after `prefix`; or, if `signature_part` is set, in a
    list such as `t=1,v1=ab`. `several` parts a list of signatures in one header. The time is in `timestamp_header`
    or in `timestamp_part` of the list; `id_header` holds the message's id. `body_hash` is a query parameter that holds
    the body's SHA-256 in hex: this signature is the one meant where the URL has it. `secret_prefix` is taken off a
    secret, which then is text, base64 or hex as `secret_encoding` says. `public_prefix` marks a secret that is an
    Ed25519 public key (RFC 8032) in base64; such a signature follows `public_signature`.
    """

    header: str = Field(pattern=HEADER_NAME)
    signed: str = "{body}"
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    several: Literal["", " "] = ""
    signature_part: str | None = None
    timestamp_part: str | None = None
    timestamp_header: str | None = Field(default=None, pattern=HEADER_NAME)
    id_header: str | None = Field(default=None, pattern=HEADER_NAME)
    body_hash: str | None = None
    secret_encoding: Literal["text", "base64", "hex"] = "text"  # noqa: S105 - no secret
    secret_prefix: str = ""
    public_prefix: str = ""
    public_signature: str = ""

    @field_validator("signed")
    @classmethod
    def _known_parts(cls, value: str) -> str:
        pieces(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Signature:
        signed = self.parts
        if self.timestamp_part and self.timestamp_header:
            raise ValueError("the time is either in timestamp_header or in timestamp_part")
        if self.timestamp_part and not self.signature_part:
            raise ValueError("timestamp_part needs signature_part: both are parts of one header, such as t=1,v1=ab")
        if self.signature_part and (self.prefix or self.several):
            raise ValueError("signature_part stands in place of prefix")
        if "timestamp" in signed and not (self.timestamp_part or self.timestamp_header):
            raise ValueError("signed has {timestamp}: timestamp_header must name the header that holds it")
        if "timestamp" not in signed and (self.timestamp_part or self.timestamp_header):
            raise ValueError("a time that is not signed proves nothing: put {timestamp} into signed, or name no time")
        if "id" in signed and not self.id_header:
            raise ValueError("signed has {id}: id_header must name the header that holds it")
        if not signed & {"body", "form"} and not self.body_hash:
            raise ValueError("signed must have {body}, else anybody could change what is posted")
        return self

    @property
    def parts(self) -> frozenset[str]:
        """The names in `signed`."""
        return frozenset(name for _, name in pieces(self.signed) if name)


class Echo(Strict):
    """How a source verifies a webhook URL by having something sent back.

    `field` names what it wants back: a parameter of the query of a GET, or a member of a posted JSON object. `when`
    holds the parameters or members, and their values, that tell such a request from others. Of a query, `token` names
    the parameter that holds the verify token. The answer is the value as plain text; of a posted one, in the member
    `answer` of a JSON object where that is set.
    """

    where: Literal["query", "body"]
    field: str = Field(min_length=1)
    when: dict[str, str] = {}
    token: str | None = None
    answer: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Echo:
        if self.where == "body" and not self.when:
            raise ValueError("an echo of a body needs `when`: any event may have such a member")
        if self.where == "body" and self.token:
            raise ValueError("token belongs to an echo of a query: a posted body is authenticated by the scheme")
        return self


class Scheme(Strict):
    """How a source proves who posts. Of several `signature`s, the first one whose marks a request has is the one."""

    name: str
    title: str
    about: str
    family: Family = "signature"
    tolerance: int | None = Field(default=None, ge=1, le=86_400)  # seconds, where the scheme signs a time
    signature: list[Signature] = []
    echo: Echo | None = None

    @model_validator(mode="after")
    def _whole(self) -> Scheme:
        if (self.family == "signature") != bool(self.signature):
            raise ValueError("a scheme of signatures has at least one, and no other has any")
        if (self.tolerance is not None) != self.signs_time:
            raise ValueError("tolerance goes with a signed time: both, or neither")
        return self

    @property
    def signs_time(self) -> bool:
        """Whether a request can be too old."""
        return any("timestamp" in signature.parts for signature in self.signature)


def pieces(template: str) -> list[tuple[str, str | None]]:
    """A template as pairs of a literal text and the part that follows it, if any. ValueError: not a template."""
    found: list[tuple[str, str | None]] = []
    for literal, name, specification, conversion in string.Formatter().parse(template):
        if name is not None and (name not in PARTS or specification or conversion):
            raise ValueError(f"{{{name}}} is not a part of a request; the parts are {{{'}, {'.join(PARTS)}}}")
        found.append((literal, name))
    return found
