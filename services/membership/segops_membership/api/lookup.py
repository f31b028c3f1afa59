"""The lookup route."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.profile_id import ProfileId
from segops_common.web.request.charges import charged
from segops_language import InstantText
from segops_language.values.instants import to_ms
from segops_membership.api.dependencies import MembershipReader, TenantId, UseCasesOfApp
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT
from segops_membership.api.schemas.lookup import FROM_CACHE, FROM_WAREHOUSE, IN_NO_SEGMENT, Membership

UserIdQuery = Annotated[ProfileId, Query(description="Compared byte by byte.", examples=["user-123"])]
AsOfQuery = Annotated[
    InstantText | None,
    Query(
        description="An RFC 3339 instant: answer by the runs published as of this instant or earlier.",
        examples=[EXAMPLE_INSTANT],
    ),
]
_EXAMPLES: Final[dict[str, Any]] = {
    "cold": {"summary": "Read from the warehouse", "value": FROM_WAREHOUSE},
    "warm": {"summary": "Read from the cache", "value": FROM_CACHE},
    "unknown": {"summary": "A user in no segment", "value": IN_NO_SEGMENT},
}
router: APIRouter = new_router(prefix=MEMBERSHIP_PREFIX, tags=["membership"])


@router.get(
    "/",
    summary="Look up the segments of a user",
    responses={
        200: {"description": "The user's segments.", "content": {"application/json": {"examples": _EXAMPLES}}},
        **problems(400, 401, 403, 422, 503),
    },
)
@charged("lookups")
async def get_membership(
    use_cases: UseCasesOfApp,
    _caller: MembershipReader,
    tenant_id: TenantId,
    user_id: UserIdQuery,
    as_of: AsOfQuery = None,
) -> Membership:
    """Return the segments that the user is in, by the last published run of each segment.

    An unknown user is in no segment. A publication is visible in every answer within a second, cached or not.
    """
    if as_of is None:
        segments = await use_cases.lookup.segments_of(tenant_id, user_id)
    else:
        segments = await use_cases.lookup.segments_as_of(tenant_id, user_id, to_ms(as_of))
    return Membership(user_id=user_id, segment_ids=segments.segment_ids, cached=segments.cached)
