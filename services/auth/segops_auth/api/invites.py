"""Routes of invites."""

from __future__ import annotations

from fastapi import APIRouter

from segops_auth.api.dependencies import ClientAddress, Device, Id, UseCases, UserManagingMembers
from segops_auth.api.schemas.invites import AcceptInvite, CreateInvite, InviteAccepted, InviteCreated, InviteList
from segops_auth.service.attempts import Client
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.idempotency import answers_with_a_secret, identified_by
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=AUTH_PREFIX, tags=["invites"])


@router.get("/tenants/{tenant_id}/invites/", summary="List open invites")
async def list_invites(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, page: PageParams) -> InviteList:
    """Return the invites that can still be accepted, by ascending id."""
    invites = await auth.invites.list_open(tenant_id, caller.user_id, limit=page.limit, cursor=page.cursor)
    return InviteList.of(invites)


@router.post("/tenants/{tenant_id}/invites/", summary="Create an invite", status_code=201)
@answers_with_a_secret
async def create_invite(
    auth: UseCases, caller: UserManagingMembers, tenant_id: Id, body: CreateInvite
) -> InviteCreated:
    """Invite an email address. The invite works once, expires after 7 days, and replaces earlier ones of the address.

    No mail is sent. The response contains the token, which is shown only once: pass it on to the invited person.
    """
    invite, token = await auth.invites.create(tenant_id, caller.user_id, email=body.email, role=body.role)
    return InviteCreated.with_token(invite, token)


@router.delete("/tenants/{tenant_id}/invites/{invite_id}/", summary="Withdraw an invite", status_code=204)
async def withdraw_invite(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, invite_id: Id) -> None:
    """Withdraw an open invite, so that its token no longer works."""
    await auth.invites.withdraw(tenant_id, caller.user_id, invite_id)


@router.post("/invites/accept/", summary="Accept an invite", responses=problems(401, 403, 404, 409, 410, 429))
@answers_with_a_secret
@identified_by("token", "email", "password")
async def accept_invite(auth: UseCases, address: ClientAddress, device: Device, body: AcceptInvite) -> InviteAccepted:
    """Join the tenant and sign in. If the email address has no account yet, one is created with this password.

    The member who made the invite must still be allowed to give its role.
    """
    accepted = await auth.invites.accept(
        token=body.token.get_secret_value(),
        email=body.email,
        password=body.password.get_secret_value(),
        client=Client(address=address, device=device.value_of(body.email)),
    )
    device.remember(body.email, auth.attempts.device_cookie(body.email))
    return InviteAccepted.of(accepted)
