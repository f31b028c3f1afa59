"""Invites."""

from __future__ import annotations

from fastapi import APIRouter

from segops_auth.api.dependencies import ClientAddress, Id, UseCases, UserManagingMembers
from segops_auth.api.schemas.api_keys import AcceptInvite, CreateInvite, InviteAccepted, InviteCreated, InviteList
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.idempotency import answers_with_a_secret
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=AUTH_PREFIX, tags=["invites"])


@router.get("/tenants/{tenant_id}/invites/", summary="List open invites")
async def list_invites(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, page: PageParams) -> InviteList:
    """Those that can still be accepted, by rising id."""
    found = await auth.invites.list_open(tenant_id, caller.user_id, limit=page.limit, cursor=page.cursor)
    return InviteList.of(found)


@router.post("/tenants/{tenant_id}/invites/", summary="Invite somebody", status_code=201)
@answers_with_a_secret
async def create_invite(
    auth: UseCases, caller: UserManagingMembers, tenant_id: Id, body: CreateInvite
) -> InviteCreated:
    """Good for 7 days, once, and only for that e-mail address.

    Nothing is mailed: the answer holds the token, this once, for the inviter to pass on.
    """
    invite, token = await auth.invites.create(tenant_id, caller.user_id, email=body.email, role=body.role)
    return InviteCreated.with_token(invite, token)


@router.delete("/tenants/{tenant_id}/invites/{invite_id}/", summary="Withdraw an invite", status_code=204)
async def withdraw_invite(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, invite_id: Id) -> None:
    """Its token works no more."""
    await auth.invites.withdraw(tenant_id, caller.user_id, invite_id)


@router.post("/invites/accept/", summary="Accept an invite", responses=problems(401, 403, 404, 409, 410, 429))
@answers_with_a_secret
async def accept_invite(auth: UseCases, address: ClientAddress, body: AcceptInvite) -> InviteAccepted:
    """Takes the place and signs in; an address without an account gets one with this password."""
    accepted = await auth.invites.accept(
        token=body.token.get_secret_value(),
        email=body.email,
        password=body.password.get_secret_value(),
        address=address,
    )
    return InviteAccepted.of(accepted)
