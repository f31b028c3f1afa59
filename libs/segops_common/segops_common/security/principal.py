"""The caller of a request, once known: a person with a role in each of their tenants, or a program's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segops_common.core.problems import Forbidden, Unauthenticated
from segops_common.security.permissions import ROLE_SCOPES, KeyKind, Role, Scope

ANY_ORIGIN = "*"
"""In place of a list of origins: a page of any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPrincipal:
    """A person; `roles` holds every tenant they belong to."""

    user_id: int
    roles: Mapping[int, Role]

    def require(self, tenant_id: int, scope: Scope) -> None:
        """Raises Forbidden: tenant-mismatch when not of that tenant, insufficient-role when the role is too low."""
        role = self.roles.get(tenant_id)
        if role is None:
            raise tenant_mismatch()
        if scope not in ROLE_SCOPES[role]:
            raise _insufficient_role(scope)

    def require_scope(self, scope: Scope) -> None:
        """Raises Forbidden (insufficient-role) when no tenant's role holds the scope."""
        if not self.tenants(scope):
            raise _insufficient_role(scope)

    def require_kind(self, kind: type[UserPrincipal] | type[KeyPrincipal]) -> None:
        """Raises Unauthenticated when this kind of credential is not taken here."""
        if kind is not UserPrincipal:
            raise Unauthenticated("This route takes an API key.", slug="api-key-required")

    def tenants(self, scope: Scope) -> frozenset[int]:
        """The tenants in which the scope is held."""
        return frozenset(tenant for tenant, role in self.roles.items() if scope in ROLE_SCOPES[role])


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPrincipal:
    """A program that holds an API key of one tenant."""

    key_id: int
    tenant_id: int
    scopes: frozenset[Scope]
    kind: KeyKind
    allowed_origins: frozenset[str] = frozenset()
    """Whose web pages may use a publishable key; empty for a secret one."""

    def require(self, tenant_id: int, scope: Scope) -> None:
        """Raises Forbidden: tenant-mismatch when not of that tenant, insufficient-scope when the key lacks it."""
        if tenant_id != self.tenant_id:
            raise tenant_mismatch()
        self.require_scope(scope)

    def require_scope(self, scope: Scope) -> None:
        """Raises Forbidden (insufficient-scope) when the key lacks it."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs a key with the scope {scope}.", slug="insufficient-scope")

    def require_kind(self, kind: type[UserPrincipal] | type[KeyPrincipal]) -> None:
        """Raises Unauthenticated when this kind of credential is not taken here."""
        if kind is not KeyPrincipal:
            raise Unauthenticated("This route takes a person's access token.", slug="access-token-required")

    def require_publishable(self) -> None:
        """Raises Forbidden (secret-key-in-page) for a key that must never be in a web page."""
        if self.kind is not KeyKind.PUBLISHABLE:
            raise Forbidden(
                "A secret key came from a web page, where anybody can read it. Use a publishable key there, and rotate "
                "this one.",
                slug="secret-key-in-page",
            )

    def require_page(self, origin: str) -> None:
        """Raises Forbidden (secret-key-in-page, origin-not-allowed) unless pages of this origin may use the key."""
        self.require_publishable()
        if origin not in self.allowed_origins and ANY_ORIGIN not in self.allowed_origins:
            raise Forbidden("The key's allowed_origins do not name the page's origin.", slug="origin-not-allowed")

    def tenants(self, scope: Scope) -> frozenset[int]:
        """The key's tenant when it holds the scope, else nothing."""
        return frozenset({self.tenant_id}) if scope in self.scopes else frozenset()


Principal = UserPrincipal | KeyPrincipal


def tenant_mismatch() -> Forbidden:
    """One answer for a tenant of others and for one that does not exist, so that nobody can tell which."""
    return Forbidden("The credential is not of this tenant.", slug="tenant-mismatch")


def _insufficient_role(scope: Scope) -> Forbidden:
    return Forbidden(f"This needs a role with the scope {scope}.", slug="insufficient-role")
