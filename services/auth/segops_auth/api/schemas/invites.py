"""Bodies of invites."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.accounts import UserRef
from segops_auth.api.schemas.fields import (
    Email,
    NewPassword,
    NewRole,
    RefreshIn,
    RefreshTokenPlace,
    RequestBody,
    ResponseBody,
    Token,
)
from segops_auth.api.schemas.sessions import TokenSet
from segops_auth.api.schemas.tenants import TenantRef
from segops_auth.domain import values
from segops_auth.service.invites import AcceptedInvite, PendingInvite
from segops_common.security.permissions import Role
from segops_common.web.fields import ListResponse, list_example


class CreateInvite(RequestBody):
    """The email address to invite and the role it gets."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "grace@example.com", "role": "member"}]})

    email: Email
    role: NewRole


class AcceptInvite(RequestBody):
    """The invite's token and email address, with the password of the existing or new account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"token": examples.TOKEN, "email": "grace@example.com", "password": examples.PASSWORD}]
        }
    )

    token: Token
    email: Email
    password: NewPassword
    refresh_in: RefreshTokenPlace = RefreshIn.BODY


class LookUpInvite(RequestBody):
    """The token of an invite."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": examples.TOKEN}]})

    token: Token


class PendingInviteRead(ResponseBody):
    """What an invite admits to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant": examples.TENANT,
                    "email": "grace@example.com",
                    "role": "member",
                    "expires_at": examples.IN_A_WEEK,
                }
            ]
        }
    )

    tenant: TenantRef
    email: str = Field(description="The invited address. Accept the invite with it.")
    role: Role
    expires_at: datetime

    @classmethod
    def of(cls, pending: PendingInvite) -> Self:
        """Convert from the use case."""
        invite = pending.invite
        return cls(
            tenant=TenantRef.of(pending.tenant), email=invite.email, role=invite.role, expires_at=invite.expires_at
        )


class InviteRead(ResponseBody):
    """An invite that can still be accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.INVITE]})

    id: int
    tenant: int
    email: str
    role: Role
    invited_by: int
    invited_by_email: str = Field(description="The email address of the member who made the invite.")
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invite: values.Invite, inviter: str) -> Self:
        """Convert from the domain."""
        return cls(**_invite_fields(invite, inviter))


class InviteCreated(InviteRead):
    """A new invite with its token."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.INVITE | {"token": examples.TOKEN}]})

    token: str = Field(description="Pass it on to the invited person. It is shown only once.")

    @classmethod
    def with_token(cls, invite: values.Invite, inviter: str, token: str) -> Self:
        """Convert from the domain."""
        return cls(**_invite_fields(invite, inviter), token=token)


class InviteList(ListResponse[InviteRead]):
    """Invites by ascending id."""

    model_config = list_example("/api/auth/tenants/1/invites/", examples.INVITE)


class InviteAccepted(ResponseBody):
    """The new member, the tenant, and the tokens of a new session."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user": examples.USER, "tenant": examples.TENANT, "role": "member", "tokens": examples.TOKENS}
            ]
        }
    )

    user: UserRef
    tenant: TenantRef
    role: Role
    tokens: TokenSet

    @classmethod
    def of(cls, accepted: AcceptedInvite, tokens: TokenSet) -> Self:
        """Convert from the domain."""
        return cls(
            user=UserRef(id=accepted.account.id, email=accepted.account.email),
            tenant=TenantRef.of(accepted.tenant),
            role=accepted.role,
            tokens=tokens,
        )


def _invite_fields(invite: values.Invite, inviter: str) -> dict[str, Any]:
    return {
        "id": invite.id,
        "tenant": invite.tenant_id,
        "email": invite.email,
        "role": invite.role,
        "invited_by": invite.invited_by,
        "invited_by_email": inviter,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
    }
