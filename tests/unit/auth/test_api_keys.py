"""API keys: created, listed, given origins, rotated, revoked and introspected, by every role."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from segops_auth.domain.values import ApiKey, KeySecret
from segops_auth.service.api_keys import IntrospectedKey
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import Problem, ValidationFailed
from segops_common.security.api_keys import looks_valid
from segops_common.security.permissions import DEFAULT_KEY_SCOPES, KEY_SCOPES, ROLE_SCOPES, KeyKind, Role, Scope
from tests.unit.auth.harness import START, MemoryAuth, User, slug_of

DAY = timedelta(days=1)
MANAGERS = {role for role in Role if Scope.KEYS_MANAGE in ROLE_SCOPES[role]}
ORIGINS = ("https://www.example.com",)


async def create(
    memory: MemoryAuth,
    actor: User,
    kind: KeyKind = KeyKind.SECRET,
    scopes: list[Scope] | None = None,
    origins: tuple[str, ...] = (),
) -> tuple[ApiKey, str]:
    return await memory.auth.api_keys.create(
        actor.tenant.id, actor.id, name="web", kind=kind, scopes=scopes, allowed_origins=origins
    )


def working(memory: MemoryAuth, key: ApiKey, secret: str, owner: User) -> IntrospectedKey:
    stored = KeySecret(key=key, works_until=None, hashes=(memory.secrets.hash(secret),))
    return IntrospectedKey(secret=stored, tenant_slug=owner.tenant.slug, joins_unsigned_ids=True, remaining_s=None)


async def is_active(memory: MemoryAuth, secret: str) -> bool:
    return await memory.auth.api_keys.introspect(secret) is not None


def test_owners_and_admins_manage_keys() -> None:
    assert {Role.OWNER, Role.ADMIN} == MANAGERS


async def test_a_key_is_created_with_a_secret_that_is_not_stored(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, secret = await create(memory, ada)
    assert looks_valid(secret)
    assert secret.startswith("sk_live_")
    assert (key.last_four, key.created_by, key.created_at) == (secret[-4:], ada.id, START)
    assert key.scopes == DEFAULT_KEY_SCOPES[KeyKind.SECRET]
    assert (key.last_used_at, key.previous_secret_until) == (None, None)
    assert await memory.auth.api_keys.introspect(secret) == working(memory, key, secret, ada)
    entry = (await memory.audit_log(ada.tenant))[-1]
    assert (entry.action, entry.actor_id, entry.target) == ("api_key.created", ada.id, f"api_key:{key.id}")
    assert entry.details == {"name": "web", "kind": "secret", "scopes": " ".join(sorted(key.scopes))}


async def test_a_stored_key_keeps_the_scopes_that_it_was_created_with(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    before = {Scope.EVENTS_WRITE, Scope.MEMBERSHIP_READ}
    key, _ = await create(memory, ada, scopes=sorted(before))
    key, secret = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY)
    introspected = await memory.auth.api_keys.introspect(secret)
    assert introspected is not None
    assert key.scopes == introspected.key.scopes == before


async def test_a_publishable_key_sends_events_from_its_origins(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, secret = await create(memory, ada, KeyKind.PUBLISHABLE, origins=ORIGINS)
    assert secret.startswith("pk_live_")
    assert key.scopes == {Scope.EVENTS_WRITE}
    assert key.allowed_origins == ORIGINS
    assert (await memory.audit_log(ada.tenant))[-1].details["allowed_origins"] == ORIGINS[0]


@pytest.mark.parametrize(("kind", "prefix"), [(KeyKind.SECRET, "sk_test_"), (KeyKind.PUBLISHABLE, "pk_test_")])
async def test_the_keys_of_a_test_tenant_have_their_own_prefix(memory: MemoryAuth, kind: KeyKind, prefix: str) -> None:
    ada = await memory.sign_up()
    tenant = await memory.auth.tenants.create(ada.id, slug="tests", name="Tests", is_test=True)
    key, secret = await create(memory, replace(ada, tenant=tenant), kind)
    _, rotated = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY)
    assert [text[:8] for text in (secret, rotated)] == [prefix] * 2


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("role", sorted(MANAGERS))
async def test_a_key_holds_no_scope_beyond_its_kind_and_its_creator(
    memory: MemoryAuth, role: Role, scope: Scope
) -> None:
    actor = await memory.member_of(await memory.sign_up(), role)
    call = create(memory, actor, scopes=[scope])
    if scope not in ROLE_SCOPES[role]:
        assert await slug_of(call) == "insufficient-role"
    elif scope in KEY_SCOPES[KeyKind.SECRET]:
        key, _ = await call
        assert key.scopes == {scope}
    else:
        with pytest.raises(ValidationFailed) as refusal:
            await call
        assert [fault.path for fault in refusal.value.errors] == ["scopes"]


async def test_a_secret_key_has_no_origins(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    with pytest.raises(ValidationFailed) as refusal:
        await create(memory, ada, origins=ORIGINS)
    assert [fault.path for fault in refusal.value.errors] == ["allowed_origins"]
    key, _ = await create(memory, ada)
    assert await slug_of(memory.auth.api_keys.change(key.id, ada.id, allowed_origins=ORIGINS)) == "validation-failed"


@pytest.mark.parametrize("role", Role)
async def test_who_may_manage_keys(memory: MemoryAuth, role: Role) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, role)
    key, secret = await create(memory, ada, KeyKind.PUBLISHABLE)
    keys = memory.auth.api_keys
    calls = [
        keys.list_active(ada.tenant.id, actor.id, PageQuery(limit=10)),
        create(memory, actor),
        keys.change(key.id, actor.id, allowed_origins=ORIGINS),
        keys.rotate(key.id, actor.id, overlap=DAY),
        keys.revoke(key.id, actor.id),
    ]
    if role in MANAGERS:
        for call in calls:
            await call
        assert not await is_active(memory, secret)
    else:
        assert [await slug_of(call) for call in calls] == ["insufficient-role"] * 5
        assert await is_active(memory, secret)
        assert memory.cache_invalidation.messages == []


async def test_the_key_of_another_tenant_looks_absent(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    key, secret = await create(memory, ada, KeyKind.PUBLISHABLE)
    details = set()
    for key_id in (key.id, 2**62, 0, -1):
        for call in (
            memory.auth.api_keys.change(key_id, eve.id, allowed_origins=ORIGINS),
            memory.auth.api_keys.rotate(key_id, eve.id, overlap=DAY),
            memory.auth.api_keys.revoke(key_id, eve.id),
        ):
            with pytest.raises(Problem) as refusal:
                await call
            details.add((refusal.value.slug, refusal.value.detail))
    assert len(details) == 1
    assert details.pop()[0] == "not-found"
    assert await memory.auth.api_keys.introspect(secret) == working(memory, key, secret, ada)


async def test_keys_of_a_tenant_of_others_are_not_listed_or_created(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    for tenant in (ada.tenant, replace(ada.tenant, id=2**62)):
        listing = memory.auth.api_keys.list_active(tenant.id, eve.id, PageQuery(limit=10))
        assert await slug_of(listing) == "not-found"
        assert await slug_of(create(memory, replace(eve, tenant=tenant))) == "not-found"


async def test_keys_come_in_pages_without_the_revoked(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    keys = [(await create(memory, ada))[0] for _ in range(6)]
    await memory.auth.api_keys.revoke(keys[1].id, ada.id)
    listed: list[int] = []
    cursor: str | None = None
    for _ in range(3):
        page = await memory.auth.api_keys.list_active(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor))
        listed += [key.id for key in page.results]
        cursor = page.next_cursor
    assert (listed, cursor) == ([key.id for key in keys if key is not keys[1]], None)


@pytest.mark.parametrize("cursor", ["x", "WzFd0", "WyJhIl0", "WzEsMl0", "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", "Wy0xXQ"])
async def test_an_invented_cursor_is_refused(memory: MemoryAuth, cursor: str) -> None:
    ada = await memory.sign_up()
    listing = memory.auth.api_keys.list_active(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor))
    assert await slug_of(listing) == "invalid-cursor"


async def test_origins_are_replaced_everywhere(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, secret = await create(memory, ada, KeyKind.PUBLISHABLE, origins=ORIGINS)
    changed, _ = await memory.auth.api_keys.change(
        key.id, ada.id, allowed_origins=("https://b.example", "https://a.example")
    )
    assert changed == replace(key, allowed_origins=("https://b.example", "https://a.example"))
    assert await memory.auth.api_keys.introspect(secret) == working(memory, changed, secret, ada)
    assert memory.cache_invalidation.messages == [f"key:{key.id}"]
    assert (await memory.audit_log(ada.tenant))[-1].details["allowed_origins"] == "https://b.example https://a.example"


async def test_after_a_rotation_both_secrets_work_until_the_overlap_ends(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, first = await create(memory, ada)
    rotated, second = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY)
    assert rotated == replace(key, last_four=second[-4:], previous_secret_until=START + DAY)
    assert [await is_active(memory, secret) for secret in (first, second)] == [True, True]
    memory.clock.advance(DAY.total_seconds())
    assert [await is_active(memory, secret) for secret in (first, second)] == [False, True]
    assert memory.cache_invalidation.messages == [f"key:{key.id}"]
    assert (await memory.actions(ada.tenant))[-1] == "api_key.rotated"


async def test_without_an_overlap_the_previous_secret_stops_at_once(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, first = await create(memory, ada)
    _, second = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=timedelta(0))
    assert [await is_active(memory, secret) for secret in (first, second)] == [False, True]


async def test_a_second_rotation_ends_the_first_secret(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, first = await create(memory, ada)
    _, second = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY)
    _, third = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY)
    assert [await is_active(memory, secret) for secret in (first, second, third)] == [False, True, True]


async def test_a_revoked_key_stops_with_all_its_secrets(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, first = await create(memory, ada)
    _, second = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY)
    await memory.auth.api_keys.revoke(key.id, ada.id)
    assert [await is_active(memory, secret) for secret in (first, second)] == [False, False]
    assert memory.cache_invalidation.messages == [f"key:{key.id}"] * 2
    assert (await memory.actions(ada.tenant))[-1] == "api_key.revoked"
    for call in (
        memory.auth.api_keys.revoke(key.id, ada.id),
        memory.auth.api_keys.rotate(key.id, ada.id, overlap=DAY),
        memory.auth.api_keys.change(key.id, ada.id, allowed_origins=()),
    ):
        assert await slug_of(call) == "not-found"


async def test_the_keys_of_a_former_member_keep_working(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    bob = await memory.join(ada, Role.ADMIN)
    key, secret = await create(memory, bob)
    await memory.auth.tenants.remove_member(ada.tenant.id, ada.id, bob.id)
    assert await is_active(memory, secret)
    assert await slug_of(memory.auth.api_keys.revoke(key.id, bob.id)) == "not-found"


@pytest.mark.parametrize("secret", ["", "x", "sk_live_", "' OR 1=1 --", "\u2603" * 57, "x" * 100_000])
async def test_malformed_text_is_no_key_and_is_not_looked_up(memory: MemoryAuth, secret: str) -> None:
    memory.store.reachable = False
    assert not await is_active(memory, secret)


async def test_a_well_formed_unknown_key_is_not_active(memory: MemoryAuth) -> None:
    assert not await is_active(memory, memory.secrets.new_api_key(KeyKind.SECRET, is_test=False))
