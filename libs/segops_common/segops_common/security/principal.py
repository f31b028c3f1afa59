"""The authenticated caller of a request: a user with a role in each of their tenants, or an API key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from segops_common.core.problems import Forbidden, Unauthenticated
from segops_common.security.permissions import ROLE_SCOPES, KeyKind, Role, Scope

ANY_ORIGIN = "*"
"""In a list of origins: every origin."""
_SUBDOMAIN = re.compile(r"(https?://)[a-z0-9_-]{1,63}(\..+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPrincipal:
    """A user; `roles` has every tenant that they belong to, and `known_slugs` the slugs of those tenants."""

    user_id: int
    roles: Mapping[int, Role]
    known_slugs: Mapping[int, str] = field(default_factory=dict)
    session_id: int | None = field(default=None, compare=False)
    """The session that the access token belongs to. Auth sets it for its own routes; it says nothing of what is allowed."""

    @property
    def slugs(self) -> Mapping[int, str | None]:
        """The slug of each tenant that they belong to. None for a tenant whose slug is not known."""
        return {tenant: self.known_slugs.get(tenant) for tenant in self.roles}

    def tenant_with_slug(self, slug: str) -> int | None:
        """Return their tenant with this slug."""
        return _tenant_with_slug(self.slugs, slug)

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
class Session:
    """For whom a page or an app sends events with a session token."""

    uid: str
    is_anonymous: bool
    """Whether `uid` is the id of a visitor who is not signed in."""
    is_signed: bool = False
    """Whether a server has signed the id of the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPrincipal:
    """A program with an API key of one tenant, or with a session that such a key began."""

    key_id: int
    tenant_id: int
    scopes: frozenset[Scope]
    kind: KeyKind
    allowed_origins: frozenset[str] = frozenset()
    """The origins of web pages that may use a publishable key; empty for a secret one."""
    requires_signed_user_id: bool = False
    """Whether the key itself may not send events: it begins sessions for signed user ids."""
    session: Session | None = None
    """The session whose token was sent. None if the key itself was sent."""
    tenant_slug: str | None = None
    joins_unsigned_ids: bool = True
    """Whether the tenant lets a publishable key join ids that nobody signed."""

    @property
    def joins_ids(self) -> bool:
        """Whether an event of this sender with both ids joins them."""
        is_signed = self.session is not None and self.session.is_signed
        return self.kind is KeyKind.SECRET or is_signed or self.joins_unsigned_ids

    @property
    def slugs(self) -> Mapping[int, str | None]:
        """The slug of the key's tenant, by the tenant's id. None if it is not known."""
        return {self.tenant_id: self.tenant_slug}

    def tenant_with_slug(self, slug: str) -> int | None:
        """Return the key's tenant if it has this slug."""
        return _tenant_with_slug(self.slugs, slug)

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

    def require_key(self) -> None:
        """Raise Unauthenticated (api-key-required) for a session, which can only send events."""
        if self.session is not None:
            raise Unauthenticated(
                "A session token can only send events: send `Authorization: ApiKey <key>`.", slug="api-key-required"
            )

    def require_sender(self) -> None:
        """Raise Forbidden (session-required) for a key that requires signed user ids and was sent itself."""
        if self.requires_signed_user_id and self.session is None:
            raise Forbidden(
                "This key requires signed user ids: begin a session at `/api/auth/session/`, and send events with its "
                "token.",
                slug="session-required",
            )

    def require_secret(self) -> None:
        """Raise Forbidden (secret-key-required) for a publishable key, which anyone can read in a web page."""
        if self.kind is not KeyKind.SECRET:
            raise Forbidden("This route requires a secret key: call it from a server.", slug="secret-key-required")

    def require_session_key(self) -> None:
        """Raise Forbidden (publishable-key-required) for a secret key, which begins no sessions."""
        if self.kind is not KeyKind.PUBLISHABLE:
            raise Forbidden(
                "A session must be begun with a publishable key. A secret key sends events itself, from a server.",
                slug="publishable-key-required",
            )

    def require_page(self, origin: str) -> None:
        """Raise Forbidden (secret-key-in-page, origin-not-allowed) unless pages of this origin may use the key.

        `https://*.example.com` allows hosts with exactly one label before `example.com`.
        """
        self.require_publishable()
        subdomain = _SUBDOMAIN.fullmatch(origin)
        accepted = {ANY_ORIGIN} if "*" in origin else {ANY_ORIGIN, origin}
        if subdomain is not None:
            accepted.add(f"{subdomain[1]}*{subdomain[2]}")
        if accepted.isdisjoint(self.allowed_origins):
            raise Forbidden(
                "The key's `allowed_origins` must include the origin of the page.", slug="origin-not-allowed"
            )

    def tenants(self, scope: Scope) -> frozenset[int]:
        """Return the key's tenant if it has the scope, else an empty set."""
        return frozenset({self.tenant_id}) if scope in self.scopes else frozenset()


Principal = UserPrincipal | KeyPrincipal


def _tenant_with_slug(slugs: Mapping[int, str | None], slug: str) -> int | None:
    return next((tenant for tenant, its_slug in slugs.items() if its_slug == slug), None)


def tenant_mismatch() -> Forbidden:
    """Return the same error for a tenant of others and for one that does not exist, so that ids cannot be probed."""
    return Forbidden("The credential must belong to this tenant.", slug="tenant-mismatch")


def _insufficient_role(scope: Scope) -> Forbidden:
    return Forbidden(
        f"Your role in the tenant must have the scope `{scope}`: ask an admin or owner.", slug="insufficient-role"
    )
