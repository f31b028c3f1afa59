"""Routes for other services: they need the service token, and neither the gateway nor the public document has them."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import (
    KNOWN_USERS_PATH,
    MAX_RECENT_EVENTS,
    OBSERVED_PATH,
    RECENT_PAYLOADS_PATH,
    KnownUsers,
    KnownUsersRequest,
    ObservedEvents,
    ObservedRequest,
    ObservedRetention,
    ObservedValues,
    RecentPayloads,
    RecentPayloadsRequest,
)
from segops_common.core.problems import Unavailable
from segops_common.web.services_only import internal_router
from segops_membership.api.dependencies import UseCasesOfApp, use_cases_of
from segops_membership.domain.explorer.records import EventFilter
from segops_membership.ports.errors import EngineUnavailable

router: APIRouter = internal_router(lambda request: use_cases_of(request).service_tokens)


@router.post(OBSERVED_PATH)
async def read_observed_events(use_cases: UseCasesOfApp, body: ObservedRequest) -> ObservedEvents:
    """Return the event types of a tenant, the properties of the given types, counts of values, and the retention."""
    try:
        events = await use_cases.observed.read(body.tenant_id, body.event_types)
        counts = await use_cases.observed.count_values(body.tenant_id, body.values)
        retention = (await use_cases.retention.find(body.tenant_id)).retention
    except EngineUnavailable as error:
        raise Unavailable("Events cannot be read now. Retry.", retry_after_s=1) from error
    values = [
        ObservedValues(event_type=event_type, property=path, counts=of_property)
        for (event_type, path), of_property in counts.items()
    ]
    observed = ObservedRetention(default_days=retention.default_days, days=retention.days, removed=retention.removed)
    return events.model_copy(update={"values": tuple(values), "retention": observed})


@router.post(KNOWN_USERS_PATH)
async def count_known_users(use_cases: UseCasesOfApp, body: KnownUsersRequest) -> KnownUsers:
    """Return how many of the users have events."""
    try:
        return KnownUsers(known=await use_cases.profile_events.count_known(body.tenant_id, body.user_ids))
    except EngineUnavailable as error:
        raise Unavailable("Events cannot be read now. Retry.", retry_after_s=1) from error


@router.post(RECENT_PAYLOADS_PATH)
async def read_recent_payloads(use_cases: UseCasesOfApp, body: RecentPayloadsRequest) -> RecentPayloads:
    """Return the payloads of the newest events of a type."""
    page = await use_cases.explorer.events.newest(
        body.tenant_id, EventFilter(event_type=body.event_type), limit=MAX_RECENT_EVENTS, cursor=None
    )
    return RecentPayloads(payloads=tuple(dict(event.payload) for event in page.results))
