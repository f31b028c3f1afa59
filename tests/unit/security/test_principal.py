"""What a caller may do, and the errors when they may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from segops_common.core.problems import Forbidden, Unauthenticated
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import ANY_ORIGIN, KeyPrincipal, UserPrincipal

ADA = UserPrincipal(user_id=7, roles={1: Role.OWNER, 2: Role.VIEWER})
SENDER = KeyPrincipal(key_id=3, tenant_id=1, scopes=frozenset({Scope.EVENTS_WRITE}), kind=KeyKind.SECRET)


def slug_of(act: Callable[[], None]) -> str:
    with pytest.raises(Forbidden) as refused:
        act()
    return refused.value.slug


def test_a_role_counts_in_its_own_tenant_only() -> None:
    ADA.require(1, Scope.TENANT_MANAGE)
    ADA.require(2, Scope.SEGMENTS_READ)
    assert slug_of(lambda: ADA.require(2, Scope.SEGMENTS_WRITE)) == "insufficient-role"
    assert ADA.tenants(Scope.SEGMENTS_READ) == {1, 2}
    assert ADA.tenants(Scope.SEGMENTS_WRITE) == {1}


@pytest.mark.parametrize("caller", [ADA, SENDER])
def test_a_tenant_of_others_and_none_are_refused_alike(caller: UserPrincipal | KeyPrincipal) -> None:
    texts = set()
    for tenant in (3, 2**62, 0, -1):
        with pytest.raises(Forbidden) as refused:
            caller.require(tenant, Scope.EVENTS_WRITE)
        texts.add((refused.value.slug, refused.value.detail))
    assert texts == {("tenant-mismatch", "The credential must belong to this tenant.")}


def test_a_key_does_what_its_scopes_say() -> None:
    SENDER.require(1, Scope.EVENTS_WRITE)
    assert slug_of(lambda: SENDER.require(1, Scope.MEMBERSHIP_READ)) == "insufficient-scope"
    assert SENDER.tenants(Scope.EVENTS_WRITE) == {1}
    assert SENDER.tenants(Scope.MEMBERSHIP_READ) == frozenset()


def test_a_scope_without_a_tenant_needs_it_in_some_tenant() -> None:
    ADA.require_scope(Scope.TENANT_MANAGE)
    SENDER.require_scope(Scope.EVENTS_WRITE)
    nobody = UserPrincipal(user_id=8, roles={})
    assert slug_of(lambda: nobody.require_scope(Scope.EVENTS_READ)) == "insufficient-role"
    assert slug_of(lambda: SENDER.require_scope(Scope.EVENTS_READ)) == "insufficient-scope"


def test_the_other_kind_of_credential_is_no_credential() -> None:
    ADA.require_kind(UserPrincipal)
    SENDER.require_kind(KeyPrincipal)
    for caller, kind in ((ADA, KeyPrincipal), (SENDER, UserPrincipal)):
        with pytest.raises(Unauthenticated):
            caller.require_kind(kind)


def page_key(*origins: str) -> KeyPrincipal:
    return KeyPrincipal(
        key_id=4,
        tenant_id=1,
        scopes=frozenset({Scope.EVENTS_WRITE}),
        kind=KeyKind.PUBLISHABLE,
        allowed_origins=frozenset(origins),
    )


def test_a_key_is_for_the_pages_that_it_names() -> None:
    key = page_key("https://www.example.com", "http://localhost:3000")
    key.require_page("https://www.example.com")
    key.require_page("http://localhost:3000")
    for origin in (
        "https://example.com",
        "http://www.example.com",
        "https://www.example.com:8443",
        "https://www.example.com.evil.test",
        "https://WWW.example.com",
        "https://www.example.com,http://localhost:3000",
        "null",
        "*",
        "",
        "x" * 10_000,
        "https://w\xfc.example",
    ):
        assert slug_of(lambda origin=origin: key.require_page(origin)) == "origin-not-allowed"  # type: ignore[misc]


def test_a_pattern_is_for_hosts_with_exactly_one_label_more() -> None:
    key = page_key("https://*.shop.example", "https://*.b.example:8443", "http://*.localhost:3000")
    for origin in (
        "https://a.shop.example",
        "https://a-1_b.shop.example",
        "https://x.b.example:8443",
        "http://app.localhost:3000",
    ):
        key.require_page(origin)
    for origin in (
        "https://shop.example",
        "https://a.b.shop.example",
        "https://.shop.example",
        "https://*.shop.example",
        "http://a.shop.example",
        "https://a.shop.example:8443",
        "https://x.b.example",
        "https://a.shop.example.evil.test",
        "https://a.evil.test/.shop.example",
        "https://evil.test?a.shop.example",
        "https://ashop.example",
        "https://A.shop.example",
        "https://x@a.shop.example",
        f"https://{'a' * 64}.shop.example",
        "a.shop.example",
    ):
        assert slug_of(lambda origin=origin: key.require_page(origin)) == "origin-not-allowed"  # type: ignore[misc]


def test_without_a_list_no_page_may_and_with_a_star_every_one() -> None:
    assert slug_of(lambda: page_key().require_page("https://www.example.com")) == "origin-not-allowed"
    for origin in ("https://www.example.com", "null", ""):
        page_key(ANY_ORIGIN).require_page(origin)


def test_a_secret_key_is_for_no_page() -> None:
    assert slug_of(lambda: SENDER.require_page("https://www.example.com")) == "secret-key-in-page"
    assert slug_of(SENDER.require_publishable) == "secret-key-in-page"
    page_key().require_publishable()
