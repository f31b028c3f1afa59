"""Asking for runs, of one segment or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from segops_language import InstantText, Optional
from segops_segments.api.schemas.bases import Answer, Body
from segops_segments.api.schemas.runs import AT
from segops_segments.api.schemas.segments import MAX_ID
from segops_segments.domain.run import Run


class ComputeRequest(Body):
    """When the run looks at the events; now, when left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"as_of": AT}]})

    as_of: Optional[InstantText] = None


class ComputeAccepted(Answer):
    """A run is queued."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "queued", "run_id": "17"}]})

    status: Literal["queued"] = "queued"
    run_id: str


class ComputeTogetherRequest(Body):
    """Which segments to compute, and when their runs look at the events."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tenant": 1}, {"tenant": 1, "segment_ids": [42, 43], "as_of": AT}]}
    )

    tenant: int = Field(ge=1, le=MAX_ID)
    segment_ids: Optional[Annotated[list[int], Field(min_length=1, max_length=1000)]] = Field(
        default=None, description="All of the tenant's, when left out."
    )
    as_of: Optional[InstantText] = Field(default=None, description="Now, when left out.")


class SharedRun(Answer):
    """A queued run, and those of the wanted segments that it is of."""

    run_id: str
    segment_ids: list[int]


class ComputeTogetherAccepted(Answer):
    """Runs are queued, as few as possible."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "queued", "runs": [{"run_id": "17", "segment_ids": [42, 43]}]}]}
    )

    status: Literal["queued"] = "queued"
    runs: list[SharedRun]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> ComputeTogetherAccepted:
        """The answer for what each segment's run is."""
        together: dict[int, list[int]] = {}
        for run in runs:
            together.setdefault(run.id, []).append(run.segment_id)
        return cls(runs=[SharedRun(run_id=str(run_id), segment_ids=ids) for run_id, ids in together.items()])
