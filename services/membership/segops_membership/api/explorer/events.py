"""Routes that list stored events, event types and their properties."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import EXPLORER_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import CursorParams
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.explorer.dependencies import (
    EventFilterParams,
    EventsReader,
    EventTypeName,
    MayReadPayloads,
    TenantOfEvents,
)
from segops_membership.api.schemas.explorer.events import (
    EventList,
    EventRead,
    EventTypeList,
    EventTypeRead,
    PropertyList,
    PropertyRead,
)

router: APIRouter = new_router(prefix=EXPLORER_PREFIX, tags=["explorer"])


@router.get("/events/", summary="List events", responses=problems(400, 401, 403, 422, 503))
@charged("analyses")
async def list_events(
    use_cases: UseCasesOfApp,
    caller: EventsReader,
    tenant_id: TenantOfEvents,
    may_read_payloads: MayReadPayloads,
    page: CursorParams,
    events: EventFilterParams,
) -> EventList:
    """List stored events, the newest first. Payloads need the scope `profiles:read`, and so does `q`."""
    if events.text:
        caller.require(tenant_id, Scope.PROFILES_READ)
    stored = await use_cases.explorer.events.newest(tenant_id, events, limit=page.limit, cursor=page.cursor)
    return EventList.of(stored, page, EventRead.of if may_read_payloads else EventRead.without_payload)


@router.get("/event-types/", summary="List event types", responses=problems(400, 401, 403, 422, 503))
@charged("analyses")
async def list_event_types(use_cases: UseCasesOfApp, _caller: EventsReader, tenant_id: TenantOfEvents) -> EventTypeList:
    """Return the event types, the most frequent first, at most 1,000, with their events in each of the last 24 hours."""
    types = tuple(map(EventTypeRead.of, await use_cases.explorer.events.event_types(tenant_id)))
    return EventTypeList(count=len(types), next=None, previous=None, results=types, next_cursor=None)


@router.get("/properties/", summary="List the properties of an event type", responses=problems(400, 401, 403, 422, 503))
@charged("analyses")
async def list_properties(
    use_cases: UseCasesOfApp,
    _caller: EventsReader,
    tenant_id: TenantOfEvents,
    may_read_payloads: MayReadPayloads,
    event_type: EventTypeName,
) -> PropertyList:
    """Return the properties in the newest 2,000 events of a type, the most frequent first, at most 500.

    The properties of `$identify` are traits. Top values need the scope `profiles:read`.
    """
    sample = await use_cases.explorer.events.properties(tenant_id, event_type)
    properties = tuple(
        PropertyRead.of(item, sample.events, with_values=may_read_payloads) for item in sample.properties
    )
    return PropertyList(
        count=len(properties),
        next=None,
        previous=None,
        results=properties,
        next_cursor=None,
        sampled_events=sample.events,
    )
