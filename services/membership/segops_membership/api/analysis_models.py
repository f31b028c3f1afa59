"""Bodies and answers of previews, plans and overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, model_validator
from pydantic.config import JsonDict

from segops_language import EXAMPLE, Definition, InstantText, Optional
from segops_language.instants import from_ms
from segops_language.model import Items, fault_at
from segops_membership.ports import Query
from segops_membership.service.moments import Reading
from segops_membership.service.overlaps import Overlap
from segops_membership.service.previews import Plan, Preview, Selection

MAX_ID: Final = 2**63 - 1
MAX_OVERLAPPING: Final = 20
_AT: Final = "2026-01-31T09:00:00Z"
_COST: Final[JsonDict] = {
    "as_of": _AT,
    "rows_read": 251300,
    "bytes_read": 6031200,
    "atoms": 3,
    "cached_atoms": 2,
    "unnumbered": 0,
}
_AS_OF: Final = (
    "Evaluate as of this instant; now when left out, or up to 5 s before it. "
    "Send the `as_of` of the answer with the next edit: only what is new in the definition is read then."
)

_ANY: Final = TypeAdapter(dict[str, JsonValue])
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
UserIds = Annotated[tuple[str, ...], Field(description="Up to ten of them, spread evenly over all.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class PreviewRequest(_Body):
    """A definition that need not be saved."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "definition": EXAMPLE}]})

    tenant: Id
    definition: Definition
    segment_id: Optional[Id] = Field(
        default=None,
        description="The segment that would have it: its id seeds samples, and it must not lead back to it.",
    )
    as_of: Optional[InstantText] = Field(default=None, description=_AS_OF)


class QueryRead(_Answer):
    """One statement, which answers one row."""

    sql: str = Field(description="With `{name:Type}` for the parameters, as ClickHouse binds them.")
    parameters: dict[str, JsonValue]
    atoms: int = Field(
        description="How many questions it answers, each with the bitmap of a column; 0 for the universe."
    )
    rows: int = Field(
        description="An estimate, never too low while nothing is added: rows that the index leaves to be read."
    )


class SqlRead(_Answer):
    """What a run would ask the warehouse; how the answers are combined is the definition's logic."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": _AT,
                    "queries": [
                        {
                            "sql": "SELECT base64Encode(toString(groupBitmapState(n))) FROM profiles FINAL"
                            " WHERE tenant_id = {p0:UInt64} AND …",
                            "parameters": {"p0": 1},
                            "atoms": 0,
                            "rows": 60000,
                        }
                    ],
                }
            ]
        }
    )

    as_of: datetime
    queries: tuple[QueryRead, ...]

    @classmethod
    def of(cls, as_of_ms: int, queries: Sequence[Query]) -> SqlRead:
        """The answer for the statements."""
        return cls(
            as_of=from_ms(as_of_ms),
            queries=tuple(
                QueryRead(
                    sql=each.sql,
                    parameters=_ANY.validate_python(each.parameters),
                    atoms=each.atoms,
                    rows=each.rows,
                )
                for each in queries
            ),
        )


class PlanRequest(_Body):
    """A definition for a segment that has another now, or had."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"segment_id": 42, "definition": EXAMPLE}]})

    segment_id: Id
    definition: Definition
    base_definition: Optional[Definition] = Field(
        default=None,
        description="What to compare with in place of the segment's present definition: with the definitions of two "
        "past versions, whom the change between them let in and out.",
    )
    as_of: Optional[InstantText] = Field(default=None, description=_AS_OF)


