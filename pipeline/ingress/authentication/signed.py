"""The text that a sender signed. In: a request, and a scheme's template. Out: its bytes, put together again."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from pipeline.ingress.authentication.arrived import Arrived, Denied
from schemas.scheme import pieces

FORM = "application/x-www-form-urlencoded"
FIELDS = 1_000
PORTS = {"http": 80, "https": 443}


class Template:
    """A scheme's template. `bases` are the public addresses that the URL in it may begin with."""

    def __init__(self, template: str, bases: Sequence[str]) -> None:
        self._pieces = [(literal.encode(), part) for literal, part in pieces(template)]
        self.parts = frozenset(part for _, part in self._pieces if part)
        self._bases = tuple(bases) if "url" in self.parts else ("",)
        after = iter(pieces(template)[1:])
        ends = {part: literal for (_, part), (literal, _) in zip(pieces(template), after, strict=False)}
        self._after_id = ends.get("id", "")

    def texts(self, arrived: Arrived, timestamp: bytes, id: str | None) -> list[bytes]:
        """What may have been signed: one text for each way of writing the public address. Denied."""
        if id is not None and self._after_id and self._after_id in id:
            raise Denied("malformed", f"the message's id must not contain {self._after_id!r}")
        values = {
            "body": arrived.body,
            "timestamp": timestamp,
            "id": b"" if id is None else id.encode("utf-8", "surrogateescape"),
            "form": _form(arrived) if "form" in self.parts else b"",
        }
        return [self._text(values, base + arrived.target) for base in self._bases]

    def _text(self, values: dict[str, bytes], url: str) -> bytes:
        found = []
        for literal, part in self._pieces:
            found.append(literal)
            if part == "url":
                found.append(url.encode("utf-8", "surrogateescape"))
            elif part is not None:
                found.append(values[part])
        return b"".join(found)


def addresses_of(public_url: str) -> tuple[str, ...]:
    """The public address as it was set, and with the scheme's own port said or not said: some senders add it."""
    base = public_url.rstrip("/")
    split = urlsplit(base)
    port = PORTS.get(split.scheme)
    if split.port is None and port is not None:
        return base, split._replace(netloc=f"{split.netloc}:{port}").geturl()
    if split.port == port:
        return base, split._replace(netloc=split.netloc.removesuffix(f":{port}")).geturl()
    return (base,)


def _form(arrived: Arrived) -> bytes:
    """Names and values of the form in order of the names; of a repeated name, each value once, in order."""
    media = arrived.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media != FORM or arrived.body.lstrip()[:1] in (b"{", b"["):  # the door would read that as JSON
        raise Denied("malformed", f"this signature covers only a body of {FORM}")
    try:
        pairs = parse_qsl(arrived.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        raise Denied("malformed", "the body is not the form that was signed") from None
    return "".join(name + value for name, value in sorted(set(pairs))).encode()
