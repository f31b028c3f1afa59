"""A segment: a named definition of a tenant, each change of which has a number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from segops_common.contracts.jobs import SegmentChanged
from segops_language import Group, content_hash, segments_in

SegmentType = Literal["rule", "static"]
Refresh = Literal["manual", "hourly", "live"]

NOBODY: Final = Group(logic="OR", conditions=())
"""The definition of a segment that was created without one: to compute too early does no harm."""

MAX_DEFINITION_BYTES: Final = 256 * 1024
"""A job carries the definition, and the event log takes records of 1 MiB."""

MAX_SHOWN_REFERRERS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """What is given for a segment that does not exist yet."""

    tenant_id: int
    name: str
    segment_type: SegmentType
    definition: Group
    description: str
    refresh: Refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a caller wants changed; None leaves a part as it is."""

    name: str | None = None
    definition: Group | None = None
    description: str | None = None
    refresh: Refresh | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment as it is now; `version` rises by one with every change of it.

    `referenced_by` are the first segments, by rising id, whose definitions refer to it: at most MAX_SHOWN_REFERRERS.
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

    def changed(self, change: Change, at: datetime) -> Segment:
        """The segment with the change made; the same one when the change changes nothing."""
        wanted = replace(
            self,
            name=self.name if change.name is None else change.name,
            definition=self.definition if change.definition is None else change.definition,
            description=self.description if change.description is None else change.description,
            refresh=self.refresh if change.refresh is None else change.refresh,
        )
        if wanted.says == self.says:
            return self
        return replace(wanted, version=self.version + 1, updated_at=at)

    @property
    def says(self) -> tuple[str, str, str, str]:
        """All that a caller can change, comparable: equal definitions have equal hashes."""
        return (self.name, self.definition_hash, self.description, self.refresh)

    @property
    def references(self) -> tuple[int, ...]:
        """The segments that the definition refers to itself, by rising id."""
        return tuple(sorted({segment_id for _, segment_id in segments_in(self.definition)}))

    @property
    def definition_hash(self) -> str:
        """The identity of the definition."""
        return content_hash(self.definition)

    def announcement(self, *, deleted: bool = False) -> SegmentChanged:
        """What the other services are told."""
        return SegmentChanged(
            tenant_id=self.tenant_id,
            segment_id=self.id,
            version=self.version + 1 if deleted else self.version,
            definition=self.definition,
            refresh=self.refresh,
            deleted=deleted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A definition that a segment has or had; the segment's version when it came in force is its number."""

    segment_id: int
    number: int
    definition: Group
    created_at: datetime
    created_by: str


def definition_bytes(definition: Group) -> int:
    """How much room a definition takes in a message."""
    return len(definition.model_dump_json().encode())
