"""Routes of invites."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter

from segops_auth.api.dependencies import AnyClient, ClientAddress, Cookie, Device, Id, UseCases, UserManagingMembers
from segops_auth.api.schemas.invites import (
    AcceptInvite,
    CreateInvite,
    InviteAccepted,
    InviteCreated,
    InviteList,
    InviteRead,
    LookUpInvite,
    PendingInviteRead,
)
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.idempotency import answers_with_a_secret, identified_by
from segops_common.web.problems import problems
from segops_common.web.request.route import READS_ONLY

router: APIRouter = new_router(prefix=AUTH_PREFIX, tags=["invites"])


@router.get("/tenants/{tenant_id}/invites/", summary="List open invites")
async def list_invites(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, page: PageParams) -> InviteList:
    """Return the invites that can still be accepted, by ascending id."""
    invites = await auth.invites.list_open(tenant_id, caller.user_id, page)
    inviters = await auth.invites.inviters(invites.results)
    return InviteList.of(invites, page, lambda invite: InviteRead.of(invite, inviters[invite.invited_by]))


@router.post("/tenants/{tenant_id}/invites/", summary="Create an invite", status_code=201)
@answers_with_a_secret
async def create_invite(
    auth: UseCases, caller: UserManagingMembers, tenant_id: Id, body: CreateInvite
) -> InviteCreated:
    """Invite an email address. The invite works once, expires after 7 days, and replaces earlier ones of the address.

    A mail follows, if the installation sends mail, with the link `/invite?token=…`. The response contains another token,
    which is shown only once: you can pass it on to the invited person yourself.
    """
    invite, token = await auth.invites.create(tenant_id, caller.user_id, email=body.email, role=body.role)
    inviters = await auth.invites.inviters([invite])
    return InviteCreated.with_token(invite, inviters[caller.user_id], token)


@router.post(
    "/tenants/{tenant_id}/invites/{invite_id}/resend/", summary="Send an invite again", responses=problems(409)
)
async def resend_invite(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, invite_id: Id) -> InviteRead:
    """Send another mail for an open invite, which expires 7 days from now. The links in its earlier mails stop working."""
    invite = await auth.invites.resend(tenant_id, caller.user_id, invite_id)
    inviters = await auth.invites.inviters([invite])
    return InviteRead.of(invite, inviters[invite.invited_by])


@router.delete("/tenants/{tenant_id}/invites/{invite_id}/", summary="Withdraw an invite", status_code=204)
async def withdraw_invite(auth: UseCases, caller: UserManagingMembers, tenant_id: Id, invite_id: Id) -> None:
    """Withdraw an open invite, so that its token no longer works."""
    await auth.invites.withdraw(tenant_id, caller.user_id, invite_id)


@router.post(
    "/invites/lookup/", summary="Look up an invite", responses=problems(404, 410, 429), openapi_extra=READS_ONLY
)
async def look_up_invite(auth: UseCases, address: ClientAddress, body: LookUpInvite) -> PendingInviteRead:
    """Return to which tenant, as whom and with which role the token of an invite admits. The invite stays usable.

    Needs no credential but the token. A network address may look up and accept 30 invites in a minute.
    """
    return PendingInviteRead.of(await auth.invites.find_pending(body.token.get_secret_value(), address))


@router.post("/invites/accept/", summary="Accept an invite", responses=problems(401, 403, 404, 409, 410, 429))
@answers_with_a_secret
@identified_by("token", "email", "password")
async def accept_invite(
    auth: UseCases, client: AnyClient, device: Device, cookie: Cookie, body: AcceptInvite
) -> InviteAccepted:
    """Join the tenant and sign in. If the email address has no account yet, one is created with this password.

    The member who made the invite must still be allowed to give its role. The token of a mail confirms the address.
    """
    deliver = cookie.delivery(body.refresh_in)
    accepted = await auth.invites.accept(
        token=body.token.get_secret_value(),
        email=body.email,
        password=body.password.get_secret_value(),
        client=replace(client, device=device.value_of(body.email)),
    )
    device.remember(body.email, auth.attempts.device_cookie(body.email))
    return InviteAccepted.of(accepted, deliver(accepted.tokens))
