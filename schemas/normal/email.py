"""E-mail addresses. In: what a source calls one. Out: its normal form in lower case, or None if it is no address.

Plain ASCII addresses (RFC 5322 dot-atoms) are judged by one expression, the rest by email-validator, which writes
encoded domains (`xn--…`) as what they say; no DNS is asked.
"""

from __future__ import annotations

import re
from functools import lru_cache

REMEMBERED = 100_000
LONGEST = 254  # characters, RFC 5321 §4.5.3.1

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]{{2,63}}")


def read_email(text: str) -> str | None:
    """The address in normal form, or None."""
    text = text.strip()
    if len(text) > LONGEST:
        return None
    lower = text.lower()
    if "xn--" not in lower and _PLAIN.fullmatch(lower):
        return lower
    return _validated(text)


@lru_cache(maxsize=REMEMBERED)
def _validated(text: str) -> str | None:
    if not 0 < text.find("@") <= 64:  # RFC 5321 §4.5.3.1
        return None
    from email_validator import EmailNotValidError, validate_email  # a tenth of a stage's start, and rarely needed

    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None
