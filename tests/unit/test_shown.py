"""A URL as it is shown to people: without its password, however it is written."""

from __future__ import annotations

import pytest

from pipeline.operations.check import shown


@pytest.mark.parametrize(
    "url",
    [
        "amqp://leadpipe:hush@broker:5672/prod",
        "amqp://leadpipe:hu@hush@broker:5672/prod",
        "amqp://leadpipe:hush/hush?hush#hush@broker:5672/prod",
        "postgresql+ssl://leadpipe:hush@broker/prod",
        "postgresql://leadpipe@broker/prod?password=hush&sslmode=require",
        "postgresql://broker/prod?user=leadpipe&PASSWORD=hush",
        "postgresql://broker/prod?sslpassword=hush",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    told = shown(url)
    assert "hush" not in told and "broker" in told and "prod" in told


@pytest.mark.parametrize("url", ["amqp://broker:5672/prod", "postgresql://leadpipe@broker/prod?sslmode=require"])
def test_what_holds_none_is_shown_as_it_is(url: str) -> None:
    assert shown(url) == url


def test_a_server_on_a_socket_is_its_folder() -> None:
    assert shown("postgresql://leadpipe:hush@/prod?host=/run/postgres") == "PostgreSQL in /run/postgres"
