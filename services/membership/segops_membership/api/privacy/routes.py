"""Routes that export a user's data, and erase users."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from segops_common.contracts.http import EXPLORER_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams, TenantParams, require
from segops_common.web.idempotency import names_a_person
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.explorer.dependencies import ProfilesReader, TenantOfProfiles, UserId
from segops_membership.api.member_file import FileStream
from segops_membership.api.privacy.schemas import (
    ErasureList,
    ErasureRead,
    ErasureRequest,
    SuppressionPolicy,
    SuppressionPolicyChange,
    SuppressionRead,
)

router: APIRouter = new_router(prefix=EXPLORER_PREFIX, tags=["privacy"])
Eraser = Annotated[Principal, require(Scope.PROFILES_ERASE)]
ErasureId = Annotated[UUID, Path(description="`id` of the answer to the request.")]
_NDJSON = "application/x-ndjson"


async def _tenant_of_eraser(caller: Eraser, choice: TenantParams) -> int:
    return choice.required(caller, Scope.PROFILES_ERASE)


TenantOfEraser = Annotated[int, Depends(_tenant_of_eraser)]
"""The tenant of the request, whose users the caller may erase."""


@router.get(
    "/users/{user_id:opaque}/export/",
    summary="Export everything about a user",
    response_class=Response,
    responses={
        200: {
            "description": "One JSON object a line.",
            "content": {
                _NDJSON: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": '{"type":"export","user_id":"user-123"}\n',
                }
            },
        },
        **problems(400, 401, 403, 409, 422, 503),
    },
)
@charged("analyses")
async def export_user(
    use_cases: UseCasesOfApp, caller: ProfilesReader, tenant_id: TenantOfProfiles, user_id: UserId
) -> Response:
    """Stream all that is stored about a user as NDJSON, and record that in the audit log.

    `type` says what a line is: `export`, `profile`, `trait`, `membership`, `event` (newest first), `membership_change`,
    `list_entry`, `dead_letter`, and last `end` with the number of lines. A stream without `end` is not complete: repeat the
    request. `ids` of the first line are all ids of the person; there are lines for each. Events appear seconds after they were
    accepted. For an unknown user there are only the first and the last line.
    """
    lines = await use_cases.export_people.lines(tenant_id, caller, user_id)
    headers = {"Content-Disposition": 'attachment; filename="user.ndjson"', "Cache-Control": "no-store"}
    return FileStream(lines, media_type=_NDJSON, headers=headers)


@router.delete(
    "/users/{user_id:opaque}/", summary="Erase a user", status_code=202, responses=problems(403, 409, 429, 503)
)
@names_a_person
@charged("analyses")
async def erase_user(
    use_cases: UseCasesOfApp, caller: Eraser, tenant_id: TenantOfEraser, user_id: UserId
) -> ErasureRead:
    """Suppress a user's events at once, and remove everything about the user from all stores in the background.

    All ids that are joined to the user are erased along: visitors that they claimed, and users who are merged. Read the erasure
    until its status is `complete`; its receipt has the number of rows before and after. This cannot be undone.
    The user need not exist: later events are kept out in any case. Segments no longer have the user, readers of changes get an exit
    with the reason `erasure`, and exports with the user expire. Events in the event log go with its retention.
    """
    return ErasureRead.of(await use_cases.erase_people.request(tenant_id, caller, [user_id]))


@router.post("/erasures/", summary="Erase many users", status_code=202, responses=problems(403, 409, 422, 429, 503))
@charged("analyses")
async def erase_users(use_cases: UseCasesOfApp, caller: Eraser, body: ErasureRequest) -> ErasureRead:
    """Erase up to 1,000 users by one job, as "Erase a user" does. This takes about as long as for one.

    The receipt has the sums over all of them. A tenant may have 1,000 erasures that have not ended.
    """
    tenant_id = body.tenant_of(caller, Scope.PROFILES_ERASE)
    return ErasureRead.of(await use_cases.erase_people.request(tenant_id, caller, body.user_ids))


@router.get("/erasures/", summary="List erasures", responses=problems(400, 401, 403, 422, 503))
async def list_erasures(
    use_cases: UseCasesOfApp, _caller: Eraser, tenant_id: TenantOfEraser, page: PageParams
) -> ErasureList:
    """List the erasures of the tenant, newest first. They are kept."""
    return ErasureList.of(await use_cases.erase_people.list(tenant_id, page), page, ErasureRead.of)


@router.get("/erasures/{erasure_id}/", summary="Read an erasure", responses=problems(401, 403, 404, 422, 503))
async def read_erasure(
    use_cases: UseCasesOfApp, _caller: Eraser, tenant_id: TenantOfEraser, erasure_id: ErasureId
) -> ErasureRead:
    """Return the progress of an erasure, and its receipt when it is complete. Ask every 2 to 5 seconds."""
    return ErasureRead.of(await use_cases.erase_people.find(tenant_id, str(erasure_id)))


@router.get(
    "/users/{user_id:opaque}/suppression/",
    summary="Read whether a user's events are kept out",
    responses=problems(401, 403, 404, 409, 422, 503),
)
async def read_suppression(
    use_cases: UseCasesOfApp, _caller: Eraser, tenant_id: TenantOfEraser, user_id: UserId
) -> SuppressionRead:
    """Return the state of a user who was erased; 404 for one who was not."""
    return SuppressionRead.of(await use_cases.erase_people.suppression(tenant_id, user_id))


@router.delete(
    "/users/{user_id:opaque}/suppression/",
    summary="Accept a user's events again",
    status_code=204,
    responses=problems(403, 404, 409, 503),
)
@names_a_person
async def lift_suppression(
    use_cases: UseCasesOfApp, caller: Eraser, tenant_id: TenantOfEraser, user_id: UserId
) -> None:
    """Accept events of an erased user that are received from now on. What was erased does not come back."""
    await use_cases.erase_people.lift(tenant_id, caller, user_id)


@router.get(
    "/suppression-policy/",
    summary="Read what happens to later events of erased users",
    responses=problems(401, 403, 422, 503),
)
async def read_suppression_policy(
    use_cases: UseCasesOfApp, _caller: Eraser, tenant_id: TenantOfEraser
) -> SuppressionPolicy:
    """Return the choice of the tenant."""
    return SuppressionPolicy(later_events=await use_cases.erase_people.policy(tenant_id))


@router.put(
    "/suppression-policy/",
    summary="Choose what happens to later events of erased users",
    responses=problems(403, 409, 422, 503),
)
async def set_suppression_policy(
    use_cases: UseCasesOfApp, caller: Eraser, body: SuppressionPolicyChange
) -> SuppressionPolicy:
    """Refuse later events of erased users, which tells their senders, or drop them silently. It holds within seconds."""
    tenant_id = body.tenant_of(caller, Scope.PROFILES_ERASE)
    await use_cases.erase_people.set_policy(tenant_id, caller, body.later_events)
    return SuppressionPolicy(later_events=body.later_events)
