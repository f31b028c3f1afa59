"""A run as a stream of server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.app import new_router
from segops_common.web.event_stream import EVENT_STREAM, EventStream
from segops_common.web.health import Health
from segops_common.web.problems import problems
from segops_segments.api.dependencies import READS, ReadSegment, RunId, UseCasesOfApp
from segops_segments.api.schemas.runs import AT
from segops_segments.api.schemas.segments import RUN, RunRead
from segops_segments.domain.run import Run

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])

_DEFAULT_TIMEOUT_S: Final = 300
_MAX_TIMEOUT_S: Final = 900

Timeout = Annotated[
    int, Query(ge=1, le=_MAX_TIMEOUT_S, description="Seconds after which the stream ends although the run has not.")
]


LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=200, description="The id of the last event that was received."),
]


def _documented() -> dict[int | str, dict[str, Any]]:
    """Before OpenAPI 3.2 the schema of a stream is that of each event."""
    text = {"type": "string"}
    data = text | {"contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/RunRead"}}
    event = {
        "type": "object",
        "title": "RunEvent",
        "required": ["id", "event", "data"],
        "properties": {"id": text, "event": text | {"const": "run"}, "data": data},
    }
    example = {"id": AT, "event": "run", "data": RunRead.model_validate(RUN).model_dump_json()}
    content = {EVENT_STREAM: {"schema": event, "example": example}}
    return {
        200: {"description": "The stream.", "content": content},
        204: {"description": "The run is final, and `Last-Event-ID` says that this is known: do not come back."},
        **problems(403, 404, 429),
    }


@router.get(
    "/{segment_id}/runs/{run_id}/events/",
    summary="Follow a run",
    dependencies=[READS],
    status_code=200,
    response_class=EventStream,
    responses=_documented(),
)
async def follow_run(
    request: Request,
    use_cases: UseCasesOfApp,
    segment: ReadSegment,
    run_id: RunId,
    timeout: Timeout = _DEFAULT_TIMEOUT_S,
    last_event_id: LastEventId = None,
) -> Response:
    """Events named `run`: the run as it is, then after each change, until it is final; then the stream ends.

    Each event's data is what reading the run answers, so a client that comes back has missed nothing.
    """
    run = await use_cases.runs.get(segment.tenant_id, segment.id, run_id)
    if run.final and last_event_id == _id(run):
        return Response(status_code=204)
    use_cases.following.check(segment.tenant_id)
    health: Health = request.app.state.health
    changes = use_cases.following.follow(run, timeout_s=timeout, stopping=lambda: health.draining)
    return EventStream(_events(changes))


async def _events(changes: AsyncGenerator[Run | None, None]) -> AsyncGenerator[str, None]:
    async with aclosing(changes):
        async for run in changes:
            yield ": still here\n\n" if run is None else _event(run)


def _event(run: Run) -> str:
    return f"id: {_id(run)}\nevent: run\ndata: {RunRead.of(run).model_dump_json()}\n\n"


def _id(run: Run) -> str:
    """Names the state of a run."""
    return (run.finished_at or run.heard_at or run.requested_at).isoformat()
