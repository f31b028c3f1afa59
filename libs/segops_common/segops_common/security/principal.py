"""The authenticated caller of a request: a user with a role in each of their tenants, or an API key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segops_common.core.problems import Forbidden, Unauthenticated
from segops_common.security.permissions import ROLE_SCOPES, KeyKind, Role, Scope

ANY_ORIGIN = "*"
"""In a list of origins: every origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPrincipal:
    """A user; `roles` has every tenant that they belong to."""

    user_id: int
    roles: Mapping[int, Role]

    def require(self, tenant_id: int, scope: Scope) -> None:
        """Raise Forbidden: tenant-mismatch outside their tenants, insufficient-role when the role lacks the scope."""
        role = self.roles.get(tenant_id)
        if role is None:
            raise tenant_mismatch()
        if scope not in ROLE_SCOPES[role]:
            raise _insufficient_role(scope)

    def require_scope(self, scope: Scope) -> None:
        """Raise Forbidden (insufficient-role) when none of the roles has the scope."""
        if not self.tenants(scope):
            raise _insufficient_role(scope)

    def require_kind(self, kind: type[UserPrincipal] | type[KeyPrincipal]) -> None:
        """Raise Unauthenticated when the route does not accept this kind of credential."""
        if kind is not UserPrincipal:
            raise Unauthenticated(
                "This route requires an API key: send `Authorization: ApiKey <key>`.", slug="api-key-required"
            )

    def tenants(self, scope: Scope) -> frozenset[int]:
        """Return the tenants in which the user has the scope."""
        return frozenset(tenant for tenant, role in self.roles.items() if scope in ROLE_SCOPES[role])


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPrincipal:
    """A program with an API key of one tenant."""

    key_id: int
    tenant_id: int
    scopes: frozenset[Scope]
    kind: KeyKind
    allowed_origins: frozenset[str] = frozenset()
    """The origins of web pages that may use a publishable key; empty for a secret one."""

    def require(self, tenant_id: int, scope: Scope) -> None:
        """Raise Forbidden: tenant-mismatch for another tenant, insufficient-scope when the key lacks the scope."""
        if tenant_id != self.tenant_id:
            raise tenant_mismatch()
        self.require_scope(scope)

    def require_scope(self, scope: Scope) -> None:
        """Raise Forbidden (insufficient-scope) when the key lacks the scope."""
        if scope not in self.scopes:
            raise Forbidden(f"The API key must have the scope `{scope}`.", slug="insufficient-scope")

    def require_kind(self, kind: type[UserPrincipal] | type[KeyPrincipal]) -> None:
        """Raise Unauthenticated when the route does not accept this kind of credential."""
        if kind is not KeyPrincipal:
            raise Unauthenticated(
                "This route requires a user's access token: send `Authorization: Bearer <access token>`.",
                slug="access-token-required",
            )

    def require_publishable(self) -> None:
        """Raise Forbidden (secret-key-in-page) for a secret key, which must never be in a web page."""
        if self.kind is not KeyKind.PUBLISHABLE:
            raise Forbidden(
                "A secret key must not be used in a web page, where anyone can read it. Rotate this key, and use a "
                "publishable key in pages.",
                slug="secret-key-in-page",
            )

    def require_secret(self) -> None:
        """Raise Forbidden (secret-key-required) for a publishable key, which anyone can read in a web page."""
        if self.kind is not KeyKind.SECRET:
            raise Forbidden("This route requires a secret key: call it from a server.", slug="secret-key-required")

    def require_page(self, origin: str) -> None:
        """Raise Forbidden (secret-key-in-page, origin-not-allowed) unless pages of this origin may use the key."""
        self.require_publishable()
        if origin not in self.allowed_origins and ANY_ORIGIN not in self.allowed_origins:
            raise Forbidden(
                "The key's `allowed_origins` must include the origin of the page.", slug="origin-not-allowed"
            )

    def tenants(self, scope: Scope) -> frozenset[int]:
        """Return the key's tenant if it has the scope, else an empty set."""
        return frozenset({self.tenant_id}) if scope in self.scopes else frozenset()


Principal = UserPrincipal | KeyPrincipal


def tenant_mismatch() -> Forbidden:
    """Return the same error for a tenant of others and for one that does not exist, so that ids cannot be probed."""
    return Forbidden("The credential must belong to this tenant.", slug="tenant-mismatch")


def _insufficient_role(scope: Scope) -> Forbidden:
    return Forbidden(
        f"Your role in the tenant must have the scope `{scope}`: ask an admin or owner.", slug="insufficient-role"
    )
