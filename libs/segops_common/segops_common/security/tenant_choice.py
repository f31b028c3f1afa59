"""The tenant of a request: named by id or slug, or the only one that the caller has."""

from __future__ import annotations

from dataclasses import dataclass

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal, tenant_mismatch


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantChoice:
    """What a request says about its tenant. `place` precedes the names of its fields in faults: `query.` or nothing.

    Every method raises Forbidden as `Principal.require` does, and ValidationFailed if id and slug differ.
    """

    tenant: int | None
    slug: str | None
    place: str = ""

    def named(self, caller: Principal, *scopes: Scope) -> int | None:
        """Return the tenant that the request names; the caller must have the scopes in it. None if it names none."""
        tenant = self._tenant(caller)
        if tenant is not None:
            for scope in scopes:
                caller.require(tenant, scope)
        return tenant

    def only(self, caller: Principal, *scopes: Scope) -> int | None:
        """Return the tenant that the request names, else the caller's only one. None if the caller has several."""
        if self.tenant is None and self.slug is None and len(caller.slugs) == 1:
            return TenantChoice(tenant=next(iter(caller.slugs)), slug=None).named(caller, *scopes)
        return self.named(caller, *scopes)

    def required(self, caller: Principal, *scopes: Scope) -> int:
        """Return the tenant as `only` does. Raises ValidationFailed for a caller with several."""
        tenant = self.only(caller, *scopes)
        if tenant is None:
            detail = "required for a member of several tenants: pass `tenant` or `tenant_slug`"
            fault = Fault(f"{self.place}tenant", "missing", detail)
            raise ValidationFailed("The request must name a tenant: pass `tenant` or `tenant_slug`.", errors=[fault])
        return tenant

    def _tenant(self, caller: Principal) -> int | None:
        if self.slug is None:
            return self.tenant
        tenant = caller.tenant_with_slug(self.slug)
        if self.tenant is None or self.tenant == tenant:
            if tenant is None:
                raise tenant_mismatch()
            return tenant
        if self.tenant not in caller.slugs:
            raise tenant_mismatch()
        fault = Fault(f"{self.place}tenant_slug", "not-allowed", "must be the slug of `tenant`: leave one of them out")
        raise ValidationFailed("`tenant` and `tenant_slug` must name the same tenant.", errors=[fault])
