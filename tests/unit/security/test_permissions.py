"""What roles and keys may do."""

from __future__ import annotations

import itertools

import pytest

from segops_common.security.permissions import DEFAULT_KEY_SCOPES, KEY_SCOPES, ROLE_SCOPES, KeyKind, Role, Scope

RANKED = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER)


def test_each_role_may_more_than_the_next() -> None:
    for higher, lower in itertools.pairwise(RANKED):
        assert ROLE_SCOPES[higher] > ROLE_SCOPES[lower]
        assert higher.covers(lower)
        assert not lower.covers(higher)


def test_an_owner_may_everything() -> None:
    assert ROLE_SCOPES[Role.OWNER] == frozenset(Scope)


@pytest.mark.parametrize("scope", [Scope.KEYS_MANAGE, Scope.MEMBERS_MANAGE, Scope.TENANT_MANAGE, Scope.AUDIT_READ])
@pytest.mark.parametrize("kind", list(KeyKind))
def test_no_key_manages_a_tenant(kind: KeyKind, scope: Scope) -> None:
    assert scope not in KEY_SCOPES[kind]


def test_a_publishable_key_only_writes() -> None:
    assert KEY_SCOPES[KeyKind.PUBLISHABLE] == {Scope.EVENTS_WRITE}


def test_a_secret_key_may_do_everything_with_data_unless_it_is_narrowed() -> None:
    assert DEFAULT_KEY_SCOPES[KeyKind.SECRET] == {
        Scope.EVENTS_WRITE,
        Scope.EVENTS_READ,
        Scope.SEGMENTS_READ,
        Scope.SEGMENTS_WRITE,
        Scope.MEMBERSHIP_READ,
        Scope.PROFILES_READ,
    }
    assert DEFAULT_KEY_SCOPES[KeyKind.PUBLISHABLE] == {Scope.EVENTS_WRITE}
    for kind in KeyKind:
        assert DEFAULT_KEY_SCOPES[kind] <= KEY_SCOPES[kind]
