"""Routes for changing the lists of static segments."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.request.route import takes_a_large_body, takes_an_upload
from segops_segments.api.dependencies import ExpectedVersion, UseCasesOfApp, Writer, WrittenSegment
from segops_segments.api.schemas.static_lists import (
    UPLOAD,
    ChangeMembers,
    KnownShare,
    MembersAccepted,
    UploadAccepted,
)
from segops_segments.api.uploads.upload import Upload
from segops_segments.service.actors import actor
from segops_segments.service.segments.access import require_static
from segops_segments.service.static_lists import ListChangeResult
from segops_segments.service.use_cases import UseCases

HeaderQuery = Annotated[
    Literal["none"] | None, Query(description="`none`: a CSV file has no header; each record is one id.")
]
ConfirmQuery = Annotated[
    bool, Query(description="Required to empty the list, or to replace it by less than half as many ids.")
]

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])


@router.put(
    "/{segment_id}/members/",
    summary="Replace the list of a static segment",
    status_code=202,
    responses=problems(403, 404, 409, 412),
    openapi_extra=UPLOAD,
)
@takes_an_upload
async def replace_members(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    response: Response,
    header: HeaderQuery = None,
    confirm: ConfirmQuery = False,
) -> UploadAccepted:
    """Replaces the list. An invalid or interrupted upload changes nothing.

    Lookups return the old list until the queued run has published the new one.
    """
    require_static(segment)
    upload = Upload(request, has_header=header is None)
    result = await use_cases.static_lists.upload(
        segment.tenant_id,
        segment.id,
        upload.ids(),
        is_replacement=True,
        is_confirmed=confirm,
        expected=expected,
        by=actor(caller),
    )
    return await _uploaded(use_cases, segment.tenant_id, upload, result, response)


@router.post(
    "/{segment_id}/members/",
    summary="Add users to a static segment",
    status_code=202,
    responses=problems(403, 404, 409, 412),
    openapi_extra=UPLOAD,
)
@takes_an_upload
async def add_members(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    response: Response,
    header: HeaderQuery = None,
) -> UploadAccepted:
    """Adds users to the list. An invalid or interrupted upload changes nothing."""
    require_static(segment)
    upload = Upload(request, has_header=header is None)
    result = await use_cases.static_lists.upload(
        segment.tenant_id, segment.id, upload.ids(), is_replacement=False, expected=expected, by=actor(caller)
    )
    return await _uploaded(use_cases, segment.tenant_id, upload, result, response)


@router.patch(
    "/{segment_id}/members/",
    summary="Add and remove users of a static segment",
    status_code=202,
    responses=problems(403, 404, 409, 412),
)
@takes_a_large_body
async def change_members(
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    body: ChangeMembers,
    response: Response,
) -> MembersAccepted:
    """Adds and removes a few users. Adding an existing member or removing a non-member has no effect."""
    require_static(segment)
    result = await use_cases.static_lists.change(
        segment.tenant_id, segment.id, add=body.add, remove=body.remove, expected=expected, by=actor(caller)
    )
    return _accepted(result, response)


async def _uploaded(
    use_cases: UseCases, tenant_id: int, upload: Upload, result: ListChangeResult, response: Response
) -> UploadAccepted:
    count = await use_cases.known_users.count(tenant_id, upload.sample) if upload.sample else None
    share = None if count is None else KnownShare(checked=len(upload.sample), known=count)
    understood = upload.understood.model_copy(update={"known": share})
    return UploadAccepted(**_accepted(result, response).model_dump(), understood=understood)


def _accepted(result: ListChangeResult, response: Response) -> MembersAccepted:
    response.headers["ETag"] = f'"{result.version}"'
    return MembersAccepted(run_id=str(result.run.run_id), version=result.version, accepted=result.accepted)
