"""Every setting of the daemon as one typed object. In: `LEADPIPE_*` variables, or a TOML file. Out: `Settings`.

Precedence: environment, then the file named by `LEADPIPE_CONFIG`, then the defaults. Unknown names are refused,
with the nearest valid one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from schemas.auth import network
from schemas.nearest import nearest
from schemas.scheme import HEADER_NAME
from schemas.strict import Strict

PREFIX = "LEADPIPE_"
# read elsewhere: the file itself, and what only the test suite uses
OTHERS = {"LEADPIPE_CONFIG", "LEADPIPE_TEST_AMQP_URL"}


class SettingsError(ValueError):
    """A setting is wrong; the message names it, its value and the rule."""


class Settings(Strict):
    """What can be set. Times are in seconds, sizes in bytes."""

    database_url: str | None = Field(
        default=None, description="the PostgreSQL to use; left out: a private one in the data folder"
    )
    broker_url: str | None = Field(
        default=None, description="the broker, amqp://… or postgresql://…; left out: the database is the broker too"
    )
    broker_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9_.-]{0,40}$", description="put before the name of each queue and exchange"
    )
    data_dir: Path = Field(
        default=Path("var"), description="the folder of the receipts, the spool and the private PostgreSQL"
    )
    http_host: str = Field(default="127.0.0.1", description="the address that the ingress listens on")
    http_port: int = Field(default=8080, ge=0, le=65535, description="the port that the ingress listens on")
    public_url: str | None = Field(
        default=None, description="the URL at which sources reach the ingress; left out: http://HOST:PORT"
    )
    secret_key: str | None = Field(
        default=None,
        repr=False,
        description="keys that seal the secrets in the database, 32 bytes each in base64, separated by commas, "
        "the newest first",
    )
    trusted_proxies: list[str] = Field(
        default=[],
        description="networks of the proxies in front of the ingress; the client address that they report is believed",
    )
    forwarded_header: str = Field(
        default="X-Forwarded-For",
        pattern=HEADER_NAME,
        description="the header in which those proxies report the client's address",
    )
    wrong_tries: float = Field(
        default=5,
        gt=0,
        le=100_000,
        description="the most wrong API keys or webhook tokens that one process takes from one address per "
        "second, with "
        "bursts of forty times as many; for passwords and header secrets of connectors, a fifth of both",
    )
    stage_dirs: list[Path] = Field(default=[], description="folders with stages of your own, one file each")
    rungs: list[float] = Field(
        default=[5, 30, 300, 1800, 7200], min_length=1, description="the delays of the retry ladder, in seconds"
    )
    batch: int = Field(default=500, ge=1, le=10_000, description="the most events that a stage is handed at once")
    linger: float = Field(default=0.02, ge=0, le=5, description="how long a batch waits for more events, in seconds")
    prefetch: int = Field(
        default=64, ge=1, le=10_000, description="the most frames that a stage of one process holds unsettled"
    )
    frame_events: int = Field(default=200, ge=1, le=2_000, description="the most events in one frame")
    frame_bytes: int = Field(default=256 * 1024, ge=1024, le=8 * 1024 * 1024, description="the most bytes of one frame")
    max_body: int = Field(
        default=10 * 1024 * 1024, ge=1024, description="the most bytes of a request, before and after it is unzipped"
    )
    max_event: int = Field(default=1024 * 1024, ge=1024, description="the most bytes of one event")
    http_connections: int = Field(
        default=2_000, ge=10, le=100_000, description="the most HTTP connections that one process keeps open"
    )
    api: bool = Field(default=True, description="serve the API and its page on the ingress' port")
    api_rate: float = Field(
        default=50, gt=0, le=100_000, description="the most API calls of one key in a second, in one process"
    )
    spool_bytes: int = Field(
        default=1024**3, ge=1024**2, description="the most bytes of accepted events on disk while the broker is away"
    )
    processes: int | None = Field(
        default=None, ge=1, le=64, description="how many processes run the stages; left out: as many as suit the cores"
    )
    hand_on: bool = Field(default=True, description="stages of one process pass batches on without the broker")
    journal_days: int = Field(
        default=60, ge=1, le=3650, description="days that the journal, notifications and settled dead letters are kept"
    )
    applied_days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="days that events are remembered, so that one sent again takes effect once; at least "
        "LEADPIPE_JOURNAL_DAYS",
    )
    history_days: int = Field(default=365, ge=1, le=3650, description="days that the earlier values of leads are kept")
    refused_days: int = Field(default=30, ge=1, le=3650, description="days that refused requests are kept")
    ended_days: int = Field(
        default=90, ge=1, le=3650, description="days that webhook URLs and API keys are listed after their end"
    )
    database_pool: int = Field(default=4, ge=1, le=100, description="the most database connections of one process")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error"
    )

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("amqp://", "amqps://", "postgresql://", "postgres://")):
            raise ValueError("must start with amqp://, amqps:// or postgresql://")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("database_url", "broker_url")
    @classmethod
    def _real_ports(cls, value: str | None) -> str | None:
        """Of each host; what stands before the last @ is the user's."""
        hosts = re.split(r"[/?]", (value or "").partition("://")[2].rpartition("@")[2])[0]
        for host in hosts.split(","):
            port = host.rpartition("]")[2].partition(":")[2]
            if port and not (port.isdecimal() and 0 < int(port) <= 65535):
                raise ValueError(f"the port {port!r} must be a number from 1 to 65535")
        return value

    @field_validator("secret_key")
    @classmethod
    def _keys(cls, value: str | None) -> str | None:
        if value is not None:
            from pipeline.secrets.seal import Seals  # slow to import, and needed by few commands

            Seals(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        return [str(network(each)) for each in value]

    @field_validator("rungs")
    @classmethod
    def _rising(cls, value: list[float]) -> list[float]:
        if any(seconds <= 0 for seconds in value) or value != sorted(set(value)):
            raise ValueError("must be positive and rising, such as [5, 30, 300]")
        return value


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force. Raises SettingsError."""
    values = _from_file(environment.get("LEADPIPE_CONFIG"))
    for name, text in environment.items():
        if name.startswith(PREFIX) and name not in OTHERS:
            values[_known(name.removeprefix(PREFIX).lower(), name)] = text
    return _checked(values)


def public_url(settings: Settings) -> str:
    """How producers reach the ingress, without a slash at its end."""
    return (settings.public_url or f"http://{address(settings.http_host, settings.http_port)}").rstrip("/")


def address(host: str, port: int) -> str:
    """Host and port as they stand in a URL: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _from_file(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    try:
        values = tomllib.loads(Path(name).read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"LEADPIPE_CONFIG={name}: {error}") from error
    return {_known(key, f"{name}: {key}"): value for key, value in values.items()}


def _known(field: str, shown: str) -> str:
    if field in Settings.model_fields:
        return field
    near = nearest(field, Settings.model_fields)
    names = ", ".join(f"{PREFIX}{name.upper()}" for name in sorted(Settings.model_fields))
    hint = f"did you mean {PREFIX}{near.upper()}?" if near else f"the settings are {names}"
    raise SettingsError(f"{shown} is not a setting; {hint}")


def _checked(values: dict[str, Any]) -> Settings:
    for field in ("rungs", "stage_dirs", "trusted_proxies"):
        if isinstance(values.get(field), str):
            values[field] = [part.strip() for part in values[field].split(",") if part.strip()]
    try:
        return Settings(**values)
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{str(problem['loc'][0]).upper()}={_shown(problem)}: {problem['msg']}"
            for problem in error.errors()
        )
        raise SettingsError(problems) from error


def _shown(problem: Any) -> str:
    """The offending value, without a password that it may hold."""
    return "…" if str(problem["loc"][0]).endswith(("_url", "_key")) else repr(problem["input"])
