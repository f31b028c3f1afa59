"""Bodies and answers under /api/segments/."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator
from pydantic.config import JsonDict

from segops_common.core.pagination import Page
from segops_common.core.problems import Fault
from segops_language import EXAMPLE, Definition, Group, Optional, without_default
from segops_language.model import fault_at
from segops_segments.api.schemas.bases import Answer, Body
from segops_segments.api.schemas.runs import AT, MEMBERSHIP, RunProblemRead, RunProgressRead, ServedMembership
from segops_segments.domain.run import Run, RunState
from segops_segments.domain.segment import (
    MAX_SHOWN_REFERRERS,
    NOBODY,
    Change,
    NewSegment,
    Refresh,
    Segment,
    SegmentType,
    Version,
)
from segops_segments.domain.serving_status import Standing
from segops_segments.service.validation.report import Verdict

MAX_ID: Final = 2**63 - 1
_SEGMENT: Final[JsonDict] = {
    "id": 42,
    "name": "Pricing Page Visitors",
    "tenant": 1,
    "segment_type": "rule",
    "definition": EXAMPLE,
    "description": "",
    "refresh": "manual",
    "version": 2,
    "references": [],
    "referenced_by": [57],
    "created_at": AT,
    "updated_at": AT,
}
_VERSION: Final[JsonDict] = {"version": 2, "definition": EXAMPLE, "created_at": AT, "created_by": "user:7"}
RUN: Final[JsonDict] = {
    "run_id": "17",
    "segment_id": 42,
    "version": 2,
    "status": "succeeded",
    "as_of": AT,
    "requested_by": "user:7",
    "requested_at": AT,
    "started_at": AT,
    "finished_at": AT,
    "size": 1204,
    "entered": 31,
    "exited": 8,
    "published": True,
    "universe": 60000,
    "duration_ms": 412,
    "rows_read": 251300,
    "bytes_read": 6031200,
    "digest": "8d0c8f6f2f2f7b1e54a3c1b09e5d7a42",
}

_REFRESH: Final = (
    "`manual`, when left out: on request. `hourly`: also by itself, an hour after its last run at the latest, together with"
    " others of the tenant; for segments of rules. `live` is not available yet."
)

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"\S"), Field(description="Unique in the tenant.")
]
Description = Annotated[str, StringConstraints(max_length=2000)]
TenantId = Annotated[int, Field(ge=1, le=MAX_ID)]


class CreateSegment(Body):
    """A new segment; its definition may follow later."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Pricing Page Visitors", "tenant": 1, "segment_type": "rule"}]}
    )

    name: Name
    tenant: TenantId
    segment_type: SegmentType
    definition: Optional[Definition] = None
    description: Annotated[Description, Field(json_schema_extra=without_default)] = ""
    refresh: Annotated[Refresh, Field(description=_REFRESH, json_schema_extra=without_default)] = "manual"

    def to_domain(self) -> NewSegment:
        """The same in the words of the use cases."""
        return NewSegment(
            tenant_id=self.tenant,
            name=self.name,
            segment_type=self.segment_type,
            definition=NOBODY if self.definition is None else self.definition,
            description=self.description,
            refresh=self.refresh,
        )


class UpdateSegment(Body):
    """What to change; fields that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": EXAMPLE}]})

    name: Optional[Name] = None
    definition: Optional[Definition] = None
    description: Optional[Description] = None
    refresh: Optional[Refresh] = Field(default=None, description=_REFRESH)

    def to_domain(self) -> Change:
        """The same in the words of the use cases."""
        return Change(name=self.name, definition=self.definition, description=self.description, refresh=self.refresh)


class SegmentRead(Answer):
    """A segment as it is now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SEGMENT]})

    id: int
    name: str
    tenant: int
    segment_type: SegmentType
    definition: Group = Field(description="No one, an OR of nothing, until one is set.")
    description: str
    refresh: Refresh
    version: int = Field(description="Rises by one with every change; also the ETag.")
    references: tuple[int, ...] = Field(description="The segments that the definition refers to, by rising id.")
    referenced_by: tuple[int, ...] = Field(
        description=f"Segments whose definitions refer to this one: the first {MAX_SHOWN_REFERRERS}, by rising id. "
        "They come and go without a new version of this one."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, segment: Segment) -> SegmentRead:
        """The answer for a segment."""
        return cls(
            id=segment.id,
            name=segment.name,
            tenant=segment.tenant_id,
            segment_type=segment.segment_type,
            definition=segment.definition,
            description=segment.description,
            refresh=segment.refresh,
            version=segment.version,
            references=segment.references,
            referenced_by=segment.referenced_by,
            created_at=segment.created_at,
            updated_at=segment.updated_at,
        )


class SegmentDetail(SegmentRead):
    """A segment as it is now, with what it serves."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SEGMENT | {"membership": MEMBERSHIP}]})

    membership: ServedMembership

    @classmethod
    def with_standing(cls, segment: Segment, standing: Standing) -> SegmentDetail:
        """The answer for a segment and its standing."""
        return cls(**dict(SegmentRead.of(segment)), membership=ServedMembership.of(standing))


class SegmentList(Answer):
    """A page of segments, by rising id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SEGMENT], "next_cursor": "WzQyXQ"}]})

    items: tuple[SegmentRead, ...]
    next_cursor: str | None = Field(description="Null on the last page.")

    @classmethod
    def of(cls, page: Page[Segment]) -> SegmentList:
        """The answer for a page."""
        return cls(items=tuple(map(SegmentRead.of, page.items)), next_cursor=page.next_cursor)


