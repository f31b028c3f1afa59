"""Who may give which role, and what a key may get."""

from __future__ import annotations

import itertools

import pytest

from segops_auth.domain.grants import check_grant, key_scopes
from segops_common.core.problems import Forbidden, ValidationFailed
from segops_common.security.permissions import DEFAULT_KEY_SCOPES, KeyKind, Role, Scope

RANK = {Role.OWNER: 3, Role.ADMIN: 2, Role.MEMBER: 1, Role.VIEWER: 0}


@pytest.mark.parametrize(("actor", "present", "wished"), list(itertools.product(Role, Role, Role)))
def test_nobody_reaches_above_themselves(actor: Role, present: Role, wished: Role) -> None:
    if max(RANK[present], RANK[wished]) <= RANK[actor]:
        check_grant(actor, present, wished)
        return
    with pytest.raises(Forbidden) as refused:
        check_grant(actor, present, wished)
    assert refused.value.slug == "insufficient-role"


def test_without_scopes_a_key_gets_the_usual_ones() -> None:
    assert key_scopes(Role.ADMIN, KeyKind.SECRET, None) == DEFAULT_KEY_SCOPES[KeyKind.SECRET]
    assert key_scopes(Role.ADMIN, KeyKind.PUBLISHABLE, None) == {Scope.EVENTS_WRITE}


def test_a_scope_beyond_the_makers_role_is_forbidden() -> None:
    for role, scope in ((Role.VIEWER, Scope.EVENTS_WRITE), (Role.ADMIN, Scope.TENANT_MANAGE)):
        with pytest.raises(Forbidden):
            key_scopes(role, KeyKind.SECRET, [scope])


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        (KeyKind.SECRET, Scope.KEYS_MANAGE),
        (KeyKind.SECRET, Scope.TENANT_MANAGE),
        (KeyKind.PUBLISHABLE, Scope.EVENTS_READ),
        (KeyKind.PUBLISHABLE, Scope.MEMBERSHIP_READ),
    ],
)
def test_a_scope_that_no_such_key_holds_is_not_valid(kind: KeyKind, scope: Scope) -> None:
    with pytest.raises(ValidationFailed) as refused:
        key_scopes(Role.OWNER, kind, [Scope.EVENTS_WRITE, scope])
    assert refused.value.errors[0].path == "scopes"
    assert scope.value in refused.value.errors[0].detail
