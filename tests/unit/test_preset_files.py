"""Preset files are read strictly: a mistake names the file, the key and the rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.presets import BadPreset, load, presets

GOOD = 'name = "mine"\ntitle = "Mine"\nabout = "A test."\nkind = "lead"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text)
    return file


def test_a_good_file_is_a_preset(tmp_path: Path) -> None:
    assert load(written(tmp_path, GOOD)).title == "Mine"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (GOOD + "colour = 1\n", "colour"),
        (GOOD + '[door]\nevent = ["$"]\n', "door.event"),
        (GOOD + '[source]\ntime_zone = "Asia/Bombay City"\n', "source.time_zone"),
        (GOOD + '[source]\nfields = [{ path = "Phone", type = "telephone" }]\n', "source.fields.0.type"),
        (GOOD + '[[map]]\nto = "lead.city"\n', "map.0"),
        (GOOD.replace('"lead"', '"person"'), "kind"),
        (GOOD.replace('"mine"', '"yours"'), "name"),
        (GOOD + "[door\n", "line"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(BadPreset) as caught:
        load(written(tmp_path, text))
    assert "mine.toml" in str(caught.value)
    assert key in str(caught.value)


def test_every_shipped_preset_has_worked_examples_and_fits_its_own_fields() -> None:
    assert {"generic-json", "indiamart-push", "leadsquared-call-log", "leadsquared-lead"} <= set(presets())
    assert all(len(preset.example) >= 4 for preset in presets().values())
