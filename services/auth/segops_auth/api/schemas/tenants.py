"""Bodies of tenants, members and audit logs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import MAX_ID, Name, NewRole, RequestBody, ResponseBody, Slug
from segops_auth.domain import values
from segops_auth.service.tenants import SlugCheck
from segops_common.security.permissions import Role
from segops_common.web.fields import ListResponse, Optional, list_example


class CreateTenant(RequestBody):
    """A tenant that the caller will own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Acme", "slug": "acme"},
                {"name": "Acme, tests", "slug": "acme-test", "is_test": True, "test_of": 7},
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
    test_of: Optional[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(
        default=None,
        description="The id of a live tenant that the caller owns: test events that its members and keys publish go to the new "
        "tenant. Requires `is_test`. A tenant has at most one such test tenant.",
    )

    @model_validator(mode="after")
    def _is_test_of(self) -> Self:
        if self.test_of is not None and not self.is_test:
            raise ValueError("`is_test` must be true with `test_of`")
        return self


class SlugAvailability(ResponseBody):
    """Whether a new tenant can have a slug."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slug": "acme",
                    "available": False,
                    "suggestion": "acme-2",
                    "fault": "must not be the slug of another tenant",
                }
            ]
        }
    )

    slug: str
    available: bool
    suggestion: str | None = Field(description="A similar slug that is available. Null if the slug is, or if none is.")
    fault: str | None = Field(description="Why the slug cannot be used. Null if it can.")

    @classmethod
    def of(cls, check: SlugCheck) -> Self:
        """Convert from the domain."""
        return cls(slug=check.slug, available=check.fault is None, suggestion=check.suggestion, fault=check.fault)


class UpdateTenant(RequestBody):
    """The fields to change. Fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Acme Incorporated"}], "minProperties": 1})

    name: Optional[Name] = None
    slug: Optional[Slug] = None
    join_unsigned_ids: Optional[bool] = Field(
        default=None,
        description="Whether events of publishable keys join an anonymous id to a user that nobody signed. Events that are stored"
        " already keep what they joined.",
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must contain `name`, `slug` or `join_unsigned_ids`")
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
    test_tenant: int | None = Field(description="The test tenant that gets the tenant's test events, null without one.")
    join_unsigned_ids: bool = Field(
        description="Whether events of publishable keys join an anonymous id to a user that nobody signed."
    )
    created_at: datetime

    @classmethod
    def of(cls, tenant: values.Tenant) -> Self:
        """Convert from the domain."""
        return cls(
            id=tenant.id,
            slug=tenant.slug,
            name=tenant.name,
            join_unsigned_ids=tenant.joins_unsigned_ids,
            is_test=tenant.is_test,
            test_tenant=tenant.test_tenant_id,
            created_at=tenant.created_at,
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


class MemberList(ListResponse[MemberRead]):
    """Members by ascending user id."""

    model_config = list_example("/api/auth/tenants/1/members/", examples.MEMBER)


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


class AuditLog(ListResponse[AuditEntryRead]):
    """Entries, newest first."""

    model_config = list_example("/api/auth/tenants/1/audit-log/", examples.AUDIT_ENTRY)
