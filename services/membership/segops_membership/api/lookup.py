"""The lookup routes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.profile_id import ProfileId
from segops_common.web.request.charges import charged
from segops_common.web.request.negotiation import is_known, weak_etag
from segops_common.web.request.route import READS_ONLY, takes_a_large_body
from segops_language import InstantText
from segops_language.values.instants import to_ms
from segops_membership.api.dependencies import MembershipReader, TenantId, UseCasesOfApp
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT
from segops_membership.api.schemas.lookup import (
    EVALUATED_NOW,
    FROM_CACHE,
    FROM_WAREHOUSE,
    IN_NO_SEGMENT,
    MAX_USERS,
    Membership,
    MembershipBatch,
    MembershipBatchRead,
)

UserIdQuery = Annotated[ProfileId, Query(description="Compared byte by byte.", examples=["user-123"])]
AsOfQuery = Annotated[
    InstantText | None,
    Query(
        description="An RFC 3339 instant: answer by the runs published as of this instant or earlier.",
        examples=[EXAMPLE_INSTANT],
    ),
]
SegmentIdQuery = Annotated[
    int | None,
    Query(ge=1, le=2**63 - 1, description="Also say whether the user is in this segment.", examples=[42]),
]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="`ETag` of an earlier answer.")]
_ETAG: Final = "Changes when the segments of the user do."
NowQuery = Annotated[
    bool,
    Query(description="Evaluate the user at this instant, over every acknowledged event. Not together with `as_of`."),
]
_EXAMPLES: Final[dict[str, Any]] = {
    "cold": {"summary": "Read from the warehouse", "value": FROM_WAREHOUSE},
    "warm": {"summary": "Read from the cache", "value": FROM_CACHE},
    "unknown": {"summary": "A user in no segment", "value": IN_NO_SEGMENT},
    "now": {"summary": "Evaluated at this instant, with `now=true`", "value": EVALUATED_NOW},
}


def users_in(body: Any) -> int:
    """Return what a batch costs: one for each user, as far as the body can be read."""
    user_ids = body.get("user_ids") if isinstance(body, dict) else None
    return min(max(len(user_ids), 1), MAX_USERS) if isinstance(user_ids, list) else 1


router: APIRouter = new_router(prefix=MEMBERSHIP_PREFIX, tags=["membership"])


@router.get(
    "/",
    summary="Look up the segments of a user",
    response_model=Membership,
    response_model_exclude_none=True,
    responses={
        200: {
            "description": "The user's segments.",
            "content": {"application/json": {"examples": _EXAMPLES}},
            "headers": {"ETag": {"description": _ETAG, "schema": {"type": "string"}}},
        },
        304: {"description": "The response that the client has is current."},
        **problems(400, 401, 403, 422, 503),
    },
)
@charged("lookups")
async def get_membership(
    use_cases: UseCasesOfApp,
    _caller: MembershipReader,
    tenant_id: TenantId,
    user_id: UserIdQuery,
    response: Response,
    as_of: AsOfQuery = None,
    segment_id: SegmentIdQuery = None,
    now: NowQuery = False,
    if_none_match: IfNoneMatch = None,
) -> Membership | Response:
    """Return the segments that the user is in, by the last published run of each segment.

    An unknown user is in no segment. A publication is visible in every answer within a second, cached or not. With
    `segment_id`, `is_member` says whether the user is in that segment. Send the `ETag` of an answer as `If-None-Match`: as
    long as the segments of the user are the same, the answer is 304 without a body.

    With `now=true`, every segment is evaluated for this user instead, also one that was never computed. That counts every
    event acknowledged before the request, takes about as long as an explanation, and has no `ETag`.
    """
    if now:
        _refuse_both(as_of)
        return Membership.now(user_id, await use_cases.now.segments_of(tenant_id, user_id), segment_id)
    if as_of is None:
        segments = await use_cases.lookup.segments_of(tenant_id, user_id)
    else:
        segments = await use_cases.lookup.segments_as_of(tenant_id, user_id, to_ms(as_of))
    is_member = None if segment_id is None else segment_id in segments.segment_ids
    etag = weak_etag(tenant_id, user_id, segments.segment_ids, is_member)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_known(etag, if_none_match):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return Membership(user_id=user_id, segment_ids=segments.segment_ids, cached=segments.cached, is_member=is_member)


@router.post(
    "/batch/",
    summary="Look up the segments of many users",
    responses=problems(403, 422, 503),
    openapi_extra=READS_ONLY,
)
@takes_a_large_body
@charged("lookups", users_in)
async def get_memberships(
    use_cases: UseCasesOfApp, caller: MembershipReader, body: MembershipBatch
) -> MembershipBatchRead:
    """Return the segments of up to 1,000 users, all by the same publication.

    Each user counts as one lookup.
    """
    tenant_id = body.tenant_of(caller, Scope.MEMBERSHIP_READ)
    segments = await use_cases.lookup.segments_of_users(tenant_id, tuple(dict.fromkeys(body.user_ids)))
    return MembershipBatchRead.of(body.user_ids, segments)


def _refuse_both(as_of: object) -> None:
    if as_of is not None:
        fault = Fault("query.now", "conflict", "must not be sent together with `as_of`")
        raise ValidationFailed("The query names two instants.", errors=[fault])
