"""The routes of exports."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import RedirectResponse, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import MembershipReader, SegmentId, UseCasesOfApp
from segops_membership.api.member_file import member_file_response
from segops_membership.api.schemas.exports import (
    EXPORT_EXAMPLE,
    ExportList,
    ExportRead,
    ExportRequest,
    ExportRequested,
)
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.ports.members.export_files import FileLink

ExportId = Annotated[UUID, Path(description="`export_id` of the answer to the request.")]
router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["exports"])


@router.post(
    "/{segment_id}/export/",
    summary="Request an export",
    status_code=202,
    responses=problems(403, 404, 409, 429, 503),
)
@charged("analyses")
async def request_export(
    use_cases: UseCasesOfApp, caller: MembershipReader, segment_id: SegmentId, body: ExportRequest
) -> ExportRequested:
    """Queue a file with all members of the newest publication of the segment.

    Ask `GET …/export/?export_id=` every 2 to 5 seconds until the status is `complete` or `failed`. The file is kept for 24
    hours. A tenant may have 20 exports that have not ended.
    """
    tenants = caller.tenants(Scope.MEMBERSHIP_READ)
    export = await use_cases.exports.request(tenants, segment_id, MemberFormat(body.format))
    return ExportRequested(export_id=export.id, status=export.status)


@router.get(
    "/{segment_id}/export/",
    summary="Show an export, or list the exports of a segment",
    response_model=ExportRead | ExportList,
    responses={
        200: {
            "description": "The export, or a list of exports.",
            "content": {
                "application/json": {"examples": {"export": {"summary": "An export", "value": EXPORT_EXAMPLE}}}
            },
        },
        **problems(400, 403, 404, 422, 503),
    },
)
async def show_exports(
    use_cases: UseCasesOfApp,
    caller: MembershipReader,
    segment_id: SegmentId,
    page: PageParams,
    export_id: Annotated[UUID | None, Query(description="Return this export only.")] = None,
) -> ExportRead | ExportList:
    """With `export_id`, return that export. Without it, return the exports of the segment, newest first."""
    tenants = caller.tenants(Scope.MEMBERSHIP_READ)
    if export_id is not None:
        return ExportRead.of(await use_cases.exports.find(tenants, segment_id, str(export_id)))
    return ExportList.of(await use_cases.exports.list(tenants, segment_id, page), page, ExportRead.of)


@router.get(
    "/exports/{export_id}/download/",
    summary="Download an export",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {
                member_format.media_type: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "user_id,computed_at\n",
                }
                for member_format in MemberFormat
            },
        },
        307: {
            "description": "The file is in storage of its own, at the address in `Location`. It holds for an hour and needs no credential."
        },
        **problems(403, 404, 409, 410, 503),
    },
)
async def download_export(use_cases: UseCasesOfApp, caller: MembershipReader, export_id: ExportId) -> Response:
    """Return the file of a complete export, or the address at which it is."""
    export, file = await use_cases.exports.download(caller.tenants(Scope.MEMBERSHIP_READ), str(export_id))
    if isinstance(file, FileLink):
        return RedirectResponse(file.url, status_code=307)
    name = f"segment-{export.segment_id}-members"
    return member_file_response(file.chunks, export.member_format, name, size=file.size)
