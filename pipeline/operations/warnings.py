"""What is saved and does less than it says. In: settings of a connector. Out: warnings, in the shape of problems."""

from __future__ import annotations

from pipeline.operations.errors import Problem
from schemas.checking import Draft
from schemas.fields import RecordFields
from schemas.idle import idle
from schemas.joined import with_declared
from schemas.presets import preset
from schemas.settings import ConnectorSettings

NO_MAIL = (
    "no mail is sent: Leadpipe notes each failure for this user, and has no mail server to send it by; "
    "look with `leadpipe journal list --outcome failed`"
)


def warnings_of(settings: ConnectorSettings, fields: RecordFields) -> list[Problem]:
    """Everything in settings that can be saved, and that can never do anything. Each names its row."""
    draft = Draft(settings, preset(settings.preset), with_declared(fields, settings))
    found = [Problem(each.place, each.message, each.value) for each in idle(draft)]
    if settings.notify is not None and settings.notify.enabled:
        found.append(Problem("notify.user", NO_MAIL))
    return found