class OverlapRequest(_Body):
    """Segments to compare."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "segment_ids": [42, 57]}]})

    tenant: Id
    segment_ids: Annotated[Items[Id], Field(min_length=2, max_length=MAX_OVERLAPPING, description="All different.")]

    @model_validator(mode="after")
    def _check_different(self) -> Self:
        if len(set(self.segment_ids)) < len(self.segment_ids):
            raise fault_at("segment_ids", "repeated", "Each segment is named once.")
        return self


class _Read(_Answer):
    as_of: datetime = Field(description="The instant of the answer; events later than it do not exist for it.")
    rows_read: int
    bytes_read: int
    atoms: int = Field(description="The distinct questions that the definition asks about events and traits.")
    cached_atoms: int = Field(description="How many of them were answered before, and not read again.")
    unnumbered: int = Field(
        description="Profiles that came just now and are left out of every number, because a run holds the tenant; "
        "0 when the answer is exact. Ask again in a moment."
    )


def _read(reading: Reading) -> dict[str, object]:
    return {
        "as_of": from_ms(reading.as_of_ms),
        "rows_read": reading.rows_read,
        "bytes_read": reading.bytes_read,
        "atoms": len(reading.atoms),
        "cached_atoms": reading.cached_atoms,
        "unnumbered": reading.unnumbered,
    }


class ConditionShare(_Answer):
    """What one node of the tree does by itself, whatever stands beside it; negation is included."""

    path: str = Field(description="Which node, as in `definition.conditions[0].conditions[1]`.")
    kept: int
    dropped: int


class PreviewRead(_Read):
    """Exactly who the definition selects."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_COST,
                    "count": 1204,
                    "universe": 60000,
                    "sample": ["user-123", "user-456"],
                    "per_condition": [{"path": "definition.conditions[0]", "kept": 1204, "dropped": 58796}],
                }
            ]
        }
    )

    count: int
    universe: int = Field(description="Everyone with an event by then, or in a list that the definition leads to.")
    sample: UserIds
    per_condition: tuple[ConditionShare, ...] = Field(description="Every condition and every group but the outermost.")

    @classmethod
    def of(cls, preview: Preview) -> PreviewRead:
        """The answer for a preview."""
        return cls.model_validate(
            {
                **_read(preview.reading),
                "count": preview.members.count,
                "universe": preview.universe,
                "sample": preview.members.sample,
                "per_condition": [
                    {"path": share.path, "kept": share.kept, "dropped": share.dropped}
                    for share in preview.per_condition
                ],
            }
        )


class CountRead(_Answer):
    """A number of profiles."""

    count: int


class SelectionRead(_Answer):
    """A number of profiles, and some of them."""

    count: int
    sample: UserIds

    @classmethod
    def of(cls, selection: Selection) -> SelectionRead:
        """The answer for a selection."""
        return cls(count=selection.count, sample=selection.sample)


class PlanRead(_Read):
    """What would change if the definition were saved and computed; both are evaluated as of the same instant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_COST,
                    "segment_id": 42,
                    "version": 2,
                    "before": {"count": 1204},
                    "after": {"count": 1227},
                    "entering": {"count": 31, "sample": ["user-123"]},
                    "leaving": {"count": 8, "sample": ["user-456"]},
                    "staying": 1196,
                    "dependents": [57],
                    "text_diff": "--- before\n+++ after\n@@ -1,2 +1,3 @@\n all of {\n"
                    '+  trait "plan" eq "starter"\n }\n',
                    "added": ['trait "plan" eq "starter"'],
                    "removed": [],
                }
            ]
        }
    )

    segment_id: int
    version: int = Field(
        description="The present version, whose definition is the one before unless another one is given."
    )
    before: CountRead
    after: CountRead
    entering: SelectionRead
    leaving: SelectionRead
    staying: int
    dependents: tuple[int, ...] = Field(
        description="Segments whose definitions lead to this one, directly or through others, by rising id."
    )
    text_diff: str = Field(description="A unified diff of the text forms; empty when nothing changed.")
    added: tuple[str, ...] = Field(description="Lines of the text form that are new.")
    removed: tuple[str, ...] = Field(description="Lines of the text form that are gone.")

    @classmethod
    def of(cls, plan: Plan) -> PlanRead:
        """The answer for a plan."""
        return cls.model_validate(
            {
                **_read(plan.reading),
                "segment_id": plan.segment_id,
                "version": plan.version,
                "before": CountRead(count=plan.before),
                "after": CountRead(count=plan.after),
                "entering": SelectionRead.of(plan.entering),
                "leaving": SelectionRead.of(plan.leaving),
                "staying": plan.staying,
                "dependents": plan.dependents,
                "text_diff": plan.diff.text,
                "added": plan.diff.added,
                "removed": plan.diff.removed,
            }
        )


class SegmentSize(_Answer):
    """A segment's published members."""

    segment_id: int
    size: int = Field(description="0 for a segment that was never published.")


class Intersection(_Answer):
    """The members that two segments share."""

    segment_ids: tuple[int, int]
    size: int


class OverlapRead(_Answer):
    """By the last published run of each segment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "segments": [{"segment_id": 42, "size": 1204}, {"segment_id": 57, "size": 310}],
                    "intersections": [{"segment_ids": [42, 57], "size": 122}],
                }
            ]
        }
    )

    segments: tuple[SegmentSize, ...] = Field(description="In the order asked.")
    intersections: tuple[Intersection, ...] = Field(description="Every pair once.")

    @classmethod
    def of(cls, overlap: Overlap) -> OverlapRead:
        """The answer for an overlap."""
        return cls(
            segments=tuple(SegmentSize(segment_id=id, size=size) for id, size in overlap.sizes.items()),
            intersections=tuple(
                Intersection(segment_ids=pair, size=size) for pair, size in overlap.intersections.items()
            ),
        )
