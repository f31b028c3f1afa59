"""Bodies of invites."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.accounts import UserRef
from segops_auth.api.schemas.fields import Email, NewPassword, NewRole, RequestBody, ResponseBody, Token
from segops_auth.api.schemas.sessions import TokenSet
from segops_auth.api.schemas.tenants import TenantRef
from segops_auth.domain import values
from segops_auth.service.invites import AcceptedInvite
from segops_common.core.pagination import Page
from segops_common.security.permissions import Role


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


class InviteRead(ResponseBody):
    """An invite that can still be accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.INVITE]})

    id: int
    tenant: int
    email: str
    role: Role
    invited_by: int
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invite: values.Invite) -> Self:
        """Convert from the domain."""
        return cls(**_invite_fields(invite))


class InviteCreated(InviteRead):
    """A new invite with its token."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.INVITE | {"token": examples.TOKEN}]})

    token: str = Field(description="Pass it on to the invited person. It is shown only once.")

    @classmethod
    def with_token(cls, invite: values.Invite, token: str) -> Self:
        """Convert from the domain."""
        return cls(**_invite_fields(invite), token=token)


class InviteList(ResponseBody):
    """Invites by ascending id."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.INVITE], "next_cursor": examples.CURSOR}]}
    )

    items: list[InviteRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.Invite]) -> Self:
        """Convert from the domain."""
        return cls(items=[InviteRead.of(item) for item in page.items], next_cursor=page.next_cursor)


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
    def of(cls, accepted: AcceptedInvite) -> Self:
        """Convert from the domain."""
        return cls(
            user=UserRef(id=accepted.account.id, email=accepted.account.email),
            tenant=TenantRef.of(accepted.tenant),
            role=accepted.role,
            tokens=TokenSet.of(accepted.tokens),
        )


def _invite_fields(invite: values.Invite) -> dict[str, Any]:
    return {
        "id": invite.id,
        "tenant": invite.tenant_id,
        "email": invite.email,
        "role": invite.role,
        "invited_by": invite.invited_by,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
    }
