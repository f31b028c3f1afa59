"""Routes that find users and show one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from segops_common.contracts.http import EXPLORER_PREFIX
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.web.app import new_router
from segops_common.web.dependencies import CursorParams, PageParams, PathId
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.explorer.dependencies import (
    MAX_TEXT_CHARS,
    EventTypeName,
    ProfilesReader,
    Since,
    TenantOfProfiles,
    Until,
    UserId,
    event_filter,
)
from segops_membership.api.schemas.explorer.events import EventRead, UserEventList
from segops_membership.api.schemas.explorer.users import (
    ConditionRead,
    UserList,
    UserRead,
    UserSegmentRead,
    UserSummaryRead,
)
from segops_membership.domain.explorer.records import UserSearch

router: APIRouter = new_router(prefix=EXPLORER_PREFIX, tags=["explorer"])


@router.get("/users/", summary="Find users", responses=problems(400, 401, 403, 422, 503))
@charged("analyses")
async def find_users(
    use_cases: UseCasesOfApp,
    _caller: ProfilesReader,
    tenant_id: TenantOfProfiles,
    page: PageParams,
    q: Annotated[
        str, Query(max_length=MAX_TEXT_CHARS, description="The beginning or a part of the id, without regard to case.")
    ] = "",
    trait: Annotated[
        str, Query(max_length=MAX_TEXT_CHARS, description="Only users with this trait; a path such as `address.city`.")
    ] = "",
    value: Annotated[
        str | None,
        Query(
            max_length=MAX_TEXT_CHARS, description="The present value of `trait`: text, a number, or `true`, `false`."
        ),
    ] = None,
) -> UserList:
    """List users with events. Ids that begin with `q` come first, then ascending by id."""
    if value is not None and not trait:
        fault = Fault("query.trait", "missing", "required with `value`")
        raise ValidationFailed("`value` must come with `trait`.", errors=[fault])
    search = UserSearch(text=q, trait=trait, value=value)
    return UserList.of(await use_cases.explorer.users.search(tenant_id, search, page), page, UserSummaryRead.of)


@router.get("/users/{user_id:opaque}/", summary="Read a user", responses=problems(400, 401, 403, 404, 422, 503))
async def read_user(
    use_cases: UseCasesOfApp, _caller: ProfilesReader, tenant_id: TenantOfProfiles, user_id: UserId
) -> UserRead:
    """Return the traits of a user, each with the event that set it, and the events in numbers.

    Events appear seconds after they were accepted. A user without events is not found.
    """
    return UserRead.of(await use_cases.explorer.users.profile(tenant_id, user_id))


@router.get(
    "/users/{user_id:opaque}/events/",
    summary="List the events of a user",
    responses=problems(400, 401, 403, 422, 503),
)
async def list_user_events(
    use_cases: UseCasesOfApp,
    _caller: ProfilesReader,
    tenant_id: TenantOfProfiles,
    user_id: UserId,
    page: CursorParams,
    event_type: EventTypeName | None = None,
    since: Since = None,
    until: Until = None,
) -> UserEventList:
    """List the events of a user, the newest first. An unknown user has none."""
    events = event_filter(event_type=event_type, user_id=user_id, since=since, until=until)
    stored = await use_cases.explorer.events.newest(tenant_id, events, limit=page.limit, cursor=page.cursor)
    return UserEventList.of(stored, page, EventRead.of)


@router.get(
    "/users/{user_id:opaque}/segments/",
    summary="List the segments of a user",
    responses=problems(400, 401, 403, 422, 503),
)
@charged("analyses")
async def list_user_segments(
    use_cases: UseCasesOfApp,
    _caller: ProfilesReader,
    tenant_id: TenantOfProfiles,
    user_id: UserId,
    forecast: Annotated[
        bool, Query(description="Also evaluate each segment now, and predict when the verdict changes next.")
    ] = False,
) -> list[UserSegmentRead]:
    """Return the segments that the user is in, by the last published run of each, ascending by id.

    The response is an array. An unknown user is in no segment. With `forecast=true`, each segment is evaluated over every
    event acknowledged before the request, as an explanation does.
    """
    segments = await use_cases.explorer.users.segments(tenant_id, user_id, forecast=forecast)
    return [UserSegmentRead.of(segment) for segment in segments]


@router.get(
    "/users/{user_id:opaque}/segments/{segment_id}/explain/",
    summary="Explain a user's membership, one line per condition",
    responses=problems(400, 401, 403, 404, 422, 503),
)
@charged("analyses")
async def explain_user_segment(
    use_cases: UseCasesOfApp,
    _caller: ProfilesReader,
    tenant_id: TenantOfProfiles,
    user_id: UserId,
    segment_id: PathId,
) -> list[ConditionRead]:
    """Say for each condition on the top level of the segment's definition whether it holds for the user now.

    The response is an array. `detail` has the tree below each condition; "Explain a membership" returns the whole tree.
    """
    lines = await use_cases.explorer.users.explain(tenant_id, user_id, segment_id)
    return [ConditionRead.of(index, line) for index, line in enumerate(lines)]
