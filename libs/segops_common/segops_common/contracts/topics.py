"""The topics of the event log: their names, their partitions and what they are keyed by.

Values are NDJSON in UTF-8. Readers ignore unknown fields, so a writer may be newer.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION_HEADER = "schema-version"
TRACEPARENT_HEADER = "traceparent"


@dataclass(frozen=True, slots=True)
class Topic:
    """A named, partitioned log; records with equal keys share a partition and keep their order."""

    name: str
    partitions: int

    @property
    def dead(self) -> Topic:
        """The dead-letter topic: records of this topic that cannot be processed, in the same partition."""
        return Topic(f"{self.name}.dead", self.partitions)


EVENTS = Topic("segops.events", 12)
EVENT_IMPORTS = Topic("segops.event-imports", 12)
QUARANTINED_EVENTS = Topic("segops.quarantined-events", 12)
COMPUTE_JOBS = Topic("segops.compute-jobs", 6)
SEGMENTS = Topic("segops.segments", 6)
STATIC_MEMBERS = Topic("segops.static-members", 6)
COMPUTE_RESULTS = Topic("segops.compute-results", 6)
MEMBERSHIP_CHANGES = Topic("segops.membership-changes", 12)

SINK_GROUP = "segops-sink"
"""The group that moves EVENTS into the warehouse: what it has committed can be read there."""
IMPORT_SINK_GROUP = "segops-import-sink"
"""The same for EVENT_IMPORTS."""
QUARANTINE_GROUP = "segops-quarantine"
"""The group that makes dead letters of QUARANTINED_EVENTS."""
SINKS = ((SINK_GROUP, EVENTS), (IMPORT_SINK_GROUP, EVENT_IMPORTS))
"""Every topic with events, and the group that moves it into the warehouse."""


def tenant_key(tenant_id: int) -> bytes:
    """Return the key of records about a whole tenant."""
    return b"%d" % tenant_id


def profile_key(tenant_id: int, profile_id: str) -> bytes:
    """Return the key of records about one profile of a tenant."""
    return b"%d:%s" % (tenant_id, profile_id.encode())
