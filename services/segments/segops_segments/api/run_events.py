"""The route that streams a run as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.event_stream import EVENT_STREAM, EventStream
from segops_common.web.health import Health
from segops_common.web.problems import problems
from segops_segments.api.dependencies import READS, ReadSegment, RunId, UseCasesOfApp
from segops_segments.api.schemas.bases import AT
from segops_segments.api.schemas.runs import RUN, RunRead
from segops_segments.domain.run import RunPart

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])

_DEFAULT_TIMEOUT_S: Final = 300
_MAX_TIMEOUT_S: Final = 900

Timeout = Annotated[
    int,
    Query(ge=1, le=_MAX_TIMEOUT_S, description="Seconds after which the stream ends, even if the run is not final."),
]


LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=200, description="The id of the last event that the client received."),
]


def _responses() -> dict[int | str, dict[str, Any]]:
    """Return the documented responses. Before OpenAPI 3.2, the schema of a stream is that of one event."""
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
        200: {"description": "The stream of events.", "content": content},
        204: {"description": "The run is final and the client has received its last event: do not reconnect."},
        **problems(403, 404, 429),
    }


@router.get(
    "/{segment_id}/runs/{run_id}/events/",
    summary="Follow a run",
    dependencies=[READS],
    status_code=200,
    response_class=EventStream,
    responses=_responses(),
)
async def follow_run(
    request: Request,
    use_cases: UseCasesOfApp,
    segment: ReadSegment,
    run_id: RunId,
    timeout: Timeout = _DEFAULT_TIMEOUT_S,
    last_event_id: LastEventId = None,
) -> Response:
    """Sends an event `run` with the present state of the run, another after each change, and ends when it is final.

    The data of each event is the same as the response of "Read a run", so a client that reconnects has missed nothing.
    The stream also ends when the credential ends or its owner may no longer read the segment.
    """
    part = await use_cases.runs.get(segment.tenant_id, segment.id, run_id)
    if part.is_final and last_event_id == _event_id(part):
        return Response(status_code=204)
    use_cases.run_stream.require_capacity(segment.tenant_id)
    health: Health = request.app.state.health
    changes = use_cases.run_stream.follow(part, timeout_s=timeout, stopping=lambda: health.draining)
    return EventStream(request, _events(changes), tenant_id=segment.tenant_id, scope=Scope.SEGMENTS_READ)


async def _events(changes: AsyncGenerator[RunPart | None, None]) -> AsyncGenerator[str, None]:
    async with aclosing(changes):
        async for part in changes:
            yield ": still here\n\n" if part is None else _event(part)


def _event(part: RunPart) -> str:
    return f"id: {_event_id(part)}\nevent: run\ndata: {RunRead.of(part).model_dump_json()}\n\n"


def _event_id(part: RunPart) -> str:
    """Return an id for the state of the run."""
    return (part.finished_at or part.heard_at or part.requested_at).isoformat()
