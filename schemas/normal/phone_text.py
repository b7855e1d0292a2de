"""What stands around phone numbers and between them. In: any text. Out: its pieces, each of which may be a number.

Links and addresses that hold a number give it; what has digits and is something else (e-mail addresses, links, dates,
times, identifiers) goes. Nothing here knows what a valid number is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from schemas.normal.wrapping import decoded, visible

_ESCAPED = 3  # a value that passed three systems is escaped as often
_MOST_WORDS = 24  # of a text that is a few numbers in groups of digits
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-")

# What spreadsheets make of long numbers: a decimal place that says nothing, or an exponent, and then digits are lost.
_WHOLE = re.compile(r"(\D*)(\d{6,15})[.,]0{1,2}(\D*)", re.ASCII)
_EXPONENT = re.compile(r"(?<![\w.,+-])[+-]?\d(?:[.,]\d*)?[eE]\+?\d{1,2}(?!\w)")

_LINKS = (
    (re.compile(r"<[/ ]*(?:br|p|div|span|li|td|b|a)\b[^<>]*>", re.IGNORECASE), "|"),
    (re.compile(r"\b(?:sips?|xmpp):\s*([^@<>\s]+)@[^\s<>,|]+", re.IGNORECASE), r" \1 "),
    # The international number without its plus: https://faq.whatsapp.com/5913398998672934, and the same service's ids.
    (re.compile(r"(?:https?://)?\bwa\.me/(?:message/)?\+?(\d{7,15})\b[^\s,;|]*", re.IGNORECASE), r" +\1 "),
    (re.compile(r"(?:https?|whatsapp)://[^\s|]*?[?&]phone=\+?(\d{7,15})\b[^\s,;|]*", re.IGNORECASE), r" +\1 "),
    (re.compile(r"(?<![\w.+-])\+?(\d{7,15})(?::\d{1,3})?@(?:s\.whatsapp\.net|c\.us)\b", re.IGNORECASE), r" +\1 "),
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_OTHERS = re.compile(
    r"[^\s,;|<>()]*@[^\s,;|<>()]+"  # an e-mail address
    r"|\b(?:https?|ftp)://\S+|\bwww\.\S+"
    r"|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"  # a UUID
    r"|(?<![\d+.,/(-])(?:"
    rf"{_YEAR}(?P<a>[-/.]){_MONTH}(?P=a){_DAY}|{_DAY}(?P<b>[-/.]){_MONTH}(?P=b){_YEAR}"
    rf"|{_MONTH}(?P<c>[-/.]){_DAY}(?P=c){_YEAR})(?![\d/-]|\.\d)(?:[T ]*\d\d?:\d\d[:.\d]*(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|(?<![\d:])\d\d?:\d\d(?::\d\d)?(?![\d:])",
    re.IGNORECASE,
)
_EXTENSION = re.compile(
    r"(?<=[\d)])[\s,;/(\[]*(?:e?xt(?:n|ensi[oó]n)?|x|int|intern|anexo|ramal|durchwahl|доб|#)"
    r"(?![^\W\d_])[\s.:=#-]*(?:no\.?\s*)?(\d{1,7})(?!\d)[\])#]*(?=[^\d,;|&/\n]*(?:$|[,;|&/\n]))",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"[,;|&\n\t،؛、•]|\s(?:or|and|und|oder|y|et|ou|o|e|aur|to|bis)(?:/(?:or|oder))?\s|(?<!\S)[1-9][):]\s", re.IGNORECASE
)
_WEAK = re.compile(r"[/\\()\[\]{}<>]|\s-+\s|(?<=[\d\s])(?=\+)")
_RUN = re.compile(r"(?<![^\W_])[+(]{0,2}\d[\d\s().\-/]*\d(?!\w)", re.ASCII)
_CORE = re.compile(r"[^\d+]*(\+*[^\w+]*\d(?:[^\w+]*\d)*)(?:[^\w+][^\d+]*)?")
_NO_DIGITS = re.compile(r"\D")
_SPELLED = re.compile(  # 1-800-FLOWERS: few digits, then one word
    r"[^\d+]*\+?(?:[\s().-]*\d){3,6}[\s().-]*(?=(?:[^a-z]*[a-z]){3})[a-z]+(?:-[a-z]+)*(?:[ -]?\d{1,4})?[^\w]*",
    re.IGNORECASE | re.ASCII,
)
_FIRST_DIGIT = re.compile(r"(?<=\d)")
_LABELLED = re.compile(r" ext\. \d+ ")
_LONG_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}", re.ASCII)


def tidy(text: str) -> str:
    """The text in ASCII digits and plain spaces, without escapes, marks that only steer writing, and underscores."""
    for _ in range(_ESCAPED):
        if "%" in text:
            text = unquote(text)
    text = decoded(text) if "&" in text else text
    if not text.isascii():
        text = "".join(map(_ascii, unicodedata.normalize("NFKC", visible(text)))).translate(_DASHES)
    text = text.replace("\0", "").replace("_", " ").strip()
    if whole := _WHOLE.fullmatch(text):
        return "".join(whole.groups())
    return text


def digits_lost(text: str) -> bool:
    """Whether a program wrote this number with an exponent (9.19845E+11), so that nobody knows its last digits."""
    return ("e" in text or "E" in text) and _EXPONENT.search(tidy(text)) is not None


def without_others(text: str) -> str:
    """The tidy text with what holds a number replaced by it, and bars for what is something else."""
    for pattern, number in _LINKS:
        text = pattern.sub(number, text)
    return _EXTENSION.sub(r" ext. \1 ", _OTHERS.sub("|", _EXPONENT.sub("|", text)))


def is_date(text: str) -> bool:
    """Whether the tidy text is a day of this century or the last one, written in digits with the same mark twice."""
    return len(text) <= 10 and not text.isdecimal() and _OTHERS.fullmatch(text) is not None


def strong_parts(text: str) -> list[str]:
    """The parts between marks and words that stand in no number."""
    return _parts(_STRONG, text)


def weak_parts(text: str) -> list[str]:
    """The parts between marks that may stand in a number too: slashes, brackets, a dash alone, a plus."""
    return _parts(_WEAK, text)


def slashed(text: str) -> list[str]:
    """The parts between slashes."""
    return text.replace("\\", "/").split("/")


def spaced(text: str) -> Iterator[list[str]]:
    """The ways to take a text for numbers between spaces: of words, or of the same groups of digits again and again."""
    words = text.split()
    sizes = [len(word) for word in words] if len(words) <= _MOST_WORDS else []
    for times in range(len(sizes), 1, -1):
        each = len(words) // times
        if each * times == len(words) and (each == 1 or sizes == sizes[:each] * times):
            yield [" ".join(words[place : place + each]) for place in range(0, len(words), each)]


def spells(text: str) -> bool:
    """Whether letters behind the first digit are too few to mean something, or stand for digits (1-800-FLOWERS)."""
    behind = _FIRST_DIGIT.split(text, maxsplit=1)[-1]
    letters = sum(map(str.isalpha, _LABELLED.sub("", behind)))
    return letters < 3 or _SPELLED.fullmatch(text) is not None


def runs(text: str) -> list[str]:
    """The longest texts of digits and marks between words."""
    return _RUN.findall(text)


def core(text: str) -> str | None:
    """`+` and digits, or digits, of a text that holds these and marks between them; words may stand around it."""
    found = _CORE.fullmatch(text)
    if found is None:
        return None
    return ("+" if found[1].startswith("+") else "") + _NO_DIGITS.sub("", found[1])


def grouped(text: str) -> str | None:
    """A number with commas in it, as a spreadsheet groups digits, without them; else None."""
    return text.replace(",", "") if _LONG_GROUPS.fullmatch(text) else None


def _parts(pattern: re.Pattern[str], text: str) -> list[str]:
    return [part for part in pattern.split(text) if any(map(str.isdigit, part))]


def _ascii(character: str) -> str:
    """A digit of any script in ASCII: NFKC leaves Devanagari as it is."""
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
