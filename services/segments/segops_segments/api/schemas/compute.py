"""Bodies for requesting runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from segops_common.web.fields import TenantFields
from segops_language import InstantText, Optional
from segops_segments.api.schemas.bases import AT, RequestBody, ResponseBody
from segops_segments.domain.run import RunPart

_AS_OF = "The instant at which the run reads the events; it must not be in the future. Default: now."


class ComputeRequest(RequestBody):
    """A request for a run of one segment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"as_of": AT}]})

    as_of: Optional[InstantText] = Field(default=None, description=_AS_OF)


class ComputeAccepted(ResponseBody):
    """The queued run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "queued", "run_id": "17"}]})

    status: Literal["queued"] = "queued"
    run_id: str


class ComputeTogetherRequest(TenantFields, RequestBody):
    """A request for runs of several segments."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tenant": 1}, {"tenant": 1, "segment_ids": [42, 43], "as_of": AT}]}
    )

    segment_ids: Optional[Annotated[list[int], Field(min_length=1, max_length=1000)]] = Field(
        default=None, description="The segments to compute. Default: all segments of the tenant."
    )
    as_of: Optional[InstantText] = Field(default=None, description=_AS_OF)


class SharedRun(ResponseBody):
    """A queued run, and the requested segments that it computes."""

    run_id: str
    segment_ids: list[int]


class ComputeTogetherAccepted(ResponseBody):
    """The queued runs, as few as possible."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "queued", "runs": [{"run_id": "17", "segment_ids": [42, 43]}]}]}
    )

    status: Literal["queued"] = "queued"
    runs: list[SharedRun]

    @classmethod
    def of(cls, parts: Sequence[RunPart]) -> ComputeTogetherAccepted:
        """Return the response for one part of a run for each requested segment."""
        by_run: dict[int, list[int]] = {}
        for part in parts:
            by_run.setdefault(part.run_id, []).append(part.segment_id)
        return cls(runs=[SharedRun(run_id=str(run_id), segment_ids=ids) for run_id, ids in by_run.items()])
