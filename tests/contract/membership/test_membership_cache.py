"""The contracts of `MembershipCache` and `PublicationSignal`."""

from __future__ import annotations

from segops_membership.ports.membership import CacheEntry
from tests.contract.membership.conftest import Ports
from tests.corpus.builders import new_tenant


async def test_an_entry_is_found_under_its_number_and_user_only(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.cache.write(tenant, 3, "ada", (1, 5))
    await ports.cache.write(tenant, 3, "nobody", ())
    assert await ports.cache.read(tenant, 3, "ada") == CacheEntry(None, (1, 5))
    assert await ports.cache.read(tenant, 3, "nobody") == CacheEntry(None, ())
    for absent in ((tenant, 4, "ada"), (tenant, 3, "bob"), (new_tenant(), 3, "ada")):
        assert await ports.cache.read(*absent) == CacheEntry(None, None)


async def test_entries_of_many_users_are_read_at_once(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.cache.write(tenant, 3, "ada", (1, 5))
    await ports.cache.write(tenant, 3, "nobody", ())
    await ports.cache.write(tenant, 2, "bob", (7,))
    assert await ports.cache.read_many(tenant, 3, ["bob", "nobody", "ada"]) == (None, {"nobody": (), "ada": (1, 5)})
    await ports.signal.raise_to(tenant, 4)
    assert await ports.cache.read_many(tenant, 4, ["ada"]) == (4, {})


async def test_one_caller_claims_an_entry(ports: Ports) -> None:
    tenant = new_tenant()
    claims = [await ports.cache.claim(tenant, 1, "ada") for _ in range(3)]
    assert claims == [True, False, False]
    assert await ports.cache.claim(tenant, 2, "ada")
    assert await ports.cache.claim(tenant, 1, "bob")


async def test_a_signal_never_lowers_the_hint(ports: Ports) -> None:
    tenant = new_tenant()
    hints = []
    for number in (2, 10, 9, 10):
        await ports.signal.raise_to(tenant, number)
        hints.append((await ports.cache.read(tenant, 1, "ada")).hint)
    assert hints == [2, 10, 10, 10]


async def test_a_correction_may_lower_the_hint(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.signal.raise_to(tenant, 10)
    await ports.cache.correct(tenant, 4)
    assert (await ports.cache.read(tenant, 1, "ada")).hint == 4
    await ports.signal.raise_to(tenant, 5)
    assert (await ports.cache.read(tenant, 1, "ada")).hint == 5


async def test_the_cache_answers(ports: Ports) -> None:
    await ports.cache.check()
