"""The routes of changes of members."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.core.problems import Fault, MalformedRequest, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import CursorParams
from segops_common.web.event_stream import EVENT_STREAM, EventStream
from segops_common.web.health import Health
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import MembershipReader, TenantId, UseCasesOfApp
from segops_membership.api.schemas.changes import EXAMPLE_CHANGE, ChangeList, ChangeRead
from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.service.members.changes import MemberChanges, Start, cursor_of, position_of

_DEFAULT_TIMEOUT_S: Final = 300
_MAX_TIMEOUT_S: Final = 900
_STARTS: Final = ("start", "from_run")
router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["changes"])

SegmentIdQuery = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only changes of this segment.")]
FromRun = Annotated[
    int | None,
    Query(ge=1, le=2**63 - 1, description="Begin with the changes of this run, which must be complete."),
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=512, description="The id of the last event that the client received."),
]
Timeout = Annotated[int, Query(ge=1, le=_MAX_TIMEOUT_S, description="Seconds after which the stream ends.")]


async def _use_case(use_cases: UseCasesOfApp) -> MemberChanges:
    return use_cases.changes


Changes = Annotated[MemberChanges, Depends(_use_case)]


def _require_one_start(request: Request, other: str) -> None:
    """Raise ValidationFailed when a request says in more than one way where to begin."""
    names = [name for name in _STARTS if name in request.query_params]
    if names and (other or len(names) > 1):
        faults = [
            Fault(f"query.{name}", "not-allowed", f"must be left out with {other or '`start`'}") for name in names
        ]
        raise ValidationFailed("A request must say in one way where to begin.", errors=faults)


@router.get(
    "/changes/",
    summary="List changes of members",
    responses=problems(400, 403, 404, 410, 422, 503),
)
async def list_changes(
    request: Request,
    changes: Changes,
    _caller: MembershipReader,
    tenant_id: TenantId,
    page: CursorParams,
    segment_id: SegmentIdQuery = None,
    start: Annotated[
        Literal["beginning", "now"],
        Query(description="`beginning`: all changes from the first run on. `now`: only changes after this request."),
    ] = "beginning",
    from_run: FromRun = None,
) -> ChangeList:
    """Return who entered and exited segments, each change once and in the order of the runs.

    Whoever applies the changes in order to the members that they had at the cursor has the members by the newest complete
    run. `next_cursor` is never null: keep it, and pass it again later. Changes of an incomplete run are part of the next
    complete one. If the publication of a cursor no longer exists, the answer is 410 `changes-gone`, which says how to start
    anew.
    """
    _require_one_start(request, "" if page.cursor is None else "`cursor`")
    position = await changes.position(tenant_id, segment_id, page.cursor, start, from_run)
    result = await changes.page(tenant_id, segment_id, position, page.limit)
    # The cursor says where to begin.
    others = [(name, value) for name, value in page.parameters if name not in _STARTS]
    return ChangeList.of_page(result, replace(page, parameters=others))


def _stream_responses() -> dict[int | str, dict[str, Any]]:
    """Return the documented responses. Before OpenAPI 3.2, the schema of a stream is that of one event."""
    text = {"type": "string"}
    event = {
        "type": "object",
        "title": "ChangeEvent",
        "required": ["id", "event", "data"],
        "properties": {
            "id": text,
            "event": text | {"enum": ["change"]},
            "data": text | {"contentMediaType": "application/json"},
        },
    }
    example = ChangeRead.model_validate(EXAMPLE_CHANGE).model_dump_json()
    content = {
        EVENT_STREAM: {"schema": event, "example": {"id": "WzQsMTIsNyw0Ml0", "event": "change", "data": example}}
    }
    return {
        200: {"description": "The stream of changes.", "content": content},
        **problems(401, 403, 404, 410, 422, 429, 503),
    }


@router.get(
    "/changes/stream/",
    summary="Follow changes of members",
    status_code=200,
    response_class=EventStream,
    responses=_stream_responses(),
)
@charged("analyses")
async def follow_changes(
    request: Request,
    changes: Changes,
    _caller: MembershipReader,
    tenant_id: TenantId,
    segment_id: SegmentIdQuery = None,
    start: Annotated[
        Literal["beginning", "now"], Query(description="As for the list, for a client without `Last-Event-ID`.")
    ] = "now",
    from_run: FromRun = None,
    timeout: Timeout = _DEFAULT_TIMEOUT_S,
    last_event_id: LastEventId = None,
) -> Response:
    """Send each change within about a second of its run's publication, with a cursor as its id.

    A client that reconnects with `Last-Event-ID` receives what it missed, each change once; then `start` and `from_run` have no
    effect. The ids are cursors of the list of changes, and its cursors are valid ids. A tenant may have 20 streams.
    """
    if last_event_id is None:
        _require_one_start(request, "")
    changes.require_capacity(tenant_id)
    position = await _position(changes, tenant_id, segment_id, last_event_id, start, from_run)
    health: Health = request.app.state.health
    messages = changes.follow(tenant_id, segment_id, position, timeout_s=timeout, stopping=lambda: health.draining)
    return EventStream(request, _events(messages), tenant_id=tenant_id, scope=Scope.MEMBERSHIP_READ)


async def _position(
    changes: MemberChanges,
    tenant_id: int,
    segment_id: int | None,
    last_event_id: str | None,
    start: Start,
    from_run: int | None,
) -> ChangePosition:
    if last_event_id is not None:
        try:
            position_of(last_event_id)
        except MalformedRequest as error:
            fault = Fault("header.Last-Event-ID", "invalid-event-id", "must be the id of an event of this stream")
            raise ValidationFailed(
                "`Last-Event-ID` must be the id of an event of this stream.", errors=[fault]
            ) from error
    return await changes.position(tenant_id, segment_id, last_event_id, start, from_run)


async def _events(messages: AsyncGenerator[MemberChange | ChangePosition, None]) -> AsyncGenerator[str, None]:
    async with aclosing(messages):
        async for message in messages:
            if isinstance(message, MemberChange):
                data = ChangeRead.of(message).model_dump_json()
                yield f"id: {cursor_of(message.position)}\nevent: change\ndata: {data}\n\n"
            else:
                # A client remembers the id, though it reports no event without data.
                yield f"id: {cursor_of(message)}\n: still here\n\n"
