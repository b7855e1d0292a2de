"""What a caller knows of what they change. In: the headers If-Match and If-None-Match. Out: tags to compare.

See RFC 9110 §13. The tag of a thing is strong: it changes with every save.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.api.answer import Refusal

ANY = "*"
_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Conditions:
    """`match`: the tags of which the thing must have one; `none`: those that it must not have; None: no matter."""

    match: frozenset[str] | None = None
    none: frozenset[str] | None = None

    @property
    def expected(self) -> frozenset[str] | None:
        """The tags that what is saved must have now; None: whatever it has."""
        return None if self.match is None or ANY in self.match else self.match

    def is_known(self, tag: str) -> bool:
        """Whether the caller has what has this tag already."""
        return self.none is not None and (ANY in self.none or tag in self.none)


UNCONDITIONAL = Conditions()


def conditions_of(headers: Mapping[str, str]) -> Conditions:
    """What a request says. Raises Refusal where a header is no list of tags."""
    return Conditions(_tags(headers, "If-Match", weak=False), _tags(headers, "If-None-Match", weak=True))


def _tags(headers: Mapping[str, str], name: str, *, weak: bool) -> frozenset[str] | None:
    """The tags of a header; a weak one, which never matches a strong one, counts only where `weak` ones do."""
    given = headers.get(name)
    if given is None:
        return None
    if given.strip() == ANY:
        return frozenset({ANY})
    tags, at = set(), 0
    while at < len(given):
        found = _TAG.match(given, at)
        if found is None:
            raise Refusal(400, f'{name} takes * or tags in quotes, such as "12.3", as the header ETag gives them')
        if weak or not found[1]:
            tags.add(found[2])
        at = found.end()
    return frozenset(tags)
