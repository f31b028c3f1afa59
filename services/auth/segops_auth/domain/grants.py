"""Who may do what to whom in a tenant."""

from __future__ import annotations

from collections.abc import Iterable

from segops_common.core.problems import Fault, Forbidden, ValidationFailed
from segops_common.security.permissions import DEFAULT_KEY_SCOPES, KEY_SCOPES, ROLE_SCOPES, KeyKind, Role, Scope


def check_grant(actor: Role, *roles: Role) -> None:
    """Raises Forbidden unless the actor's role covers each: nobody gives, takes or changes more than they have."""
    if not all(actor.covers(role) for role in roles):
        raise Forbidden("Your role does not cover that role.", slug="insufficient-role")


def key_scopes(actor: Role, kind: KeyKind, asked: Iterable[Scope] | None) -> frozenset[Scope]:
    """What a new key will hold.

    Raises Forbidden for a scope beyond the actor's role, ValidationFailed for one that no key of that kind holds.
    """
    scopes = DEFAULT_KEY_SCOPES[kind] if asked is None else frozenset(asked)
    if not scopes <= ROLE_SCOPES[actor]:
        raise Forbidden("A key cannot do what your role may not do.", slug="insufficient-role")
    beyond = sorted(scopes - KEY_SCOPES[kind])
    if beyond:
        fault = Fault("scopes", "scope-not-allowed", f"a {kind} key cannot hold {', '.join(beyond)}")
        raise ValidationFailed("A key of this kind cannot hold these scopes.", errors=[fault])
    return scopes
