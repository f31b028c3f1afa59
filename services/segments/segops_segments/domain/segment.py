"""A segment: a named, versioned definition that belongs to a tenant."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from segops_common.contracts.jobs import SegmentChanged
from segops_language import Group, content_hash, segments_in

SegmentType = Literal["rule", "ai", "static"]
"""`ai` is a label for a definition that a program wrote. Everywhere else it is `rule`."""
Refresh = Literal["manual", "hourly", "live"]

NOBODY: Final = Group(logic="OR", conditions=())
"""The definition of a segment that was created without one: it has no members, so computing it early does no harm."""

MAX_DEFINITION_BYTES: Final = 256 * 1024
"""A job carries the definition, and the event log takes records of 1 MiB."""

MAX_SHOWN_REFERRERS: Final = 100
MAX_TAGS: Final = 20
MAX_TAG_CHARS: Final = 40
_ID_DIGITS: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """A segment to create."""

    tenant_id: int
    name: str
    segment_type: SegmentType
    definition: Group
    description: str
    refresh: Refresh
    tags: tuple[str, ...] = ()
    created_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFilter:
    """Which segments to list. None leaves a field out.

    `text` is a part of the name or of the description without regard to case, or a whole id. `owner` is who created the segment.
    """

    text: str | None = None
    tag: str | None = None
    owner: str | None = None

    @property
    def segment_id(self) -> int | None:
        """The id that the text may mean."""
        text = self.text or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS else None

    def selects(self, segment: Segment) -> bool:
        """Return whether the segment is one of those to list."""
        return (
            (self.text is None or self._is_in(segment, self.text))
            and (self.tag is None or self.tag in segment.tags)
            and self.owner in (None, segment.created_by)
        )

    def _is_in(self, segment: Segment, text: str) -> bool:
        searched = searched_text(text)
        has_text = any(searched in searched_text(field) for field in (segment.name, segment.description))
        return has_text or segment.id == self.segment_id


EVERY_SEGMENT: Final = SegmentFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a segment; None leaves a field as it is."""

    name: str | None = None
    definition: Group | None = None
    description: str | None = None
    refresh: Refresh | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment in its present state; every change increments `version`.

    `referenced_by` has the ids of segments whose definitions refer to this one: the first MAX_SHOWN_REFERRERS,
    ascending.
    """

    id: int
    tenant_id: int
    name: str
    segment_type: SegmentType
    definition: Group
    description: str
    refresh: Refresh
    version: int
    created_at: datetime
    updated_at: datetime
    referenced_by: tuple[int, ...] = ()
    list_size: int = 0
    """Of a static segment: at most so many users are in its list. A repeated id counts each time."""
    tags: tuple[str, ...] = ()
    created_by: str = ""
    """`user:<id>` or `key:<id>`; empty if it is not known."""

    def apply(self, change: Change, at: datetime) -> Segment:
        """Return the changed segment; this object itself when the change has no effect."""
        after = replace(
            self,
            name=self.name if change.name is None else change.name,
            definition=self.definition if change.definition is None else change.definition,
            description=self.description if change.description is None else change.description,
            refresh=self.refresh if change.refresh is None else change.refresh,
            tags=self.tags if change.tags is None else change.tags,
        )
        if after.content == self.content:
            return self
        return replace(after, version=self.version + 1, updated_at=at)

    @property
    def content(self) -> tuple[object, ...]:
        """Everything that a caller can change, comparable: equal definitions have equal hashes."""
        return (self.name, self.definition_hash, self.description, self.refresh, self.tags)

    @property
    def references(self) -> tuple[int, ...]:
        """The ids of the segments that the definition itself refers to, ascending."""
        return tuple(sorted({segment_id for _, segment_id in segments_in(self.definition)}))

    @property
    def definition_hash(self) -> str:
        """The content hash of the definition."""
        return content_hash(self.definition)

    def to_message(self, *, deleted: bool = False) -> SegmentChanged:
        """Return the message that publishes the present state to other services."""
        return SegmentChanged(
            tenant_id=self.tenant_id,
            segment_id=self.id,
            version=self.version + 1 if deleted else self.version,
            definition=self.definition,
            refresh=self.refresh,
            deleted=deleted,
            name=self.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A present or past definition of a segment; `number` is the segment's version that introduced it."""

    segment_id: int
    number: int
    definition: Group
    created_at: datetime
    created_by: str


def searched_text(text: str) -> str:
    """Return a text as names and descriptions are searched: without regard to case, and to how letters with marks are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def definition_bytes(definition: Group) -> int:
    """Return the size of a definition in a message, in bytes."""
    return len(definition.model_dump_json().encode())
