"""Routes that merge users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from segops_common.contracts.http import IDENTITY_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import require
from segops_common.web.problems import problems
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.schemas.identity import MergeRead, MergeRequest, UnmergeRequest
from segops_membership.service.identity.merges import Actor

Merger = Annotated[Principal, require(Scope.IDENTITY_MERGE)]
router: APIRouter = new_router(prefix=IDENTITY_PREFIX, tags=["identity"])


@router.post("/merge/", summary="Merge two users", responses=problems(403, 409, 422, 503))
async def merge_users(use_cases: UseCasesOfApp, caller: Merger, body: MergeRequest) -> MergeRead:
    """Let all events of a user, and of everyone merged into them, belong to another user from now on.

    An answer for an instant before the merge stays as it was. Requires the role admin, or a secret key with the scope
    `identity:merge`, which no key has by default. Repeating a merge changes nothing. The response is 409 if the user is merged
    into another one, if both are one person already, or if the person would have more than 1,000 merged users.
    """
    tenant_id = body.tenant_of(caller, Scope.IDENTITY_MERGE)
    merge = await use_cases.merges.merge(tenant_id, body.from_user_id, body.into_user_id, _actor(caller))
    return MergeRead.of(merge)


@router.post("/unmerge/", summary="Undo a merge", responses=problems(403, 409, 422, 503))
async def unmerge_user(use_cases: UseCasesOfApp, caller: Merger, body: UnmergeRequest) -> MergeRead:
    """Let the events of a merged user, and of everyone merged into them, be a person of their own from now on.

    An answer for an instant before the unmerge stays as it was. Repeating it changes nothing. The response is 409 if the user
    was never merged.
    """
    tenant_id = body.tenant_of(caller, Scope.IDENTITY_MERGE)
    return MergeRead.of(await use_cases.merges.unmerge(tenant_id, body.from_user_id, _actor(caller)))


def _actor(caller: Principal) -> Actor:
    if isinstance(caller, KeyPrincipal):
        return Actor(None, caller.key_id)
    return Actor(caller.user_id, None)
