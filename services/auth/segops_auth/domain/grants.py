"""What a member may grant to others: roles to members, and scopes to API keys. No member grants more than they have."""

from __future__ import annotations

from collections.abc import Iterable

from segops_common.core.problems import Fault, Forbidden, ValidationFailed
from segops_common.security.permissions import DEFAULT_KEY_SCOPES, KEY_SCOPES, ROLE_SCOPES, KeyKind, Role, Scope


def check_grant(actor: Role, *roles: Role) -> None:
    """Raise Forbidden unless the actor's role covers every one of the roles that they give, change or take away."""
    if not all(actor.covers(role) for role in roles):
        raise Forbidden(
            "Your role must be at least as high as each role that you give, change or remove.", slug="insufficient-role"
        )


def key_scopes(actor: Role, kind: KeyKind, requested: Iterable[Scope] | None) -> frozenset[Scope]:
    """Return the scopes of a new key: the requested ones, or the defaults for None.

    Raises Forbidden for a scope that the actor's role lacks, ValidationFailed for one that keys of this kind never have.
    """
    scopes = DEFAULT_KEY_SCOPES[kind] if requested is None else frozenset(requested)
    if not scopes <= ROLE_SCOPES[actor]:
        raise Forbidden("A key must not have a scope that your role lacks.", slug="insufficient-role")
    beyond = sorted(scopes - KEY_SCOPES[kind])
    if beyond:
        fault = Fault("scopes", "scope-not-allowed", f"must not contain {', '.join(beyond)} for a {kind} key")
        raise ValidationFailed(f"A {kind} key must not have these scopes: see `errors`.", errors=[fault])
    return scopes
