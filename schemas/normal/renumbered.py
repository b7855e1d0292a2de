"""Numbers in the plan that a country has given up. In: a number that is not valid. Out: what it is called since.

People's phones, messengers and old lists go on sending them. Each rule maps an old number to one new one, as the
regulator laid down; whether the new one is valid is for libphonenumber to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_Rule = tuple[re.Pattern[str], str]


def _rule(old: str, new: str) -> _Rule:
    return re.compile(old, re.ASCII), new


_RULES: dict[int, tuple[_Rule, ...]] = {
    # Mexico, August 2019 and 2020: no 1 before mobile numbers, no 01, 044 and 045.
    52: (_rule(r"(?:0?1|0?4[45])(\d{10})", r"\1"),),
    # Argentina: mobile numbers are 9, area and number from abroad, and area, 15 and number at home; some write both.
    54: tuple(_rule(rf"0?9?0?(\d{{{n}}})15(\d{{{10 - n}}})", r"9\1\2") for n in (2, 3, 4)),
    # Brazil, 2012 to 2016: a ninth digit before mobile numbers.
    55: (_rule(r"0?(\d\d)([6-9]\d{7})", r"\g<1>9\2"),),
    # Colombia, September 2021: 60 before fixed lines.
    57: (_rule(r"0?([124-8]\d{7})", r"60\1"),),
    # Viet Nam, September 2018: mobile numbers of 11 digits have 10.
    84: (
        _rule(r"0?120(\d{7})", r"70\1"),
        _rule(r"0?121(\d{7})", r"79\1"),
        _rule(r"0?122(\d{7})", r"77\1"),
        _rule(r"0?12([68])(\d{7})", r"7\1\2"),
        _rule(r"0?12([345])(\d{7})", r"8\1\2"),
        _rule(r"0?127(\d{7})", r"81\1"),
        _rule(r"0?129(\d{7})", r"82\1"),
        _rule(r"0?16([2-9])(\d{7})", r"3\1\2"),
        _rule(r"0?18([68])(\d{7})", r"5\1\2"),
        _rule(r"0?199(\d{7})", r"59\1"),
    ),
    # Ivory Coast, January 2021: the network before mobile numbers, which the second digit tells.
    225: (
        _rule(r"([04-9][0-3]\d{6})", r"01\1"),
        _rule(r"([04-9][4-6]\d{6})", r"05\1"),
        _rule(r"([04-9][7-9]\d{6})", r"07\1"),
    ),
    # Benin, November 2024: 01 before all.
    229: (_rule(r"(\d{8})", r"01\1"),),
    # Cameroon, November 2014: 6 before mobile numbers, 2 before fixed lines.
    237: (_rule(r"([579]\d{7})", r"6\1"), _rule(r"([23]\d{7})", r"2\1")),
}


def new_numbers(code: int, national: str) -> Iterator[str]:
    """The national numbers that may have taken the place of this one, of a calling code; in ASCII digits."""
    for old, new in _RULES.get(code, ()):
        if old.fullmatch(national):
            yield old.sub(new, national)
