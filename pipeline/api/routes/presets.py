"""`/presets`: the source systems that ship, with the fields they send and the mapping that a connector starts with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.listing import Page, Shown
from pipeline.api.route import Table
from pipeline.operations import presets
from schemas.access import Scope
from schemas.fields import RecordKind

api = Table()
TAG = "Presets"
PresetName = Annotated[str, Field(max_length=100)]


class PresetShown(Shown):
    """A source system that Leadpipe knows."""

    name: str
    title: str
    about: str
    kind: RecordKind = Field(description="what its events are")


class SourceFieldShown(Shown):
    """Something that the source sends."""

    path: str
    label: str
    type: str


class WholePresetShown(PresetShown):
    """A preset with all that a connector's settings may leave out."""

    primary_key: str
    secondary_key: str | None
    blank: Literal["keep", "clear"]
    sync: dict[str, Any]
    auth: dict[str, Any] | None = Field(description="what a connector's `auth` may leave out")
    steps: list[str] = Field(description="the steps to enter the webhook URL in the source; {url} stands for the URL")
    time_zone: str
    required: list[str] = Field(description="paths without which an event is rejected")
    id: list[str] = Field(description="the paths that together are the producer's own id of an event")
    source_fields: list[SourceFieldShown]
    map: list[dict[str, Any]] = Field(description="the mapping that a connector starts with")


class Presets(Page[PresetShown]):
    """All presets that ship with Leadpipe."""


@api.route("GET", "/presets", scope=Scope.CONNECTORS_READ, tag=TAG)
async def list_presets(call: Call) -> Presets:
    """List the source systems that a connector can start from."""
    return Presets.model_validate({"items": presets.page()})


@api.route("GET", "/presets/{name}", scope=Scope.CONNECTORS_READ, tag=TAG)
async def show_preset(call: Call, name: PresetName) -> WholePresetShown:
    """Show a source system: its fields, its default mapping, its search keys, how its webhook is set up."""
    return WholePresetShown.model_validate(presets.whole(name))
