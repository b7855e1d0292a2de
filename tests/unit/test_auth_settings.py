"""`[auth]`: each scheme with what it takes and nothing else, and errors that name the setting and say what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.auth import GENERIC, AuthSettings, joined, takes
from schemas.connector import Connector, ConnectorSettings
from schemas.presets import preset, presets
from schemas.scheme import Echo, Scheme, Signature
from schemas.schemes import schemes

SECRETS = ["env:ACME", "stored:acme-2"]
HMAC = {"scheme": "hmac", "secrets": SECRETS, "header": "X-Sign"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"scheme": "token", "addresses": ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"]},
        {"scheme": "header", "secrets": SECRETS, "header": "X-Api-Key"},
        {"scheme": "header", "secrets": ["file:/run/secrets/acme"], "header": "Authorization", "prefix": "Bearer "},
        {"scheme": "basic", "secrets": SECRETS, "user": "acme"},
        {**HMAC, "algorithm": "sha1", "encoding": "base64", "prefix": "sha1=", "secret_encoding": "hex"},
        {**HMAC, "signed": "{timestamp}.{body}", "timestamp_header": "X-Time", "tolerance": 60},
        {**HMAC, "signed": "{timestamp},{body}", "timestamp_part": "t", "signature_part": "v1"},
        {**HMAC, "signed": "{id}:{url}:{form}", "id_header": "X-Id"},
        {"scheme": "meta", "secrets": SECRETS, "verify_token": "env:VERIFY"},
        *({"scheme": name, "secrets": SECRETS} for name in schemes()),
        *({"scheme": name, "secrets": SECRETS, "tolerance": 60} for name, each in schemes().items() if each.signs_time),
    ],
)
def test_what_fits_together_is_taken(given: dict[str, Any]) -> None:
    auth = joined(AuthSettings(**given), None)
    assert auth is not None
    assert (auth.mode, auth.scheme.name) == ("enforce", given.get("scheme", "token"))
    assert auth.references == (*given.get("secrets", ()), *([given["verify_token"]] if "verify_token" in given else []))
    assert auth.tolerance == given.get("tolerance", 300)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scheme": "github"}, "auth.secrets: scheme github needs secrets, such as"),
        ({"scheme": "github", "secrets": []}, "needs secrets"),
        ({"scheme": "githob", "secrets": SECRETS}, "no scheme is called 'githob'; the schemes are token, header"),
        ({"scheme": "token", "secrets": SECRETS}, "auth.secrets: scheme token takes no secrets; it takes addresses"),
        ({"secrets": SECRETS}, "scheme token takes no secrets"),
        ({"scheme": "github", "secrets": SECRETS, "tolerance": 60}, "auth.tolerance: scheme github takes no tolerance"),
        ({"scheme": "github", "secrets": SECRETS, "header": "X"}, "auth.header: scheme github takes no header"),
        ({"scheme": "github", "secrets": SECRETS, "verify_token": "env:A"}, "takes no verify_token"),
        ({"scheme": "header", "secrets": SECRETS}, "auth.header: scheme header needs header, such as header = 'X-Api"),
        ({"scheme": "basic", "secrets": SECRETS}, "auth.user: scheme basic needs user"),
        ({**HMAC, "tolerance": 60}, r"needs a signed time: put \{timestamp\} into signed"),
        ({**HMAC, "signed": "{timestamp}.{body}"}, r"signed has \{timestamp\}: timestamp_header must name"),
        ({**HMAC, "signed": "{id}.{body}"}, r"signed has \{id\}: id_header must name"),
        ({**HMAC, "signed": "{url}"}, r"signed must have \{body\}"),
        ({**HMAC, "timestamp_header": "X-Time"}, "a time that is not signed proves nothing"),
        ({**HMAC, "signed": "{timestamp}{body}", "timestamp_part": "t"}, "timestamp_part needs signature_part"),
        ({**HMAC, "prefix": "x", "signature_part": "v1"}, "signature_part stands in place of prefix"),
    ],
)
def test_what_does_not_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        joined(AuthSettings(**given), None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"secrets": ["hunter2-hunter2"]}, "must say where the secret is"),
        ({"secrets": ["env:"]}, "must say where"),
        ({"secrets": ["env:A B"]}, "must say where"),
        ({"secrets": ["file:relative/path"]}, "must say where"),
        ({"secrets": ["stored:Not-A-Name"]}, "must say where"),
        ({"secrets": ["env:LEADPIPE_SECRET_KEY"]}, "Leadpipe's own"),
        ({"secrets": ["env:A", "env:A"]}, "one secret twice"),
        ({"secrets": [f"env:A{at}" for at in range(5)]}, "at most 4"),
        ({"verify_token": "hunter2-hunter2"}, "must say where the secret is"),
        ({"addresses": ["203.0.113.1/24"]}, "has host bits set"),
        ({"addresses": ["everywhere"]}, "'everywhere' is not a network, such as"),
        ({"header": "X Api"}, "pattern"),
        ({"user": "a:b"}, "pattern"),
        ({"signed": "{nothing}"}, r"\{nothing\} is not a part of a request; the parts are \{body\}, \{timestamp\}"),
        ({"signed": "{body"}, "expected '}'"),
        ({"signed": "{body!r}"}, "not a part"),
        ({"mode": "maybe"}, "'enforce', 'log' or 'off'"),
        ({"tolerance": 0}, "greater than"),
        ({"signature": "x"}, "not permitted"),
    ],
)
def test_a_value_that_is_none_is_refused_and_a_secret_is_not_repeated(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        AuthSettings(**given)
    assert "hunter2" not in str(caught.value)


def test_a_preset_says_what_a_connector_leaves_out_and_asks_nothing_by_itself() -> None:
    crm = preset("leadsquared-lead")
    assert Connector(1, 1, 1, ConnectorSettings(name="a", preset=crm.name), crm).auth is None

    def auth(**given: Any) -> Any:
        return joined(AuthSettings(**given), crm.auth)

    own = auth(secrets=SECRETS)
    assert (own.scheme.name, own.header, own.secrets) == ("header", "x-api-key", tuple(SECRETS))
    assert auth(secrets=SECRETS, header="X-Mine").header == "X-Mine"
    assert auth(secrets=SECRETS, scheme="github").header is None
    assert auth(scheme="token", addresses=["203.0.113.0/24"]).scheme.name == "token"
    with pytest.raises(ValueError, match="or scheme = 'token', if the URL and the addresses are enough"):
        auth(addresses=["203.0.113.0/24"])  # not understood as: no secret is needed


def test_the_shipped_schemes_and_presets_fit() -> None:
    assert {"github", "meta", "shopify", "slack", "standard-webhooks", "stripe", "twilio"} <= set(schemes())
    assert not set(schemes()) & set(GENERIC)
    for name, scheme in schemes().items():
        assert scheme.family == "signature" and scheme.about and "secrets" in takes(name)
    for each in presets().values():
        assert each.steps and any("{url}" in step or "{address}" in step for step in each.steps)
        if each.auth is not None:
            joined(AuthSettings(secrets=SECRETS), each.auth)


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (Scheme, {"family": "header", "signature": [Signature(header="X")]}, "at least one, and no other has any"),
        (Scheme, {"family": "signature"}, "at least one"),
        (Scheme, {"signature": [Signature(header="X")], "tolerance": 3}, "both, or neither"),
        (Echo, {"where": "body", "field": "challenge"}, "needs `when`"),
        (Echo, {"where": "body", "field": "c", "when": {"a": "b"}, "token": "t"}, "echo of a query"),
    ],
)
def test_a_scheme_s_file_is_held_to_its_rules(model: Any, given: dict[str, Any], said: str) -> None:
    named = {"name": "x", "title": "X", "about": ""} if model is Scheme else {}
    with pytest.raises(ValidationError, match=said):
        model(**named, **given)


def test_the_json_schema_names_the_schemes() -> None:
    scheme = AuthSettings.model_json_schema()["properties"]["scheme"]
    assert {"token", "hmac", "github"} <= set(scheme["anyOf"][0]["enum"])
