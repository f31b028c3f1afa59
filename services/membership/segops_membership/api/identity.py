"""Routes that merge users, and show the ids of a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from segops_common.contracts.http import IDENTITY_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import require
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.explorer.dependencies import ProfilesReader, TenantOfProfiles, UserId
from segops_membership.api.schemas.identity import MergeRead, MergeRequest, PersonRead, UnmergeRequest
from segops_membership.service.identity.merges import Actor

Merger = Annotated[Principal, require(Scope.IDENTITY_MERGE)]
router: APIRouter = new_router(prefix=IDENTITY_PREFIX, tags=["identity"])


@router.post("/merge/", summary="Merge two users", responses=problems(403, 409, 422, 503))
async def merge_users(use_cases: UseCasesOfApp, caller: Merger, body: MergeRequest) -> MergeRead:
    """Let all events of a user, and of everyone merged into them, belong to another user from now on.

    An answer for an instant before the merge stays as it was. Requires the role admin, or a secret key with the scope
    `identity:merge`, which no key has by default. Repeating a merge changes nothing. The response is 409 if the user is merged
    into another one, if both are one person already, if one of them is a visitor whom a user claimed (`anonymous-id-claimed`: merge
    that user), or if the person would have more than 1,000 merged users; and 422 if one of them was erased (`user-erased`).
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


@router.get("/{user_id:opaque}/", summary="List the ids of a person", responses=problems(400, 401, 403, 422, 503))
@charged("analyses")
async def read_person(
    use_cases: UseCasesOfApp, _caller: ProfilesReader, tenant_id: TenantOfProfiles, user_id: UserId
) -> PersonRead:
    """Return the person that an id belongs to now, and all ids of the person, each with the claim or merge that joins it.

    An unknown id is a person of its own. A claim counts seconds after the event was accepted. The response is 422 for a person
    with more than 1,000 ids.
    """
    return PersonRead.of(await use_cases.person_ids.of(tenant_id, user_id))


def _actor(caller: Principal) -> Actor:
    if isinstance(caller, KeyPrincipal):
        return Actor(None, caller.key_id)
    return Actor(caller.user_id, None)
