"""A tenant's test tenant, and the owners of keys that are not accepted any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segops_common.security.permissions import KeyKind, Role
from tests.unit.auth.harness import MemoryAuth, User, slug_of
from tests.unit.auth.test_api_keys import create as create_key


async def create(memory: MemoryAuth, actor: User, test_of: int, slug: str = "tests") -> int:
    tenant = await memory.auth.tenants.create(actor.id, slug=slug, name="Tests", is_test=True, test_of=test_of)
    return tenant.id


async def test_a_tenant_has_one_test_tenant(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    tenants = memory.auth.tenants
    assert await tenants.test_tenant(ada.tenant.id) is None
    test_tenant = await create(memory, ada, ada.tenant.id)
    assert await tenants.test_tenant(ada.tenant.id) == test_tenant
    assert await tenants.test_tenant(test_tenant) == test_tenant
    assert await tenants.test_tenant(2**62) is None
    assert (await tenants.get(ada.tenant.id, ada.id)).test_tenant_id == test_tenant
    assert (await memory.audit_log(ada.tenant))[-1].details == {"test_tenant": str(test_tenant)}
    for other in (ada.tenant.id, test_tenant):
        creation = tenants.create(ada.id, slug="more", name="More", is_test=True, test_of=other)
        assert await slug_of(creation) == "test-tenant-exists"


@pytest.mark.parametrize("role", Role)
async def test_only_an_owner_gives_a_tenant_its_test_tenant(memory: MemoryAuth, role: Role) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, role)
    if role is Role.OWNER:
        assert await create(memory, actor, ada.tenant.id) > 0
        return
    creation = memory.auth.tenants.create(actor.id, slug="tests", name="Tests", is_test=True, test_of=ada.tenant.id)
    assert await slug_of(creation) == "insufficient-role"
    assert await memory.auth.tenants.test_tenant(ada.tenant.id) is None


async def test_the_tenant_of_others_looks_like_one_that_does_not_exist(memory: MemoryAuth) -> None:
    ada, bob = await memory.sign_up(), await memory.sign_up("bob")
    for tenant in (ada.tenant.id, 2**62):
        creation = memory.auth.tenants.create(bob.id, slug="tests", name="Tests", is_test=True, test_of=tenant)
        assert await slug_of(creation) == "not-found"
    assert await memory.auth.tenants.test_tenant(ada.tenant.id) is None


async def test_the_owner_of_a_key_is_known_after_its_end(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    keys = memory.auth.api_keys
    key, secret = await create_key(memory, ada)
    expected = (ada.tenant.id, key.id)
    assert await keys.owner(secret) == expected
    _, rotated = await keys.rotate(key.id, ada.id, overlap=timedelta())
    await keys.revoke(key.id, ada.id)
    assert [await keys.introspect(text) for text in (secret, rotated)] == [None, None]
    assert [await keys.owner(text) for text in (secret, rotated)] == [expected, expected]
    unknown = memory.secrets.new_api_key(KeyKind.SECRET, is_test=False)
    assert [await keys.owner(text) for text in (unknown, unknown[:-1], "")] == [None, None, None]