class VersionRead(Answer):
    """A definition that the segment has or had."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    version: int
    definition: Group
    created_at: datetime
    created_by: str = Field(description="`user:<id>`, `key:<id>`, or `schedule` for the runs of every hour.")

    @classmethod
    def of(cls, version: Version) -> VersionRead:
        """The answer for a version."""
        return cls(
            version=version.number,
            definition=version.definition,
            created_at=version.created_at,
            created_by=version.created_by,
        )


class VersionList(Answer):
    """A page of versions, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_VERSION], "next_cursor": "WzQyXQ"}]})

    items: tuple[VersionRead, ...]
    next_cursor: str | None = Field(description="Null on the last page.")

    @classmethod
    def of(cls, page: Page[Version]) -> VersionList:
        """The answer for a page."""
        return cls(items=tuple(map(VersionRead.of, page.items)), next_cursor=page.next_cursor)


class RestoreVersion(Body):
    """Which version's definition to bring back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 2}]})

    version: Annotated[int, Field(ge=1, le=MAX_ID)]


class RunRead(Answer):
    """A run as it is now; sizes are numbers of profiles, null until it has succeeded."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN]})

    run_id: str
    segment_id: int
    version: int = Field(description="The version whose definition is evaluated.")
    status: RunState
    as_of: datetime
    requested_by: str = Field(description="`user:<id>` or `key:<id>`.")
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    size: int | None
    entered: int | None
    exited: int | None
    published: bool | None = Field(
        description="Whether it is, or was, what is served; false when it is of an instant before that of what was served."
    )
    universe: int | None
    duration_ms: int | None
    rows_read: int | None = Field(description="From the warehouse, for all segments of the run together.")
    bytes_read: int | None = Field(description="As `rows_read`, uncompressed.")
    digest: str | None = Field(
        description="32 hexadecimal digits, equal for runs that found the same user ids, in whatever order events came."
    )
    progress: RunProgressRead | None = Field(default=None, description="Only while it runs; never goes back.")
    problem: RunProblemRead | None = None

    @classmethod
    def of(cls, run: Run) -> RunRead:
        """The answer for a run."""
        outcome = run.outcome
        return cls(
            run_id=str(run.id),
            segment_id=run.segment_id,
            version=run.version,
            status=run.state,
            as_of=run.as_of,
            requested_by=run.requested_by,
            requested_at=run.requested_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            size=None if outcome is None else outcome.size,
            entered=None if outcome is None else outcome.entered,
            exited=None if outcome is None else outcome.exited,
            published=None if outcome is None else outcome.published,
            universe=None if outcome is None else outcome.counts.universe,
            duration_ms=None if outcome is None else outcome.duration_ms,
            rows_read=None if outcome is None else outcome.counts.rows_read,
            bytes_read=None if outcome is None else outcome.counts.bytes_read,
            digest=None if outcome is None else outcome.digest,
            progress=None if run.progress is None else RunProgressRead.of(run.progress),
            problem=None if run.problem is None else RunProblemRead.of(run.problem),
        )


class RunList(Answer):
    """A page of runs, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [RUN], "next_cursor": "WzQyXQ"}]})

    items: tuple[RunRead, ...]
    next_cursor: str | None = Field(description="Null on the last page.")

    @classmethod
    def of(cls, page: Page[Run]) -> RunList:
        """The answer for a page."""
        return cls(items=tuple(map(RunRead.of, page.items)), next_cursor=page.next_cursor)


class ValidateDefinition(Body):
    """A definition to look at; anything is taken, and its faults are the answer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"definition": EXAMPLE, "tenant": 1}, {"definition": EXAMPLE}]}
    )

    definition: JsonValue
    tenant: Optional[TenantId] = Field(
        default=None, description="Whose segments it may refer to; these are not looked for when it is left out."
    )
    segment_id: Optional[TenantId] = Field(
        default=None, description="The segment of the tenant that would have it; a new one when left out."
    )

    @model_validator(mode="after")
    def _check_tenant(self) -> Self:
        if self.segment_id is not None and self.tenant is None:
            raise fault_at("tenant", "required", "A segment is looked for in a tenant.")
        return self


class DefinitionFault(Answer):
    """What is wrong with one part of a definition."""

    path: str = Field(description="Where, as in `definition.conditions[2].value`.")
    code: str = Field(description="What, in a word that stays the same.")
    detail: str


class DefinitionVerdict(Answer):
    """Whether the definition could be saved, and what in it looks like a slip of the pen."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "valid": True,
                    "errors": [],
                    "warnings": [
                        {
                            "path": "definition.conditions[0].event_type",
                            "code": "unknown-event-type",
                            "detail": "No event of this type has been seen. Did you mean `purchase`?",
                        }
                    ],
                    "observed": True,
                }
            ]
        }
    )

    valid: bool
    errors: tuple[DefinitionFault, ...]
    warnings: tuple[DefinitionFault, ...] = Field(
        description="Of a valid definition: `always-true`, `always-false`, `duplicate-condition`; with `tenant`, also"
        " `duplicate-segment`, `unknown-event-type`, `unknown-property`, `type-mismatch`."
    )
    observed: bool = Field(
        description="Whether it was held against the tenant's events; not without `tenant`, or when they cannot be read now."
    )

    @classmethod
    def of(cls, verdict: Verdict) -> DefinitionVerdict:
        """The answer for what was found."""
        errors = tuple(map(_fault, verdict.faults))
        warnings = tuple(map(_fault, verdict.warnings))
        return cls(valid=not errors, errors=errors, warnings=warnings, observed=verdict.observed)


def _fault(fault: Fault) -> DefinitionFault:
    return DefinitionFault(path=fault.path, code=fault.code, detail=fault.detail)
