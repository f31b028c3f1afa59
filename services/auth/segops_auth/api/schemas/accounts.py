"""Bodies and answers of accounts, sessions, tenants and members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import Answer, Body, Email, GivenPassword, Name, NewPassword, Slug, Token
from segops_auth.domain import values
from segops_auth.service.accounts import NewAccount
from segops_auth.service.sessions import SessionTokens
from segops_common.core.pagination import Page
from segops_common.security.permissions import Role
from segops_language import Optional

GivenRole = Annotated[Role, Field(strict=False)]


class SignUp(Body):
    """A person, and the tenant they will own."""

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


class SignIn(Body):
    """E-mail address and password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": examples.EMAIL, "password": examples.PASSWORD}]}
    )

    email: Email
    password: GivenPassword


class RefreshRequest(Body):
    """The newest refresh token of the session."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": examples.TOKEN}]})

    refresh_token: Token


class RevokeRequest(Body):
    """Any refresh token of the session to end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": examples.TOKEN}]})

    refresh_token: Token


class ChangePassword(Body):
    """The present password and the one to come."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"password": examples.PASSWORD, "new_password": "a-staple-is-better-than-nothing"}]
        }
    )

    password: GivenPassword
    new_password: NewPassword


class CreateTenant(Body):
    """A tenant that the caller will own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Acme", "slug": "acme"},
                {"name": "Acme, tests", "slug": "acme-test", "is_test": True},
            ]
        }
    )

    name: Name
    slug: Slug
    is_test: bool = Field(
        default=False, description="For what must never be taken for real: its keys are `sk_test_…` and `pk_test_…`."
    )


class UpdateTenant(Body):
    """What to change; fields that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Acme Incorporated"}], "minProperties": 1})

    name: Optional[Name] = None
    slug: Optional[Slug] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what to change")
        return self


class UpdateMember(Body):
    """The member's new role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "admin"}]})

    role: GivenRole


class TokenSet(Answer):
    """What a client holds while signed in."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TOKENS]})

    access_token: str = Field(description="For `Authorization: Bearer`.")
    refresh_token: str = Field(description="For `token/refresh/`, once.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds for which the access token is good.")

    @classmethod
    def of(cls, tokens: SessionTokens) -> Self:
        """From the words of the use cases."""
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            token_type="Bearer",
            expires_in=tokens.expires_in_s,
        )


class UserRef(Answer):
    """A person."""

    id: int
    email: str


class TenantRef(Answer):
    """A tenant, in short."""

    id: int
    slug: str
    name: str

    @classmethod
    def of(cls, tenant: values.Tenant) -> Self:
        """From the words of the use cases."""
        return cls(id=tenant.id, slug=tenant.slug, name=tenant.name)


class SignUpResult(Answer):
    """The new account, its tenant, and tokens to go on with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user": examples.USER, "tenant": examples.TENANT, "tokens": examples.TOKENS}]}
    )

    user: UserRef
    tenant: TenantRef
    tokens: TokenSet

    @classmethod
    def of(cls, made: NewAccount) -> Self:
        """From the words of the use cases."""
        return cls(
            user=UserRef(id=made.account.id, email=made.account.email),
            tenant=TenantRef.of(made.tenant),
            tokens=TokenSet.of(made.tokens),
        )


class OwnTenant(TenantRef):
    """A tenant of the caller's."""

    is_test: bool
    role: Role


class Me(Answer):
    """The caller and their tenants."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.USER | {"tenants": [examples.OWN_TENANT]}]})

    id: int
    email: str
    tenants: list[OwnTenant]

    @classmethod
    def of(cls, account: values.Account, joined_tenants: Sequence[values.JoinedTenant]) -> Self:
        """From the words of the use cases."""
        tenants = [
            OwnTenant(
                id=item.tenant.id,
                slug=item.tenant.slug,
                name=item.tenant.name,
                is_test=item.tenant.is_test,
                role=item.role,
            )
            for item in joined_tenants
        ]
        return cls(id=account.id, email=account.email, tenants=tenants)


class TenantRead(TenantRef):
    """A tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TENANT_READ]})

    is_test: bool = Field(description="Whether the keys are `sk_test_…` and `pk_test_…`.")
    created_at: datetime

    @classmethod
    def of(cls, tenant: values.Tenant) -> Self:
        """From the words of the use cases."""
        return cls(
            id=tenant.id, slug=tenant.slug, name=tenant.name, is_test=tenant.is_test, created_at=tenant.created_at
        )


class MemberRead(Answer):
    """A member of a tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.MEMBER]})

    user_id: int
    email: str
    role: Role
    joined_at: datetime

    @classmethod
    def of(cls, member: values.Member) -> Self:
        """From the words of the use cases."""
        return cls(user_id=member.user_id, email=member.email, role=member.role, joined_at=member.joined_at)


class MemberList(Answer):
    """Members by rising user id."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.MEMBER], "next_cursor": examples.CURSOR}]}
    )

    items: list[MemberRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.Member]) -> Self:
        """From the words of the use cases."""
        return cls(items=[MemberRead.of(item) for item in page.items], next_cursor=page.next_cursor)


class AuditEntryRead(Answer):
    """Something that was done in the tenant."""

    number: int = Field(description="Counts from 1, without a gap.")
    at: datetime
    actor_id: int | None = Field(description="The person who did it; null when nobody was signed in.")
    action: str
    target: str
    details: dict[str, str]
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: values.AuditEntry) -> Self:
        """From the words of the use cases."""
        return cls(
            number=entry.number,
            at=entry.at,
            actor_id=entry.actor_id,
            action=entry.action,
            target=entry.target,
            details=dict(entry.details),
            previous_hash=entry.previous_hash,
            hash=entry.hash,
        )


class AuditLog(Answer):
    """Entries, newest first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.AUDIT_ENTRY], "next_cursor": examples.CURSOR}]}
    )

    items: list[AuditEntryRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.AuditEntry]) -> Self:
        """From the words of the use cases."""
        return cls(items=[AuditEntryRead.of(item) for item in page.items], next_cursor=page.next_cursor)
