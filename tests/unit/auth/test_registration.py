"""Who may create an account."""

from __future__ import annotations

import pytest

from segops_auth.domain.registration import Registration
from segops_auth.service.attempts import Client
from segops_common.security.permissions import Role
from tests.unit.auth.harness import PASSWORD, MemoryAuth, memory_auth, slug_of


async def with_owner(registration: Registration) -> tuple[MemoryAuth, int, int]:
    """Return an installation with an account that owns a tenant, and the ids of both."""
    memory = memory_auth(registration)
    async with memory.store.write() as unit:
        account = await unit.add_account("ada@example.com", await memory.passwords.hash(PASSWORD), memory.clock.now())
        tenant = await unit.add_tenant("acme", "Acme", memory.clock.now())
        await unit.add_member(tenant.id, account.id, Role.OWNER, memory.clock.now())
    return memory, account.id, tenant.id


@pytest.mark.parametrize("registration", [Registration.INVITED, Registration.CLOSED])
async def test_only_an_open_installation_lets_everyone_sign_up(registration: Registration) -> None:
    await memory_auth(Registration.OPEN).sign_up()
    assert await slug_of(memory_auth(registration).sign_up()) == "signup-closed"


@pytest.mark.parametrize("registration", list(Registration))
async def test_an_invite_creates_an_account_unless_there_are_no_new_ones(registration: Registration) -> None:
    memory, owner, tenant = await with_owner(registration)
    _, token = await memory.auth.invites.create(tenant, owner, email="grace@example.com", role=Role.VIEWER)
    accepting = memory.auth.invites.accept(token=token, email="grace@example.com", password=PASSWORD, client=Client())
    if registration is Registration.CLOSED:
        assert await slug_of(accepting) == "signup-closed"
    else:
        assert (await accepting).role is Role.VIEWER


async def test_an_existing_account_accepts_an_invite_in_a_closed_installation() -> None:
    memory, owner, tenant = await with_owner(Registration.CLOSED)
    async with memory.store.write() as unit:
        await unit.add_account("grace@example.com", await memory.passwords.hash(PASSWORD), memory.clock.now())
    _, token = await memory.auth.invites.create(tenant, owner, email="grace@example.com", role=Role.VIEWER)
    accepted = await memory.auth.invites.accept(
        token=token, email="grace@example.com", password=PASSWORD, client=Client()
    )
    assert accepted.tenant.id == tenant
