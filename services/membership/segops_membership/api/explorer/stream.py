"""The route that streams events as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response

from segops_common.contracts.http import EXPLORER_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.event_stream import EVENT_STREAM, EventStream
from segops_common.web.health import Health
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.explorer.dependencies import (
    EventFilterParams,
    EventsReader,
    MayReadPayloads,
    TenantOfEvents,
)
from segops_membership.api.schemas.explorer.events import EVENT, LiveEventRead
from segops_membership.service.explorer.live_events import LiveMessage

router: APIRouter = new_router(prefix=EXPLORER_PREFIX, tags=["explorer"])

_DEFAULT_TIMEOUT_S: Final = 300
_MAX_TIMEOUT_S: Final = 900
_GAP: Final = '{"detail":"The log has no events of this time any more: read them from the list of events."}'

Timeout = Annotated[int, Query(ge=1, le=_MAX_TIMEOUT_S, description="Seconds after which the stream ends.")]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=512, description="The id of the last event that the client received."),
]


def _responses() -> dict[int | str, dict[str, Any]]:
    """Return the documented responses. Before OpenAPI 3.2, the schema of a stream is that of one event."""
    text = {"type": "string"}
    data = text | {"contentMediaType": "application/json"}
    event = {
        "type": "object",
        "title": "LiveEvent",
        "required": ["id", "event", "data"],
        "properties": {"id": text, "event": text | {"enum": ["event", "gap"]}, "data": data},
    }
    example = LiveEventRead.model_validate({**EVENT, "original_timestamp": None, "stored": False})
    content = {
        EVENT_STREAM: {
            "schema": event,
            "example": {"id": "7.0.3~2.0.0.0.0.0.0.0.0.0", "event": "event", "data": example.model_dump_json()},
        }
    }
    return {
        200: {"description": "The stream of events.", "content": content},
        **problems(401, 403, 422, 429, 503),
    }


@router.get(
    "/events/stream/",
    summary="Follow events",
    status_code=200,
    response_class=EventStream,
    responses=_responses(),
)
@charged("analyses")
async def follow_events(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: EventsReader,
    tenant_id: TenantOfEvents,
    may_read_payloads: MayReadPayloads,
    events: EventFilterParams,
    timeout: Timeout = _DEFAULT_TIMEOUT_S,
    last_event_id: LastEventId = None,
) -> Response:
    """Send each event as soon as it is accepted, before it is stored. Imported events are not sent.

    A client that reconnects with `Last-Event-ID` receives what it missed, each event once. If the log does not have all of
    that any more, an event `gap` says so. A delivery that repeats an event is sent as well, with the same `message_id`.
    Payloads and `q` need the scope `profiles:read`. The stream ends when the caller loses a scope.
    """
    if events.text:
        caller.require(tenant_id, Scope.PROFILES_READ)
    position = await use_cases.explorer.live.open(tenant_id, last_event_id)
    health: Health = request.app.state.health
    messages = use_cases.explorer.live.follow(
        tenant_id, events, position, timeout_s=timeout, stopping=lambda: health.draining
    )
    return EventStream(
        request,
        _events(messages, with_payload=may_read_payloads),
        tenant_id=tenant_id,
        scope=Scope.PROFILES_READ if may_read_payloads else Scope.EVENTS_READ,
    )


async def _events(messages: AsyncGenerator[LiveMessage, None], *, with_payload: bool) -> AsyncGenerator[str, None]:
    async with aclosing(messages):
        async for message in messages:
            yield f"id: {message.position.token}\n{_body(message, with_payload=with_payload)}\n\n"


def _body(message: LiveMessage, *, with_payload: bool) -> str:
    if message.is_gap:
        return f"event: gap\ndata: {_GAP}"
    if message.event is None:
        # A client remembers the id, though it reports no event without data.
        return ": still here"
    data = LiveEventRead.of_live(message.event, with_payload=with_payload)
    return f"event: event\ndata: {data.model_dump_json()}"
