"""The routes of a segment's members and of its history."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.core.problems import Fault, NotAcceptable, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems
from segops_common.web.request.negotiation import preferred
from segops_language import InstantText
from segops_language.values.instants import to_ms
from segops_membership.api.dependencies import MembershipReader, SegmentId, SegmentsReader, UseCasesOfApp
from segops_membership.api.member_file import member_file_response
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT
from segops_membership.api.schemas.members import (
    HISTORY_EXAMPLES,
    DailyHistory,
    DayRead,
    PublicationList,
    PublicationRead,
    SegmentMember,
    SegmentMemberList,
)
from segops_membership.domain.members.sets import MemberFormat

JSON: Final = "application/json"
_OFFERS: Final = (JSON, *(member_format.media_type for member_format in MemberFormat))
_OF_LISTS: Final = ("cursor", "limit", "page", "page_size", "q")
AsOfQuery = Annotated[
    InstantText | None,
    Query(
        description="An RFC 3339 instant: the members by the newest run as of this instant or earlier.",
        examples=[EXAMPLE_INSTANT],
    ),
]
FormatQuery = Annotated[
    Literal["json", "csv", "ndjson", "parquet"] | None,
    Query(description="Overrides `Accept`. All formats but `json` return all members at once."),
]
PrefixQuery = Annotated[
    str,
    Query(max_length=256, description="Only users whose id begins with this text. Then `count` is null."),
]
router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["members"])


@router.get(
    "/{segment_id}/members/",
    summary="List the members of a segment",
    response_model=SegmentMemberList,
    responses={
        200: {
            "description": "Members of the segment.",
            "content": {
                member_format.media_type: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "user_id,computed_at\n",
                }
                for member_format in MemberFormat
            },
        },
        **problems(400, 403, 404, 406, 409, 410, 422, 429, 503),
    },
)
async def list_segment_members(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: MembershipReader,
    segment_id: SegmentId,
    page: PageParams,
    as_of: AsOfQuery = None,
    q: PrefixQuery = "",
    format: FormatQuery = None,
) -> Any:
    """Return the members by the newest publication of the segment, or all of them as CSV, NDJSON or Parquet.

    All pages of a cursor are of one publication, also while runs publish others; when it no longer exists, the answer is
    410 `publication-gone`. Pages by number are each of the newest publication. A segment that was never computed has no
    members. A file has the columns `user_id` and `computed_at` and needs a computed segment. If its connection breaks, or
    it ends without the last chunk, the file is not complete: repeat the request.
    """
    tenants = caller.tenants(Scope.MEMBERSHIP_READ)
    as_of_ms = None if as_of is None else to_ms(as_of)
    member_format = _requested_format(request, format)
    if member_format is None:
        members = await use_cases.members.page(tenants, segment_id, page, as_of_ms=as_of_ms, prefix=q)
        return SegmentMemberList.of(members, page, SegmentMember.of)
    _refuse_list_parameters(request)
    file = await use_cases.members.file(tenants, segment_id, member_format, as_of_ms=as_of_ms)
    return member_file_response(file.chunks, member_format, f"segment-{segment_id}-members")


@router.get(
    "/{segment_id}/history/",
    summary="Show the sizes of a segment over time",
    response_model=PublicationList | DailyHistory,
    responses={
        200: {
            "description": "Publications, or days.",
            "content": {"application/json": {"examples": HISTORY_EXAMPLES}},
        },
        **problems(400, 403, 404, 422, 503),
    },
)
async def show_history(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: SegmentsReader,
    segment_id: SegmentId,
    page: PageParams,
    interval: Annotated[
        Literal["run", "day"],
        Query(description="`run`: a list of publications. `day`: one entry for each day, without pages."),
    ] = "run",
    days: Annotated[int, Query(ge=1, le=366, description="How many days, with `interval=day`.")] = 30,
) -> PublicationList | DailyHistory | Response:
    """Return the size of the segment by publication, newest first, or by day, and how many users entered and exited.

    A day without a publication keeps the size of the day before.
    """
    tenants = caller.tenants(Scope.SEGMENTS_READ)
    if interval == "day":
        _refuse_list_parameters(request)
        return DailyHistory(days=tuple(map(DayRead.of, await use_cases.history.days(tenants, segment_id, days))))
    return PublicationList.of(await use_cases.history.publications(tenants, segment_id, page), page, PublicationRead.of)


def _requested_format(request: Request, named: str | None) -> MemberFormat | None:
    """Return the format of the file; None for a page. Raises NotAcceptable."""
    if named is not None:
        return None if named == "json" else MemberFormat(named)
    media_type = preferred(request.headers.get("accept"), _OFFERS)
    if media_type is None:
        raise NotAcceptable(f"`Accept` must allow one of: {', '.join(_OFFERS)}.")
    return next((item for item in MemberFormat if item.media_type == media_type), None)


def _refuse_list_parameters(request: Request) -> None:
    faults = [
        Fault(f"query.{name}", "not-allowed", "must be left out: this answer has no pages")
        for name in _OF_LISTS
        if name in request.query_params
    ]
    if faults:
        raise ValidationFailed("Parameters of pages must be left out: this answer has no pages.", errors=faults)
