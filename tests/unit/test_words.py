"""docs/words.txt holds everything that Leadpipe says to a person: it can be read whole, and each change is seen."""

from __future__ import annotations

import difflib
import re

from tests.words.page import PAGE, page
from tests.words.source import sentences

ANEW = "docs/words.txt is not what the code says any more: run `make words` (python -m tests.words), and read the diff"
# Turns of phrase that readers stopped at, and what to write in their place.
IDIOMS = {
    r"shows? those there are": "lists them",
    r"\b[Ww]ho is no\b": "name the person: a caller who is not an administrator",
    r"work(?:s)? no more|failed no more|\bno more$": "stops working, is no longer",
    r"\bis no (?:id|network|path|file|text|time|length|status|scope|role|record|outcome)\b": "is not a …",
    r"\bcan be no\b": "cannot be",
    r"\b(?:he|his|him|himself)\b": "they",
    r"\bthe world\b|\bnobody could say whose": "say what is stored, or cannot be found",
    r"never a key": "it identifies nobody",
    r"\bits way$|\bwhat .* died of\b": "the way through the stages, the failures",
    r"^[^:]*: Of (?:leads|users)\.$": "a whole sentence",
    r"\bnobody works on\b": "no process works on",
    r"\bsaid by\b|\bwho says (?:it|each)\b": "where it comes from",
    r"\bmends?\b": "correct, fix, check",
    r": The same with\b": "name the thing: a lead with its keys",
    r"again and again, or commas": "for several, repeat the parameter, or separate them by commas",
    r"\bnothing is decided\b|\bnothing is promised\b": "say what is not done, and what to do",
}


def test_the_page_is_what_the_code_says() -> None:
    kept, said = PAGE.read_text(encoding="utf-8").splitlines(), page().splitlines()
    differing = list(difflib.unified_diff(kept, said, "kept", "said", lineterm="", n=0))
    assert not differing, "\n".join((ANEW, *differing[:40]))


def test_every_command_option_and_setting_says_what_it_is_for() -> None:
    assert [line for line in page().splitlines() if line.endswith(("(no help)", "(nothing is said of it)"))] == []


def test_no_sentence_has_a_turn_that_readers_stopped_at() -> None:
    found = [
        f"{line!r}: write {better}"
        for line in page().splitlines()
        for turn, better in IDIOMS.items()
        if re.search(turn, line)
    ]
    assert found == []


def test_a_sentence_is_found_wherever_it_is_put_together() -> None:
    source = '''
"""A docstring, for developers."""
SQL = "SELECT id FROM lead WHERE id = $1"
TOLD = {"full": "is full already"}

def f(name, found):
    """Another one."""
    log.info("started", at=1)
    hint = f"; did you mean {found!r}?" if found else ""
    raise Wrong(f"{name}: no such field{hint}; {'use another one' if found else 'make it first'}" + " (see the list)")
'''
    assert [*sentences(source)] == [
        "is full already",
        "started",
        "; did you mean {found}?",
        "{name}: no such field{hint}; {'use another one' if found else 'make it first'} (see the list)",
        "use another one",
        "make it first",
    ]


def test_what_no_person_reads_is_left_out() -> None:
    source = """
COLUMNS = "id, account_id, name, revision, settings"
NAME = "content-type"
PATTERN = re.compile("one two three")
query = where.add("received_at >= {} AND day >= {}", since)
"""
    assert [*sentences(source)] == []
