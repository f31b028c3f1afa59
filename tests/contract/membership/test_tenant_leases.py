"""The contract of `TenantLeases`."""

from __future__ import annotations

import pytest

from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import EXPIRED, LONG
from tests.corpus.builders import new_tenant


async def test_a_lease_that_is_held_cannot_be_taken(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.leases.acquire(tenant, "a", LONG)
    with pytest.raises(LeaseTaken):
        await ports.leases.acquire(tenant, "b", LONG)


async def test_fences_ascend_over_expired_and_released_leases(ports: Ports) -> None:
    tenant = new_tenant()
    expired = await ports.leases.acquire(tenant, "a", EXPIRED)
    released = await ports.leases.acquire(tenant, "b", LONG)
    await ports.leases.release(tenant, released)
    assert expired < released < await ports.leases.acquire(tenant, "c", LONG)


async def test_a_renewed_lease_is_held(ports: Ports) -> None:
    tenant = new_tenant()
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    await ports.leases.renew(tenant, fence, LONG)
    with pytest.raises(LeaseTaken):
        await ports.leases.acquire(tenant, "b", LONG)


async def test_a_lease_that_another_has_taken_cannot_be_renewed(ports: Ports) -> None:
    tenant = new_tenant()
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    await ports.leases.acquire(tenant, "b", LONG)
    with pytest.raises(LeaseLost):
        await ports.leases.renew(tenant, fence, LONG)


async def test_releasing_an_old_lease_does_not_release_the_new_one(ports: Ports) -> None:
    tenant = new_tenant()
    old = await ports.leases.acquire(tenant, "a", EXPIRED)
    await ports.leases.acquire(tenant, "b", LONG)
    await ports.leases.release(tenant, old)
    with pytest.raises(LeaseTaken):
        await ports.leases.acquire(tenant, "c", LONG)


async def test_leases_of_tenants_are_independent(ports: Ports) -> None:
    one, other = new_tenant(), new_tenant()
    assert await ports.leases.acquire(one, "a", LONG) == await ports.leases.acquire(other, "a", LONG)
