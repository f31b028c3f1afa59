"""Bodies of tenants, members and audit logs."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import Name, NewRole, RequestBody, ResponseBody, Slug
from segops_auth.domain import values
from segops_common.core.pagination import Page
from segops_common.security.permissions import Role
from segops_common.web.fields import Optional


class CreateTenant(RequestBody):
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
        default=False,
        description="Whether the tenant holds test data only. Its keys start with `sk_test_` and `pk_test_`. "
        "This cannot be changed later.",
    )


class UpdateTenant(RequestBody):
    """The fields to change. Fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Acme Incorporated"}], "minProperties": 1})

    name: Optional[Name] = None
    slug: Optional[Slug] = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must contain `name` or `slug`")
        return self


class UpdateMember(RequestBody):
    """The member's new role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "admin"}]})

    role: NewRole


class TenantRef(ResponseBody):
    """A tenant in short."""

    id: int
    slug: str
    name: str

    @classmethod
    def of(cls, tenant: values.Tenant) -> Self:
        """Convert from the domain."""
        return cls(id=tenant.id, slug=tenant.slug, name=tenant.name)


class TenantRead(TenantRef):
    """A tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TENANT_READ]})

    is_test: bool = Field(description="Whether the tenant's keys start with `sk_test_` and `pk_test_`.")
    created_at: datetime

    @classmethod
    def of(cls, tenant: values.Tenant) -> Self:
        """Convert from the domain."""
        return cls(
            id=tenant.id, slug=tenant.slug, name=tenant.name, is_test=tenant.is_test, created_at=tenant.created_at
        )


class MemberRead(ResponseBody):
    """A member of a tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.MEMBER]})

    user_id: int
    email: str
    role: Role
    joined_at: datetime

    @classmethod
    def of(cls, member: values.Member) -> Self:
        """Convert from the domain."""
        return cls(user_id=member.user_id, email=member.email, role=member.role, joined_at=member.joined_at)


class MemberList(ResponseBody):
    """Members by ascending user id."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.MEMBER], "next_cursor": examples.CURSOR}]}
    )

    items: list[MemberRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.Member]) -> Self:
        """Convert from the domain."""
        return cls(items=[MemberRead.of(item) for item in page.items], next_cursor=page.next_cursor)


class AuditEntryRead(ResponseBody):
    """An entry of the tenant's audit log."""

    number: int = Field(description="Starts at 1 and has no gaps.")
    at: datetime
    actor_id: int | None = Field(description="The user who acted, or null if no user was signed in.")
    action: str
    target: str
    details: dict[str, str]
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: values.AuditEntry) -> Self:
        """Convert from the domain."""
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


class AuditLog(ResponseBody):
    """Entries, newest first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.AUDIT_ENTRY], "next_cursor": examples.CURSOR}]}
    )

    items: list[AuditEntryRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.AuditEntry]) -> Self:
        """Convert from the domain."""
        return cls(items=[AuditEntryRead.of(item) for item in page.items], next_cursor=page.next_cursor)
