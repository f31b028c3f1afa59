"""The routes of the lists of static segments."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_segments.api.dependencies import ExpectedVersion, UseCasesOfApp, Writer, WrittenSegment, actor
from segops_segments.api.schemas.static_lists import ChangeMembers, MembersAccepted
from segops_segments.api.uploads import CSV, NDJSON, uploaded_ids
from segops_segments.domain.static_list import MAX_USER_ID_CHARS
from segops_segments.service.static_lists import ListChanged, require_static

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])

_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "title": "MembersUpload",
    "required": ["user_ids"],
    "additionalProperties": False,
    "properties": {
        "user_ids": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": MAX_USER_ID_CHARS}}
    },
}
_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": (
            "The user ids, at most 10 million: JSON up to 1 MiB; or up to 64 MiB, also with `Content-Encoding: gzip`, as"
            " NDJSON (a string a line, or an object with a `user_id`) or as CSV (a column `user_id`, named by the first"
            " line; of a single column that line may be left out)."
        ),
        "content": {
            "application/json": {"schema": _LIST, "example": {"user_ids": ["user-123", "user-456"]}},
            NDJSON: {
                "schema": {"type": "string", "format": "binary"},
                "example": '"user-123"\n{"user_id": "user-456"}\n',
            },
            CSV: {
                "schema": {"type": "string", "format": "binary"},
                "example": "user_id,plan\nuser-123,pro\nuser-456,free\n",
            },
        },
    }
}


@router.put(
    "/{segment_id}/members/",
    summary="Replace the list of a static segment",
    status_code=202,
    responses=problems(403, 404, 409, 412),
    openapi_extra=_UPLOAD,
)
async def replace_members(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    response: Response,
) -> MembersAccepted:
    """All or nothing: a faulty or broken upload changes nothing, and readers see the old list until the run has the new."""
    require_static(segment)
    done = await use_cases.lists.upload(
        segment.tenant_id, segment.id, uploaded_ids(request), replacing=True, expected=expected, by=actor(caller)
    )
    return _shown(done, response)


@router.post(
    "/{segment_id}/members/",
    summary="Add users to a static segment",
    status_code=202,
    responses=problems(403, 404, 409, 412),
    openapi_extra=_UPLOAD,
)
async def add_members(
    request: Request,
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    response: Response,
) -> MembersAccepted:
    """Like replacing the list, but those who are in it stay."""
    require_static(segment)
    done = await use_cases.lists.upload(
        segment.tenant_id, segment.id, uploaded_ids(request), replacing=False, expected=expected, by=actor(caller)
    )
    return _shown(done, response)


@router.patch(
    "/{segment_id}/members/",
    summary="Add and remove users of a static segment",
    status_code=202,
    responses=problems(403, 404, 409, 412),
)
async def change_members(
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    body: ChangeMembers,
    response: Response,
) -> MembersAccepted:
    """A few at a time. Who is added and in the list, or removed and not in it, changes nothing."""
    require_static(segment)
    done = await use_cases.lists.change(
        segment.tenant_id, segment.id, add=body.add, remove=body.remove, expected=expected, by=actor(caller)
    )
    return _shown(done, response)


def _shown(done: ListChanged, response: Response) -> MembersAccepted:
    response.headers["ETag"] = f'"{done.version}"'
    return MembersAccepted(run_id=str(done.run.id), version=done.version, accepted=done.accepted)
