"""The lookup route."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_language import InstantText
from segops_language.instants import to_ms
from segops_membership.api.caller import Caller, TenantId
from segops_membership.api.deps import UseCasesOfApp
from segops_membership.api.models import COLD, NOBODY, WARM, Membership

MAX_USER_ID_CHARS: Final = 256
UserIdQuery = Annotated[
    str, Query(min_length=1, max_length=MAX_USER_ID_CHARS, description="Compared byte by byte.", examples=["user-123"])
]
AsOfQuery = Annotated[
    InstantText | None,
    Query(
        description="Answer as of this RFC 3339 instant: by the runs published for then or earlier.",
        examples=["2026-01-31T09:00:00Z"],
    ),
]
_EXAMPLES: Final[dict[str, Any]] = {
    "cold": {"summary": "Read from the warehouse", "value": COLD},
    "warm": {"summary": "Answered by the cache", "value": WARM},
    "unknown": {"summary": "A user in no segment", "value": NOBODY},
}


def router() -> APIRouter:
    """All routes under the public prefix."""
    routes = new_router(prefix=MEMBERSHIP_PREFIX, tags=["membership"])
    routes.add_api_route(
        "/",
        get_membership,
        methods=["GET"],
        response_model=Membership,
        summary="Look up the segments of a user",
        responses={
            200: {
                "description": "The user's segments.",
                "content": {"application/json": {"examples": _EXAMPLES}},
            },
            **problems(400, 401, 403, 422, 503),
        },
    )
    return routes


async def get_membership(
    use_cases: UseCasesOfApp, _caller: Caller, tenant_id: TenantId, user_id: UserIdQuery, as_of: AsOfQuery = None
) -> Membership:
    """The segments that the user is in by the last published run of each.

    An unknown user is in no segment. Within a second of a publication every answer shows it, cached or not.
    """
    if as_of is None:
        found = await use_cases.lookup.segments_of(tenant_id, user_id)
    else:
        found = await use_cases.lookup.segments_as_of(tenant_id, user_id, to_ms(as_of))
    return Membership(user_id=user_id, segment_ids=found.segment_ids, cached=found.cached)
