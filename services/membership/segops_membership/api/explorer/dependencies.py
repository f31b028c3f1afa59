"""Parameters that routes of the explorer share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.dependencies import TenantParams, require
from segops_common.web.profile_id import ProfileId
from segops_language import InstantText
from segops_language.values.instants import to_ms
from segops_membership.domain.explorer.records import EventFilter

EventsReader = Annotated[Principal, require(Scope.EVENTS_READ)]
ProfilesReader = Annotated[Principal, require(Scope.PROFILES_READ)]
EventTypeName = Annotated[str, Query(min_length=1, max_length=256, examples=["purchase"])]
MAX_TEXT_CHARS = 256
UserId = Annotated[
    ProfileId,
    Path(
        description="A user id or an anonymous id, percent-encoded: `/` is `%2F`. An id with `.` or `..` alone between"
        " slashes cannot be in a path.",
        examples=["user-123"],
    ),
]


async def _tenant_of_profiles(caller: ProfilesReader, choice: TenantParams) -> int:
    return choice.required(caller, Scope.PROFILES_READ)


async def _tenant_of_events(caller: EventsReader, choice: TenantParams) -> int:
    return choice.required(caller, Scope.EVENTS_READ)


TenantOfProfiles = Annotated[int, Depends(_tenant_of_profiles)]
"""The tenant of the request, whose users the caller may read."""
TenantOfEvents = Annotated[int, Depends(_tenant_of_events)]
"""The tenant of the request, whose events the caller may read, without payloads."""


async def _may_read_payloads(caller: EventsReader, tenant_id: TenantOfEvents) -> bool:
    return tenant_id in caller.tenants(Scope.PROFILES_READ)


MayReadPayloads = Annotated[bool, Depends(_may_read_payloads)]

Since = Annotated[InstantText | None, Query(description="Only events at or after this instant.")]
Until = Annotated[InstantText | None, Query(description="Only events before this instant.")]


def event_filter(
    *,
    event_type: str | None,
    user_id: str | None,
    since: InstantText | None,
    until: InstantText | None,
    text: str = "",
) -> EventFilter:
    """Return the filter of a request. Raises ValidationFailed when `since` is not before `until`."""
    if since is not None and until is not None and since >= until:
        fault = Fault("query.since", "invalid-range", "must be before `until`")
        raise ValidationFailed("`since` must be before `until`.", errors=[fault])
    return EventFilter(
        event_type=event_type,
        user_id=user_id,
        since_ms=None if since is None else to_ms(since),
        until_ms=None if until is None else to_ms(until),
        text=text,
    )


async def _events_asked_for(
    event_type: EventTypeName | None = None,
    user_id: Annotated[ProfileId | None, Query(description="Only events of this user.")] = None,
    since: Since = None,
    until: Until = None,
    q: Annotated[
        str,
        Query(
            max_length=MAX_TEXT_CHARS,
            description="Only events whose payload contains this text as JSON, without regard to case."
            " A page may then be short or empty: `next_cursor` goes on.",
        ),
    ] = "",
) -> EventFilter:
    return event_filter(event_type=event_type, user_id=user_id, since=since, until=until, text=q)


EventFilterParams = Annotated[EventFilter, Depends(_events_asked_for)]
