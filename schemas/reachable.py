"""Whether a mapping row can ever count. In: rows, and what the source sends. Out: why one never will."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from schemas.fields import FieldType
from schemas.mapping import MapRow
from schemas.normal.locale import Locale
from schemas.normal.path import ROOT
from schemas.normal.values import ValueRejected, coerce, word_of
from schemas.source_field import SourceField
from schemas.transform import LookUp

Sources = Mapping[str, SourceField]

_HERE = Locale(None, ZoneInfo("UTC"))
_WRITTEN_ONE_WAY = {FieldType.BOOLEAN, FieldType.NUMBER, FieldType.DURATION, FieldType.EMAIL}


def bad_path(path: str, sources: Sources) -> str | None:
    """Why nothing can lie at this path; None if something may."""
    if path == ROOT:
        return None
    if any(not part or part != part.strip() or not part.isprintable() for part in path.split(".")):
        return f"{path!r} is not a path: names joined by dots, none of them empty, and without white space around them"
    if path.startswith(f"{ROOT}."):
        return f"{path!r} is not a path: leave out the {ROOT}., since paths begin in the document"
    if path in sources:
        return None
    above = next((f for f in sources.values() if path.startswith(f"{f.path}.")), None)
    if above is None:
        return None
    return (
        f"nothing lies at {path!r}: {above.path} holds one value, of type {above.type}; "
        f"if the source does send something there, add {path!r} to source_fields"
    )


def never_holds(row: MapRow, sources: Sources) -> list[str]:
    """Why one of the row's conditions, or an entry of its look-up, can never be met."""
    problems = [problem for path in row.when if (problem := bad_path(path, sources))]
    for path, wanted in row.when.items():
        words = [wanted] if isinstance(wanted, str) else wanted
        reasons = [reason for word in words if (reason := _unsayable(word, sources.get(path)))]
        if len(reasons) == len(words):
            problems.append(f"its condition on {path} can never hold: {'; '.join(reasons)}")
    if row.paths and row.transforms and isinstance(first := row.transforms[0], LookUp):
        for word in first.look_up:
            reasons = [reason for path in row.paths if (reason := _unsayable(word, sources.get(path)))]
            if len(reasons) == len(row.paths):
                problems.append(f"its look-up entry {word!r} can never match: {'; '.join(dict.fromkeys(reasons))}")
    return problems


def hidden_by(row: MapRow, earlier: Iterable[MapRow]) -> MapRow | None:
    """The earlier row to the same field that always counts before this one does; None if there is none."""
    return None if row.default is not None else next((other for other in earlier if _always_before(other, row)), None)


def _always_before(other: MapRow, row: MapRow) -> bool:
    if other.to != row.to or not _implied(other.when, row.when):
        return False
    if other.constant is not None:
        return True
    return not other.transforms and row.constant is None and set(row.paths) <= set(other.paths)


def _implied(weaker: Mapping[str, str | list[str]], stronger: Mapping[str, str | list[str]]) -> bool:
    """Whether whatever meets the one set of conditions also meets the other."""
    return all(path in stronger and _words(stronger[path]) <= _words(values) for path, values in weaker.items())


def _words(values: str | Sequence[str]) -> set[str]:
    return {value.casefold() for value in ([values] if isinstance(values, str) else values)}


def _unsayable(word: str, source: SourceField | None) -> str | None:
    """Why the value at a path never reads like this word; None if it may."""
    if word != word.strip():
        return f"{word!r} has white space around it, and values have none"
    if not word or source is None or source.type not in _WRITTEN_ONE_WAY:
        return None
    try:
        normal = word_of(coerce(word, source.type, source.path, _HERE)[0])
    except ValueRejected:
        return None  # what cannot be read stays as it was sent
    return (
        None
        if normal == word.casefold()
        else (f"its type is {source.type}, so a value sent as {word!r} is compared as {normal!r}; write {normal!r}")
    )
