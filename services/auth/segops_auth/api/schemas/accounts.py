"""Bodies of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import (
    CurrentPassword,
    Email,
    Name,
    NewPassword,
    RefreshIn,
    RefreshTokenPlace,
    RequestBody,
    ResponseBody,
    Slug,
)
from segops_auth.api.schemas.sessions import TokenSet
from segops_auth.api.schemas.tenants import TenantRef
from segops_auth.domain import values
from segops_auth.domain.registration import Registration
from segops_auth.service.accounts import NewAccount
from segops_common.security.permissions import Role


class SignUp(RequestBody):
    """A new account and the tenant that it will own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": examples.EMAIL,
                    "password": examples.PASSWORD,
                    "tenant_name": "Acme",
                    "tenant_slug": "acme",
                }
            ]
        }
    )

    email: Email
    password: NewPassword
    tenant_name: Name
    tenant_slug: Slug
    refresh_in: RefreshTokenPlace = RefreshIn.BODY


class SignUpConfig(ResponseBody):
    """What a page needs to know before anyone signs in."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"signup": "open", "sends_mail": True}]})

    signup: Registration = Field(
        description="Who may create an account: everyone (`open`), those with an invite (`invited`), or nobody (`closed`)."
    )
    sends_mail: bool = Field(description="Whether passwords can be reset and addresses confirmed by mail.")


class ChangePassword(RequestBody):
    """The current password and the new one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"password": examples.PASSWORD, "new_password": "a-staple-is-better-than-nothing"}]
        }
    )

    password: CurrentPassword
    new_password: NewPassword
    refresh_in: RefreshTokenPlace = RefreshIn.BODY


class UserRef(ResponseBody):
    """A user in short."""

    id: int
    email: str


class SignedUp(ResponseBody):
    """The new account, its tenant, and the tokens of its first session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user": examples.USER, "tenant": examples.TENANT, "tokens": examples.TOKENS}]}
    )

    user: UserRef
    tenant: TenantRef
    tokens: TokenSet

    @classmethod
    def of(cls, new: NewAccount, tokens: TokenSet) -> Self:
        """Convert from the domain."""
        return cls(
            user=UserRef(id=new.account.id, email=new.account.email),
            tenant=TenantRef.of(new.tenant),
            tokens=tokens,
        )


class OwnTenant(TenantRef):
    """A tenant that the caller is a member of."""

    is_test: bool
    role: Role


class Me(ResponseBody):
    """The caller and their tenants."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [examples.USER | {"email_verified": True, "tenants": [examples.OWN_TENANT]}]}
    )

    id: int
    email: str
    email_verified: bool = Field(description="Whether the owner has proved that they read mails to the address.")
    tenants: list[OwnTenant]

    @classmethod
    def of(cls, account: values.Account, tenants: Sequence[values.JoinedTenant]) -> Self:
        """Convert from the domain."""
        own_tenants = [
            OwnTenant(
                id=joined.tenant.id,
                slug=joined.tenant.slug,
                name=joined.tenant.name,
                is_test=joined.tenant.is_test,
                role=joined.role,
            )
            for joined in tenants
        ]
        return cls(
            id=account.id,
            email=account.email,
            email_verified=account.email_verified_at is not None,
            tenants=own_tenants,
        )
