"""Names of charsets. In: a name, as a content type or a form has it. Out: the codecs that it may mean, or a Refusal.

Names mean what they mean to browsers (WHATWG Encoding standard §4.2): ISO-8859-1 is Windows-1252, of which it is a
part, and so on. Beyond those, whatever Python knows as a charset is one.
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from functools import lru_cache
from typing import Final, NamedTuple

from pipeline.ingress.refusal import unsupported

UTF_8: Final = "utf-8"
WINDOWS_1252: Final = "cp1252"


class Charset(NamedTuple):
    """A charset: the `label` that it was named with, empty if nobody did, and what it may mean, first things first."""

    label: str
    codecs: tuple[str, ...]

    def after_utf8(self) -> Charset:
        """The same, but UTF-8 counts first, whatever was named."""
        return self if self.codecs[0] == UTF_8 else Charset(self.label, (UTF_8, *self.codecs))


UNNAMED: Final = Charset("", (UTF_8, WINDOWS_1252))
UTF8: Final = Charset("UTF-8", (UTF_8,))

# By Python's name of a codec, what its label means on the web. Where two codecs differ in a few signs, such as a dash,
# the one that was named goes first, and the larger one takes what that has no sign for. Who says ASCII and sends more
# is wrong in any case, and nearly always sends UTF-8.
_MEANT: Final[dict[str, tuple[str, ...]]] = {
    "ascii": (UTF_8, WINDOWS_1252),
    "utf-8-sig": (UTF_8,),
    "iso8859-1": (WINDOWS_1252,),
    "iso8859-9": ("cp1254",),
    "iso8859-11": ("cp874",),
    "tis-620": ("cp874",),
    "gb2312": ("gb2312", "gb18030"),
    "gbk": ("gbk", "gb18030"),
    "big5": ("big5", "cp950", "big5hkscs"),
    "shift_jis": ("shift_jis", "cp932"),
    "euc_kr": ("euc_kr", "cp949"),
}
# Labels of the standard that Python does not know, as `_plain` leaves them.
_FURTHER: Final = {
    label: codec
    for codec, labels in {
        "utf_8": "unicode_1_1_utf_8 unicode11utf8 unicode20utf8",
        "utf_16": "unicode ucs_2 iso_10646_ucs_2 csunicode unicodefeff",
        "utf_16_be": "unicodefffe",
        "iso8859_6": "csiso88596e csiso88596i iso_8859_6_e iso_8859_6_i",
        "iso8859_7": "sun_eu_greek",
        "iso8859_8": "csiso88598e csiso88598i iso_8859_8_e iso_8859_8_i logical visual",
        "iso8859_15": "csisolatin9",
        "koi8_r": "koi koi8",
        "koi8_u": "koi8_ru",
        "mac_roman": "csmacintosh mac",
        "mac_cyrillic": "mac_ukrainian",
        "cp874": "dos_874 windows_874",
        "cp949": "windows_949",
        "euc_kr": "cseuckr csksc56011987 iso_ir_149 ks_c_5601_1989 ksc_5601",
        "euc_jp": "cseucpkdfmtjapanese",
        "big5": "cn_big5 x_big5",
        "gb2312": "csgb2312 gb_2312 gb_2312_80",
        "shift_jis": "windows_31j",
    }.items()
    for label in labels.split()
}
# Python looks for a module under every name that it does not know, and remembers each for good: only these are asked.
_KNOWN: Final = (
    frozenset(aliases) | frozenset(aliases.values()) | {m.name for m in pkgutil.iter_modules(encodings.__path__)}
)
# They are ways of writing and no charsets; the first is forbidden on the web, as it hides signs from filters.
_NONE: Final = frozenset({"utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
_LABEL: Final = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,39}")
_ISO_8859: Final = re.compile(r"iso_?8859_?([0-9]{1,2})(?:_[0-9]{4})?")


@lru_cache(maxsize=1_000)
def named(label: str) -> Charset:
    """The charset of this name; of an empty name, that of a body whose charset nobody named. Raises Refusal (415)."""
    name = label.strip(" \t\"'").lower()
    if not name:
        return UNNAMED
    codec = _codec(_plain(name)) if _LABEL.fullmatch(name) else None
    if codec is None:
        raise unsupported(f"charset {name[:40]!r} is not known here; send UTF-8, or a charset under its IANA name")
    return Charset(name, _MEANT.get(codec, (codec,)))


def _plain(label: str) -> str:
    """The name as Python's tables have it: `x-Shift-JIS` is shift_jis, `ISO_8859-2:1987` is iso8859_2."""
    name = re.sub(r"[^a-z0-9]+", "_", label).strip("_")
    if name not in _KNOWN and name not in _FURTHER:
        name = name.removeprefix("x_")
    iso = _ISO_8859.fullmatch(name)
    return name if iso is None else f"iso8859_{iso[1]}"


def _codec(name: str) -> str | None:
    """Python's codec of this name; None: there is none, or it is no charset."""
    name = _FURTHER.get(name, name)
    if name not in _KNOWN:
        return None
    try:
        codec = codecs.lookup(name).name
        "a".encode(codec)
    except LookupError:  # no codec, or one from bytes to bytes, such as base64
        return None
    except UnicodeError:
        return None
    return None if codec in _NONE else codec
