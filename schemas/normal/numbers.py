"""Numbers as people write them. In: a text without wrapping, a country. Out: the one number in it, or None.

| part | what is taken |
|---|---|
| sign | `+`, `-`, a minus or a dash of Unicode, before or behind the sign of a currency |
| currency | any sign of one (₹, $, R$), an ISO 4217 code, an abbreviation (Rs., Dhs), before or behind |
| digits | of any script |
| groups and decimals | with the marks of the country, see `custom_marks`; groups of three, or Indian ones by comma |
| scale | k, thousand; lakh, lac; cr, crore; mn, mio, million; bn, billion |
| tail | `/-`, `/=`, `,-`, `.-`, only |
| exponent | `1E+05`, as programs write numbers |

A reading that two styles make differently follows the country's main one. Two numbers are none.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from schemas.normal.custom_marks import COMMA, NOWHERE, POINT, Marks, currency_codes, marks_of, sign_of

LONGEST = 100  # characters

_MARKS = str.maketrans(
    {**dict.fromkeys("−–—﹣－‐‑", "-"), "＋": "+", "，": ",", "．": ".", "’": "'", "‘": "'", "＇": "'"}
)
_EXPONENT = re.compile(r"[+-]?\d{1,30}(?:[.,]\d{1,30})?[eE][+-]\d{1,3}", re.ASCII)
_PARTS = re.compile(r"([^\d]*)(\d(?:[\d.,'٬٫ ]*\d)?)([^\d]*)", re.ASCII)
_HYPHEN = re.compile(r"[^\W\d_]\.?-")  # `Rs-500` is no debt, and `FT-500` no money
_SIGN = re.compile(r"[+-] ?")
_TAIL = re.compile(r"(?:[.,]?\s*(?:/[-=]|[,.]-|\bonly\b))+\.?$|\.$", re.IGNORECASE)
_SCALE = re.compile(
    r"\s*(?:(k|thousand)|(lakhs?|lacs?)|(mn|mio|millions?)|(cr|crores?)|(bn|billions?))(?![^\W\d_])\.?\s*",
    re.IGNORECASE,
)
_SCALES = (10**3, 10**5, 10**6, 10**7, 10**9)
_LETTERED_SIGN = re.compile(r"[a-z]{1,3}(.)", re.ASCII)
# What people write for currencies beside the signs; a code in lower case is here where it is no other word.
_WORDS = frozenset(
    "rs re rupee rupees rp rm dh dhs dirham dirhams sr qr zł zl kč sfr ksh kshs tsh ush dollar dollars euro euros "  # noqa: SIM905
    "usd eur gbp inr aed sar qar omr kwd bhd sgd myr aud cad chf jpy cny hkd nzd zar pkr lkr npr bdt idr thb php vnd "
    "brl mxn pln sek nok dkk czk huf ils rub uah kes ngn ghs ugx tzs egp".split()
)
_GROUPED = {
    mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+", re.ASCII) for mark in (COMMA, POINT, " ", "'")
}
_INDIAN = re.compile(r"[1-9]\d?(?:,\d\d)+,\d{3}", re.ASCII)


def read_number(text: str, country: str | None) -> Decimal | None:
    """The number, exactly as it is written; `country` is an ISO 3166 alpha-2 code. None: no number, or not one."""
    if len(text) > LONGEST:
        return None
    text = "".join(map(_ascii, text)).translate(_MARKS)
    if _EXPONENT.fullmatch(text):
        return Decimal(text.replace(COMMA, POINT))
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    before, digits, after = parts.groups()
    if before[-1:] in (POINT, COMMA) and not before[-2:-1].isalpha():  # `.5`, and not `Rs.5`
        before, digits = before[:-1], f"0{before[-1]}{digits}"
    negative = "-" in before
    if negative and _HYPHEN.search(before):
        return None
    words = _SIGN.sub("", before, count=1).split()
    scale, behind = _scale(after)
    if not all(_is_currency(word, country) for word in words + behind):
        return None
    value = _value(digits, country)
    if value is None:
        return None
    return -value * scale if negative else value * scale


def _scale(after: str) -> tuple[int, list[str]]:
    """What stands behind the digits: by how much they are multiplied, and the words that are left."""
    after = _TAIL.sub("", after)
    found = _SCALE.match(after)
    if found is None:
        return 1, after.split()
    return _SCALES[int(found.lastindex or 1) - 1], after[found.end() :].split()


def _value(digits: str, country: str | None) -> Decimal | None:
    """Digits with marks between them, by the custom of the country."""
    if digits.isdecimal():
        return Decimal(digits)
    if "٫" in digits or "٬" in digits:  # Arabic marks, which mean one thing alone
        return _read(digits.translate({ord("٫"): POINT, ord("٬"): COMMA}), POINT, NOWHERE.beside_point)
    point, comma = _read(digits, POINT, frozenset(COMMA)), _read(digits, COMMA, frozenset(". '"))
    if point is not None and comma is None:
        return point
    return _by_custom(digits, NOWHERE if country is None else marks_of(country))


def _by_custom(digits: str, marks: Marks) -> Decimal | None:
    point = _read(digits, POINT, marks.beside_point)
    if marks.beside_comma is None:
        return point
    # With decimals behind it a comma is plain, whatever stands between the groups.
    groups = marks.beside_comma if COMMA not in digits else marks.beside_comma | {POINT, " "}
    comma = _read(digits, COMMA, groups)
    if point is None or comma is None:
        return comma if point is None else point
    return comma if marks.main == COMMA else point


def _read(digits: str, decimal: str, groups: frozenset[str]) -> Decimal | None:
    """The digits as a number with this decimal mark and one of these between groups."""
    whole, mark, fraction = digits.partition(decimal)
    if mark and not fraction.isdecimal():
        return None
    if not whole.isdecimal():
        group = next((g for g in groups if g in whole), None)
        if group is None or not (_GROUPED[group].fullmatch(whole) or (group == COMMA and _INDIAN.fullmatch(whole))):
            return None
        whole = whole.replace(group, "")
    return Decimal(f"{whole}.{fraction or 0}")


def _is_currency(word: str, country: str | None) -> bool:
    """Whether a word is the sign, the code or a usual abbreviation of a currency."""
    sign = sign_of(word.rstrip(":"))
    if not sign or len(sign) > 12:
        return False
    if sign in _WORDS or all(unicodedata.category(character) == "Sc" for character in sign):
        return True
    if (lettered := _LETTERED_SIGN.fullmatch(sign)) and unicodedata.category(lettered[1]) == "Sc":
        return True
    if word.isascii() and word.isupper() and word in currency_codes():
        return True
    return country is not None and sign in marks_of(country).signs


def _ascii(character: str) -> str:
    digit = None if character.isascii() else unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
