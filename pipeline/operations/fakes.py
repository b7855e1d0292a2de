"""Stand-ins for personal data. In: a value. Out: another one of the same shape, the same each time it is asked for.

A phone number keeps its country, its validity and the way in which it is written; an e-mail address its validity; a
name its number of words and their case; any other text its letters, digits and marks, letter for letter. Nothing of
the original can be computed from a stand-in: they are drawn at random, for one event at a time.
"""

from __future__ import annotations

import re
import unicodedata
from random import Random

from schemas.normal.email import normal_email
from schemas.normal.phone import read_phone

FIRST = ("Asha", "Vikram", "Meera", "Rohan", "Nina", "Omar", "Lena", "Tomas", "Ines", "Kofi", "Yara", "Hugo")
LAST = ("Varma", "Nair", "Kapoor", "Lindt", "Okoro", "Moreau", "Silva", "Novak", "Haddad", "Berg", "Costa", "Iyer")
DOMAINS = ("example.com", "example.org", "example.net")
TRIES = 2_000  # draws of a number, before its country's plan is taken to hold nothing like it

WORD = re.compile(r"[^\W\d_]+|\d+")
_HEX = re.compile(r"[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*")


class Fakes:
    """The stand-ins of one event. `country` completes numbers that have no country code."""

    def __init__(self, random: Random, country: str | None) -> None:
        self._random = random
        self.country = country
        self._real: set[str] = set()  # words of the original: no stand-in may be one of them
        self._names: dict[str, tuple[str, ...]] = {}  # words that are names, and what to draw their stand-ins from
        self._words: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._domains: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def learn(self, text: str, *, name: bool) -> None:
        """Know the words of the original before any stand-in is drawn, and which of them are names."""
        words = WORD.findall(text)
        self._real.update(map(str.casefold, words))
        for place, word in enumerate(words if name else ()):
            if word.isalpha() and len(word) > 1:
                self._names.setdefault(word.casefold(), FIRST if place == 0 else LAST)

    def text(self, text: str) -> str:
        """Any text, word for word, names for names; an identifier in hexadecimal digits stays one."""
        if _HEX.fullmatch(text) and not text.isdecimal():
            return "".join(self._hex(character) for character in text)
        return WORD.sub(lambda found: self._word(found.group()), text)

    def email(self, text: str) -> str:
        """An address at one of the domains that RFC 2606 keeps for examples; what is no address stays none."""
        key = text.strip().casefold()
        if normal_email(text) is None:
            return self.text(text)
        if key not in self._addresses:
            local, _, domain = text.strip().rpartition("@")
            self._addresses[key] = self._address(local, domain)
        return self._addresses[key]

    def phone(self, text: str) -> str:
        """A number of the same country, as valid as this one and written like it; of several, other digits."""
        known = read_phone(text, self.country)
        if known.others:
            return self.text(text)
        digits = "".join(c for c in text if c.isascii() and c.isdigit())
        if len(digits) < 5 or len(set(digits[-7:])) == 1:  # a short code, or junk that is nobody's number
            return text
        key = known.e164 or digits
        if key not in self._numbers:
            self._numbers[key] = self._number(text, digits)
        return _with_last_digits(text, self._numbers[key])

    def _number(self, text: str, digits: str) -> str:
        """Digits for the end of the number: as many as its country's plan lets change freely."""
        known = read_phone(text, self.country)
        for length in (6, 5, 4):
            for _ in range(TRIES // 3):
                drawn = "".join(str(self._random.randrange(10)) for _ in range(min(length, len(digits) - 2)))
                fake = read_phone(_with_last_digits(text, drawn), self.country)
                same = (fake.valid, fake.region) == (known.valid, known.region)
                if same and drawn != digits[-len(drawn) :] and len(set(drawn)) > 1:
                    return drawn
        own = digits[-min(6, len(digits) - 2) :]
        while (drawn := "".join(str(self._random.randrange(10)) for _ in own)) == own:
            pass
        return drawn

    def _address(self, local: str, domain: str) -> str:
        if domain.casefold() not in self._domains:
            at = len(self._domains)
            numbered = DOMAINS[at % len(DOMAINS)] if at < len(DOMAINS) else f"d{at}.{DOMAINS[0]}"
            self._domains[domain.casefold()] = numbered
        taken = set(self._addresses.values())
        plain = "".join(c for c in self.text(local) if c.isascii() and (c.isalnum() or c in ".-_+")).strip(".")
        address = f"{plain or 'someone'}@{self._domains[domain.casefold()]}"
        while normal_email(address) is None or address in taken or address == f"{local}@{domain}".casefold():
            address = f"someone{self._random.randrange(10_000)}@{self._domains[domain.casefold()]}"
        return address

    def _word(self, word: str) -> str:
        key = word.casefold()
        if key not in self._words:
            self._words[key] = self._name(word) if key in self._names else self._letters(word)
        return _like(word, self._words[key])

    def _letters(self, word: str) -> str:
        """Other letters, or digits; in a tiny alphabet all of them may be words of the original."""
        for _ in range(TRIES):
            drawn = "".join(self._character(character) for character in word)
            if drawn.casefold() not in self._real:
                break
        return drawn

    def _name(self, word: str) -> str:
        if not word.isascii():
            return self._letters(word)
        taken = {fake.casefold() for fake in self._words.values()} | self._real
        free = [name for name in self._names[word.casefold()] if name.casefold() not in taken]
        return self._random.choice(free) if free else self._letters(word)

    def _hex(self, character: str) -> str:
        drawn = self._random.choice("0123456789abcdef") if character != "-" else "-"
        return drawn.upper() if character.isupper() else drawn

    def _character(self, character: str) -> str:
        """Another one of its kind and, beyond ASCII, of its script."""
        if character.isdigit():
            return str(self._random.randrange(10)) if character.isascii() else self._beside(character)
        if character.isascii():
            drawn = self._random.choice("abcdefghijklmnopqrstuvwxyz")
            return drawn.upper() if character.isupper() else drawn
        return self._beside(character)

    def _beside(self, character: str) -> str:
        kind, at = unicodedata.category(character), ord(character)
        near = [chr(code) for code in range(max(161, at - 8), at + 9)]
        alike = [each for each in near if unicodedata.category(each) == kind and each != character]
        return self._random.choice(alike) if alike else "x"


def _with_last_digits(text: str, digits: str) -> str:
    """The text with its last digits replaced by these, whatever stands between them."""
    left = list(digits)
    characters = []
    for character in reversed(text):
        is_digit = character.isascii() and character.isdigit()
        characters.append(left.pop() if is_digit and left else character)
    return "".join(reversed(characters))


def _like(word: str, fake: str) -> str:
    """The stand-in in the case of the word."""
    if word.isupper() and len(word) > 1:
        return fake.upper()
    if word.islower():
        return fake.lower()
    return fake[:1].upper() + fake[1:] if word[:1].isupper() else fake
