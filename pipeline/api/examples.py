"""Examples of bodies and answers for the OpenAPI document. In: a JSON Schema. Out: a document that fits it.

A member takes the value that NAMED has for its name, where that fits, else one that its schema allows; so each route
has an example without one written down for each, and none goes stale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.operations import cursor

EVENT: Final = "0198a3c2-7d1e-7000-8a41-5b1f0c9e2d37"
LEAD: Final = "0198a3c2-91b0-7000-9c55-31d7e8a4f602"
OTHER: Final = "0198a3c2-a044-7000-b3f1-6e90d2c51a78"
TIME: Final = "2026-08-31T09:30:00Z"
FIELDS: Final = {"first_name": "Asha", "phone": "+919822012345", "city": "Pune"}
ROW: Final = {"from": "form.budget", "to": "lead.budget"}
# By the name of a member, or by that of its model and its own.
NAMED: Final[Mapping[str, Sequence[Any]]] = {
    "AccountChangeShown.details": [{"name": "nightly export"}],
    "AccountChangeShown.key_id": [None],
    "Activity.call": [None],
    "Activity.external_id": [None],
    "FieldChangeShown.effect": ["changed"],
    "FieldChangeShown.how": ["sent"],
    "FieldChangeShown.record": ["lead"],
    "FieldExplained.default": [False],
    "FieldShown.if_taken": [None, "hold"],
    "FieldShown.junk": [[]],
    "FieldShown.key": [None],
    "FieldShown.name": ["budget"],
    "FieldShown.options": [[]],
    "FieldShown.own_space": [False],
    "FieldShown.parent": [None],
    "FieldShown.required": [False],
    "FieldShown.unique": [False],
    "KeyShown.name": ["nightly export"],
    "LeadShown.id": [LEAD],
    "MatchShown.value": ["+919822012345"],
    "NewKeyShown.key": ["lp_0123456789ab_the-secret-that-is-shown-once"],
    "NewKeyShown.name": ["nightly export"],
    "NewUser.name": ["Sam"],
    "PresetShown.name": ["generic-json"],
    "RefusedShown.status": [415],
    "SyncShown.activity": ["off"],
    "SyncShown.lead": ["capture"],
    "TrialShown.before": [False],
    "TrialShown.reason": [None],
    "UserChange.fields": [{"is_employee": True}],
    "UserChange.name": ["Sam"],
    "UserShown.fields": [{"is_employee": True}],
    "UserShown.name": ["Sam"],
    "WholeLeadShown.id": [LEAD],
    "WholePresetShown.name": ["generic-json"],
    "WholeRefusedShown.status": [415],
    "activity_id": [None],
    "call_id": [None],
    "from_stage": ["map"],
    "idempotency_key": [None],
    "merged_by": ["sam@example.com"],
    "missing": [None],
    "parent": [None],
    "replaces": [None],
    "revoked_at": [None],
    "saved_by": ["sam@example.com"],
    "scopes": [["journal:read", "leads:read"]],
    "sent_at": [None],
    "sent_by": [None],
    "truncated": [False],
    "undone_at": [None],
    "undone_by": [None],
    "waiting": [None],
    "why": [None],
    "about": ["A website's form, or any system that posts JSON.", "budget"],
    "account": ["default"],
    "after": [cursor.packed("journal", f"{TIME} {EVENT}")],
    "body": ['{"name": "Asha Rao", "phone": "98220 12345"}'],
    "by": ["sam@example.com", "phone"],
    "cause": ["a number field takes one number, such as 150000"],
    "changed": [["city"]],
    "connector": ["website-leads"],
    "connectors": [["website-leads"]],
    "content_encoding": [None],
    "content_type": ["application/json"],
    "country": ["IN"],
    "data": [{"fields": {"lead.city": "Pune"}}],
    "day": ["2026-08-31"],
    "decision": [None],
    "detail": ["the body is not valid"],
    "document": [{"name": "Asha Rao", "phone": "98220 12345"}],
    "email": ["sam@example.com"],
    "error": [None],
    "event": [EVENT],
    "event_id": [EVENT],
    "events": [12, [EVENT]],
    "expires_at": ["2027-01-01T00:00:00Z"],
    "failed_stage": [None],
    "failure": [None],
    "field": ["city", "lead.budget"],
    "fields": [FIELDS, {"is_employee": True}],
    "groups": [[]],
    "id": [1, EVENT],
    "ids": [[EVENT], [1]],
    "key": [
        "phone",
        "lp_0123456789ab_the-secret-that-is-shown-once",
        1,
    ],
    "keys": [["phone", "email"], [["phone", "+919822012345"]]],
    "kind": ["rejected", "phone_invalid"],
    "label": ["Budget"],
    "lead": [LEAD],
    "lead_id": [LEAD],
    "letters": [[1], 1],
    "loser": [OTHER],
    "map": [[ROW]],
    "matched_by": ["phone"],
    "name": ["website-leads", "budget", "Sam"],
    "new": ["Pune", 2],
    "new_fields": [["budget"]],
    "next": [cursor.packed("journal", f"{TIME} {EVENT}")],
    "note": ["a row for the budget"],
    "number": [{"valid": True, "region": "IN", "type": "mobile", "national": "098220 12345", "shared": False}],
    "old": ["Mumbai", 1],
    "outcome": ["created"],
    "outcomes": [{"created": {"created": 98, "failed": 2}}],
    "owner": [LEAD],
    "path": ["form.budget", "website-leads.tests/no-budget.toml"],
    "place": ["map lead.budget.default"],
    "prefix": ["lp_0123456789ab"],
    "preset": ["generic-json"],
    "primary_key": ["phone"],
    "query": [None, "98220 12345"],
    "reason": ["a number field takes one number, such as 150000", None],
    "redirected_from": [None],
    "remedy": ["set default_country to the country of numbers that come without a country code"],
    "removed": [["old-leads"]],
    "replaced_by": [OTHER],
    "request": ['{"name":"Asha Rao","phone":"98220 12345"}'],
    "row": [{"of": "map", "row": 1, **ROW}],
    "rule": ["a number field takes one number, such as 150000"],
    "rungs": [{"retry.30s": 0}],
    "secondary_key": ["email"],
    "settings": [{"name": "website-leads", "preset": "generic-json", "map": [ROW]}],
    "stage": ["map"],
    "stages": [[{"stage": "map", "attempt": 1, "waited_ms": 3, "spent_ms": 2, "replay": 0}]],
    "steps": [["Copy the URL.", "Paste it where the source asks for a webhook."]],
    "subject": ["sam@example.com"],
    "text": ["a phone number that is not valid"],
    "time_zone": ["Asia/Kolkata"],
    "title": ["Any JSON", "Not valid"],
    "to": ["lead.budget"],
    "toml": ['name = "no budget"\n'],
    "trace": [None],
    "trouble": [None],
    "type": ["text", "form.submitted"],
    "until": [TIME],
    "url": ["https://leads.example.com/in/AbCdEfGhIjKlMnOpQrStUvWx"],
    "use": [LEAD],
    "used_by": [["website-leads"]],
    "user": [1, "sam@example.com"],
    "user_email": ["sam@example.com"],
    "value": ["Pune", "maybe"],
    "where": [{"line": 2}],
    "winner": [LEAD],
}
FORMATS: Final = {"date-time": TIME, "date": "2026-08-31", "uuid": LEAD, "password": "a secret", "uri": NAMED["url"][0]}
DEEPEST = 8  # levels of a document


class Examples:
    """Makes examples of schemas that refer to `defined`. `fits(schema, value)` judges whether a value is allowed."""

    def __init__(self, defined: Mapping[str, Mapping[str, Any]]) -> None:
        self._defined = defined

    def of(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """A document that fits the schema, and is called `name` where it stands."""
        schema = self._resolved(schema)
        given = [*schema.get("examples", ()), *([schema["example"]] if "example" in schema else ())]
        last = name.rpartition(".")[2]
        for value in (*given, *NAMED.get(name, ()), *NAMED.get(last, ())):
            if self._fits(schema, value):
                return value
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self.of(choices[0], name, depth)
        return self._of_type(schema, last, depth)

    def _of_type(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                item = schema.get("items", {})
                return [] if depth > DEEPEST else [self.of(item, name.removesuffix("s"), depth + 1)]
            case "string":
                otherwise = TIME if name.endswith(("_at", "since")) else name or "text"
                return FORMATS.get(schema.get("format", ""), otherwise)
            case "integer" | "number":
                return max(schema.get("minimum", 0), 1 if schema.get("maximum", 1) >= 1 else 0)
            case "boolean":
                return schema.get("default", True)
        return None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            return {}
        required = set(schema.get("required", ()))
        return {
            name: self.of(member, f"{schema.get('title', '')}.{name}", depth + 1)
            for name, member in schema.get("properties", {}).items()
            if name in required or not member.get("deprecated")
        }

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            beside = {name: value for name, value in schema.items() if name in ("default", "description")}
            schema = {**self._defined[schema["$ref"].rpartition("/")[2]], **beside}
        return schema

    def _fits(self, schema: Mapping[str, Any], value: Any) -> bool:
        """Whether a value is of the schema's kind: type, choices, pattern, format, members."""
        schema = self._resolved(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return any(self._fits(each, value) for each in choices)
        if "const" in schema or "enum" in schema:
            return value in schema.get("enum", [schema.get("const")])
        return _is_of(schema, value) and self._holds(schema, value)

    def _holds(self, schema: Mapping[str, Any], value: Any) -> bool:
        if isinstance(value, list) and "items" in schema:
            return all(self._fits(schema["items"], each) for each in value)
        if isinstance(value, dict):
            known = schema.get("properties", {})
            missing = set(schema.get("required", ())) - set(value)
            return not missing and all(name not in known or self._fits(known[name], value[name]) for name in value)
        return True


def _is_of(schema: Mapping[str, Any], value: Any) -> bool:
    match schema.get("type"):
        case None:
            return True
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            fits = isinstance(value, str) and re.search(schema.get("pattern", ""), value) is not None
            return fits and (schema.get("format") not in FORMATS or len(value) == len(FORMATS[schema["format"]]))
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return False
