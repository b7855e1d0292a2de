"""E-mail addresses. In: what a source calls one. Out: its normal form in lower case, or None if it is no address.

Plain ASCII addresses (RFC 5322 dot-atoms) are judged by one expression, the rest by email-validator, which writes
encoded domains (`xn--…`) as what they say; no DNS is asked. What is no address as it is written is looked through for
some (`address_text`): `Ravi <ravi@example.com>`, `mailto:ravi@example.com?subject=…`, two by comma.
"""

from __future__ import annotations

import re
from functools import lru_cache

from schemas.normal.address_text import candidates, is_clean

REMEMBERED = 100_000
LONGEST = 254  # characters, RFC 5321 §4.5.3.1
LONGEST_TEXT = 1000  # characters that are looked through

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]{{2,63}}")


def read_email(text: str) -> str | None:
    """The first address in a text, in normal form; None: there is none."""
    if text in _normal:
        return text
    if (address := _plain(text.strip())) is not None:
        if len(_normal) >= REMEMBERED:
            _normal.clear()
        _normal.add(address)
        return address
    found = emails_in(text)
    return found[0] if found else None


_normal: set[str] = set()  # addresses that were read, which the next stage reads again


def emails_in(text: str) -> tuple[str, ...]:
    """Every address in a text, in normal form, in their order, none twice."""
    text = text.strip()
    if (address := _plain(text)) is not None:
        return (address,)
    if len(text) <= LONGEST and is_clean(text) and (address := normal_email(text)) is not None:
        return (address,)
    return _searched(text) if len(text) <= LONGEST_TEXT else ()


def normal_email(text: str) -> str | None:
    """The address that a text is, in normal form, with nothing around it but white space; None: it is none."""
    text = text.strip()
    if len(text) > LONGEST:
        return None
    lower = text.lower()
    return lower if "xn--" not in lower and _PLAIN.fullmatch(lower) else _validated(text)


def _plain(text: str) -> str | None:
    """The address that a text plainly is: no mark before it, and nothing escaped in it."""
    if len(text) > LONGEST or not text[:1].isalnum() or "%" in text:
        return None
    lower = text.lower()
    return lower if "xn--" not in lower and _PLAIN.fullmatch(lower) else None


@lru_cache(maxsize=REMEMBERED // 10)
def _searched(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for alternatives in candidates(text):
        for addresses in alternatives:
            normal = [normal_email(address) for address in addresses]
            if any(normal):
                found.update(dict.fromkeys(address for address in normal if address is not None))
                break
    return tuple(found)


@lru_cache(maxsize=REMEMBERED)
def _validated(text: str) -> str | None:
    if not 0 < text.find("@") <= 64:  # RFC 5321 §4.5.3.1
        return None
    from email_validator import EmailNotValidError, validate_email  # a tenth of a stage's start, and rarely needed

    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None
