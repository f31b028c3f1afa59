"""Request and response of a plan."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from segops_language import EXAMPLE, Definition, InstantText, Optional
from segops_membership.api.schemas.bases import Id, RequestBody, Response
from segops_membership.api.schemas.previews import (
    AS_OF,
    EXAMPLE_READING,
    ReadingRead,
    SelectionRead,
    reading_fields,
)
from segops_membership.service.analysis.previews import Plan


class PlanRequest(RequestBody):
    """A new definition for a segment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"segment_id": 42, "definition": EXAMPLE}]})

    segment_id: Id
    definition: Definition
    base_definition: Optional[Definition] = Field(
        default=None,
        description="Compare with this instead of the segment's current definition. Example: pass the definitions of two "
        "past versions to see which users the change between them added and removed.",
    )
    as_of: Optional[InstantText] = Field(default=None, description=AS_OF)


class CountRead(Response):
    """A number of profiles."""

    count: int


class PlanRead(ReadingRead):
    """What would change if the definition were saved and computed. Both are evaluated as of the same instant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **EXAMPLE_READING,
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
        description="The segment's current version. Its definition is the one before, unless `base_definition` was given."
    )
    before: CountRead
    after: CountRead
    entering: SelectionRead
    leaving: SelectionRead
    staying: int
    dependents: tuple[int, ...] = Field(
        description="Ids of segments whose definitions refer to this one, directly or through others; ascending."
    )
    text_diff: str = Field(description="A unified diff of the text forms. Empty when they are equal.")
    added: tuple[str, ...] = Field(description="Lines that only the new text form has.")
    removed: tuple[str, ...] = Field(description="Lines that only the old text form has.")

    @classmethod
    def of(cls, plan: Plan) -> PlanRead:
        """Return the response for a plan."""
        return cls.model_validate(
            {
                **reading_fields(plan.reading),
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
