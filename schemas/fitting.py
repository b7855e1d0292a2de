"""Whether what a row brings can become a value of its field. In: a row, source fields, the field. Out: why not.

Only what can never fit is refused: a text may always turn out to be a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.fields import Field, FieldType
from schemas.mapping import MapRow
from schemas.normal.choices import coercer_of
from schemas.normal.locale import Locale
from schemas.normal.values import BAD_EMAIL, BAD_PHONE, DIGITS_LOST, SHARED_PHONE, ValueRejected, says_more, shown
from schemas.source_field import SourceField
from schemas.transform import Constant, DateFormat, Join, LookUp, Transform, name_of

_T = FieldType
_CHOICES = {_T.DROPDOWN, _T.DEPENDENT_DROPDOWN}
_TIMES = {_T.DATE, _T.DATETIME}

# What each kind of value can become beside text, which takes everything. A kind that is not here can become anything.
BECOMES: Mapping[str, set[FieldType]] = {
    _T.NUMBER: {
        _T.NUMBER,
        _T.BOOLEAN,
        _T.PHONE,
        _T.DURATION,
        *_TIMES,
        *_CHOICES,
        _T.USER,
    },  # boolean: 1 and 0; user: an id
    _T.BOOLEAN: {_T.BOOLEAN, *_CHOICES},
    _T.PHONE: {_T.PHONE},
    _T.EMAIL: {_T.EMAIL, _T.USER},
    _T.DATE: _TIMES,
    _T.DATETIME: _TIMES,
    _T.DURATION: {_T.DURATION, _T.NUMBER},
    "a part of a name": _CHOICES,
    "a time": _TIMES,
    "a postal code": {_T.NUMBER, *_CHOICES},
    "a joined text": {_T.PHONE, *_TIMES, *_CHOICES, _T.NUMBER, _T.EMAIL, _T.USER},
}
_RESULTS = {"split_name": "a part of a name", "date_format": "a time", "indian_pincode": "a postal code"}


def misfit(row: MapRow, field: Field, sources: Mapping[str, SourceField]) -> list[str]:
    """Why what a row brings can never be a value of its field; empty if it may."""
    problems = []
    declared = [sources[path] for path in row.paths if path in sources]
    for source in declared:
        problems += _unreadable(row.transforms, source)
        kind = _kind(source.type, row.transforms)
        if kind is not None and not _fits(kind, field):
            problems.append(f"{source.path} is {_a(kind)}, and {row.to} is {_a(field.type)} field: they can never fit")
    if row.paths and not declared:
        kind = _kind(FieldType.TEXT, row.transforms)
        if kind is not None and not _fits(kind, field):
            problems.append(f"its transforms make {_a(kind)}, and {row.to} is {_a(field.type)} field: they never fit")
    return list(dict.fromkeys(problems))


def bad_constants(row: MapRow, field: Field, locale: Locale) -> list[str]:
    """What a row itself puts into its field and the field cannot hold: default, constant, results of a look-up."""
    problems = []
    coerce = coercer_of(field, row.to, locale)
    for what, value in row.own_values:
        try:
            normal, note = coerce(value)
        except ValueRejected as rejection:
            problems.append(f"its {what} is {shown(value)!r}, and {rejection.rule}")
            continue
        if normal is None:
            problems.append(f"its {what} is {shown(value)!r}, which counts as blank; leave it out")
        elif note in (BAD_PHONE, SHARED_PHONE, BAD_EMAIL, DIGITS_LOST):
            problems.append(f"its {what} is {shown(value)!r}, which is {note.partition(';')[0]}")
        elif says_more(value, field.type, locale):
            problems.append(f"its {what} is {shown(value)!r}, and {row.to} takes one value: {normal!r} alone")
    return problems


def _kind(type: FieldType, transforms: Sequence[Transform]) -> str | None:
    """What becomes of a value of this type; None: anything."""
    kind: str | None = None if type is FieldType.TEXT else type
    for transform in transforms:
        if isinstance(transform, LookUp):
            kind = None if not transform.strict else "looked up"
        elif isinstance(transform, Constant):
            kind = "looked up"  # its own check has more to say
        elif isinstance(transform, Join):
            kind = "a joined text"
        else:
            kind = _RESULTS.get(name_of(transform), kind)
    return None if kind == "looked up" else kind


def _fits(kind: str, field: Field) -> bool:
    return field.type is FieldType.TEXT or kind not in BECOMES or field.type in BECOMES[kind]


def _unreadable(transforms: Sequence[Transform], source: SourceField) -> list[str]:
    """A time that was read already has no format of its own any more."""
    if source.type is FieldType.TEXT or not any(isinstance(transform, DateFormat) for transform in transforms):
        return []
    return [
        f"{source.path} is declared as {_a(source.type)} and so is read before it is mapped; "
        "for `date_format` add it to source_fields with type text"
    ]


def _a(kind: str) -> str:
    if " " in kind:
        return kind
    shown = kind.replace("_", " ")
    return f"an {shown}" if shown[0] in "aeiou" else f"a {shown}"
