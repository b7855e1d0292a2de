"""Settings of connectors as anybody might write them, for properties that hold for all of them."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from hypothesis import strategies as st

from schemas.fields import NAME, FieldType
from schemas.preset import Preset
from schemas.presets import presets
from schemas.settings import CONNECTOR_NAME, ConnectorSettings
from schemas.standard import STANDARD

# What JSON and PostgreSQL can hold: no lone surrogate, no NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
SAID = TEXT.filter(bool)
PATH = st.from_regex(r"[A-Za-z][A-Za-z0-9_ ]{0,12}(\.[A-Za-z0-9_]{1,8}){0,2}", fullmatch=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.one_of(TEXT, st.integers(-(2**53), 2**53), FINITE, st.booleans())
TARGETS = [f"{record}.{name}" for record, fields in STANDARD.items() for name in fields]
OWN_TYPES = [FieldType.TEXT, FieldType.NUMBER, FieldType.BOOLEAN, FieldType.DATE, FieldType.PHONE]


def _maybe(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


TRANSFORM = st.one_of(
    st.sampled_from(["trim", "lower", "title", "strip_tags", "first"]),
    TEXT.map(lambda text: {"join": text}),
    st.sampled_from(["first", "last"]).map(lambda part: {"split_name": part}),
    st.dictionaries(TEXT.map(str.casefold), SCALAR, min_size=1, max_size=3).map(lambda table: {"look_up": table}),
    st.just({"date_format": "%d/%m/%Y"}),
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A mapping row, right by itself."""
    to = draw(st.sampled_from(TARGETS))
    row: dict[str, Any] = {"to": to, "on": draw(st.booleans())}
    row["transforms"] = draw(st.lists(TRANSFORM, max_size=2))
    row["when"] = draw(st.dictionaries(PATH, st.one_of(TEXT, st.lists(TEXT, min_size=1, max_size=2)), max_size=2))
    if draw(st.booleans()):
        row["from"] = draw(st.one_of(PATH, st.lists(PATH, min_size=1, max_size=3)))
    else:
        row["transforms"] = [{"constant": draw(SCALAR)}]
    if to.startswith("lead."):
        row |= draw(_maybe({"default": SCALAR, "fill": st.booleans()}))
    return row


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A whole document of settings, right by itself; some of it says what its preset says anyway."""
    base: Preset = draw(st.sampled_from(list(presets().values())))
    shipped = [row.model_dump(mode="json", by_alias=True, exclude_defaults=True) for row in base.map]
    same = {
        "primary_key": base.primary_key,
        "secondary_key": base.secondary_key,
        "blank": base.blank,
        "time_zone": base.source.time_zone,
        "id": base.door.id,
        "required": base.source.required,
    }
    own_fields = st.builds(
        lambda name, label, type: {"name": name, "label": label, "type": type},
        st.from_regex(NAME, fullmatch=True).filter(lambda name: name not in STANDARD["lead"]),
        SAID,
        st.sampled_from(OWN_TYPES),
    )
    source_fields = st.builds(
        lambda path, label, type: {"path": path, "label": label, "type": type}, PATH, TEXT, st.sampled_from(OWN_TYPES)
    )
    chosen = draw(
        _maybe(
            {
                "enabled": st.booleans(),
                "lead_source": SAID,
                "default_country": st.sampled_from(["IN", "US", "DE"]),
                "time_zone": st.sampled_from(sorted(available_timezones())),
                "primary_key": st.sampled_from(["phone", "email", "external_id"]),
                "further_keys": st.lists(st.sampled_from(["phone", "email"]), max_size=2, unique=True),
                "blank": st.sampled_from(["keep", "clear"]),
                "required": st.lists(PATH, max_size=2),
                "sync": _maybe(
                    {
                        "lead": st.sampled_from(["capture", "create", "update", "nothing"]),
                        "activity": st.sampled_from(["off", "capture", "create", "update"]),
                    }
                ),
                "notify": st.fixed_dictionaries({"user": st.just("sam@example.com"), "enabled": st.booleans()}),
                "access": st.just({"roles": ["operator"]}),
                "fields": st.lists(own_fields, max_size=2, unique_by=lambda field: field["name"]),
                "source_fields": st.lists(source_fields, max_size=2, unique_by=lambda field: field["path"]),
            }
        )
    )
    said = {name: value for name, value in same.items() if value is not None and draw(st.booleans())}
    kept = [row for row in shipped if draw(st.integers(0, 9)) == 0]
    own = draw(st.lists(rows(), max_size=3))
    name = draw(st.from_regex(CONNECTOR_NAME, fullmatch=True).map(str.strip))
    return {"name": name, "preset": base.name, **said, **chosen, "map": [*kept, *own]}


def settings() -> st.SearchStrategy[ConnectorSettings]:
    """Settings, right by themselves."""
    return documents().map(lambda document: ConnectorSettings(**document))
