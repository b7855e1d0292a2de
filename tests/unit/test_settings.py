"""Settings: one typed object; what is wrong is named with its value and rule, and unknown names are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import Settings, SettingsError, load


def test_without_any_the_defaults_hold() -> None:
    settings = load({})
    assert (settings.http_host, settings.http_port, settings.database_url) == ("127.0.0.1", 8080, None)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "leadpipe.toml"
    file.write_text('http_port = 9000\nhttp_host = "0.0.0.0"\n')
    settings = load({"LEADPIPE_CONFIG": str(file), "LEADPIPE_HTTP_PORT": "9100"})
    assert (settings.http_port, settings.http_host) == (9100, "0.0.0.0")


def test_lists_are_written_with_commas() -> None:
    assert load({"LEADPIPE_RUNGS": "1, 2.5,60"}).rungs == [1, 2.5, 60]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"LEADPIPE_HTTP_PROT": "1"}, "LEADPIPE_HTTP_PROT is not a setting; did you mean LEADPIPE_HTTP_PORT?"),
        ({"LEADPIPE_HTTP_PORT": "web"}, "LEADPIPE_HTTP_PORT='web'"),
        ({"LEADPIPE_HTTP_PORT": "70000"}, "less than or equal to 65535"),
        ({"LEADPIPE_BROKER_URL": "redis://x"}, "must start with amqp://"),
        ({"LEADPIPE_RUNGS": "30,5"}, "must be positive and rising"),
        ({"LEADPIPE_BROKER_PREFIX": "a b"}, "LEADPIPE_BROKER_PREFIX='a b'"),
        ({"LEADPIPE_CONFIG": "/does/not/exist.toml"}, "LEADPIPE_CONFIG=/does/not/exist.toml"),
    ],
)
def test_what_is_wrong_is_named(environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environment)
    assert says in str(caught.value)


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "leadpipe.toml"
    file.write_text("prefetsch = 3\n")
    with pytest.raises(SettingsError, match="prefetsch is not a setting; did you mean LEADPIPE_PREFETCH"):
        load({"LEADPIPE_CONFIG": str(file)})


def test_a_password_in_a_url_is_not_told() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"LEADPIPE_BROKER_URL": "redis://user:secret@host"})
    assert "secret" not in str(caught.value)


def test_settings_never_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().http_port = 1  # type: ignore[misc]
