"""An attacker slows down, and a client that has signed in before does not."""

from __future__ import annotations

import pytest

from segops_auth.service.attempts import DEVICE_LIFETIME, Client
from segops_auth.service.sessions import SessionTokens
from segops_common.security.permissions import Role
from tests.unit.auth.harness import (
    ADDRESS,
    NEW_PASSWORD,
    PASSWORD,
    PER_ADDRESS,
    PER_EMAIL,
    MemoryAuth,
    User,
    slug_of,
)

ATTACKERS = "203.0.113.9"
WRONG = "wrong-password"


async def sign_in(memory: MemoryAuth, user: User, client: Client, password: str = PASSWORD) -> SessionTokens:
    return await memory.auth.sessions.sign_in(email=user.email, password=password, client=client)


async def spend(memory: MemoryAuth, user: User, client: Client) -> list[str]:
    """Try wrong passwords until the client is refused; return the answers."""
    slugs = [await slug_of(sign_in(memory, user, client, WRONG)) for _ in range(PER_EMAIL + 1)]
    assert slugs == ["invalid-credentials"] * PER_EMAIL + ["rate-limited"]
    return slugs


async def test_an_attacker_does_not_lock_out_a_known_device(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    device = Client(address="192.0.2.1", device=memory.auth.attempts.device_cookie(ada.email))
    await spend(memory, ada, Client(address=ATTACKERS))
    for _ in range(PER_EMAIL * 2):
        await sign_in(memory, ada, device)
    assert await slug_of(sign_in(memory, ada, Client(address="192.0.2.2", device="x"))) == "rate-limited"


async def test_an_attacker_does_not_lock_out_a_known_address(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await sign_in(memory, ada, Client(address=ADDRESS))
    await spend(memory, ada, Client(address=ATTACKERS))
    for _ in range(PER_EMAIL * 2):
        await sign_in(memory, ada, Client(address=ADDRESS))
    assert await slug_of(sign_in(memory, ada, Client(address="192.0.2.1"))) == "rate-limited"


async def test_signing_up_and_accepting_an_invite_make_the_address_known(memory: MemoryAuth) -> None:
    here = Client(address=ADDRESS)
    new = await memory.auth.accounts.sign_up(
        email="ada@example.com", password=PASSWORD, tenant_slug="ada", tenant_name="Ada", client=here
    )
    ada = User(new.account, new.tenant, new.tokens)
    _, token = await memory.auth.invites.create(ada.tenant.id, ada.id, email="bob@example.com", role=Role.VIEWER)
    accepted = await memory.auth.invites.accept(
        token=token, email="bob@example.com", password=PASSWORD, client=Client(address=ADDRESS)
    )
    for user in (ada, User(accepted.account, ada.tenant, accepted.tokens)):
        await spend(memory, user, Client(address=None))
        await sign_in(memory, user, here)


async def test_an_attacker_at_the_same_address_does_not_lock_out_a_known_device(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    device = Client(address=ADDRESS, device=memory.auth.attempts.device_cookie(ada.email))
    for number in range(PER_ADDRESS + 1):
        await slug_of(
            memory.auth.sessions.sign_in(
                email=f"user{number}@example.com", password=WRONG, client=Client(address=ADDRESS)
            )
        )
    assert await slug_of(sign_in(memory, ada, Client(address=ADDRESS))) == "rate-limited"
    await sign_in(memory, ada, device)


async def test_a_known_client_has_a_budget_of_its_own(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await sign_in(memory, ada, Client(address=ADDRESS))
    first, second = (Client(device=memory.auth.attempts.device_cookie(ada.email)) for _ in range(2))
    for client in (first, second, Client(address=ADDRESS)):
        await spend(memory, ada, client)
        memory.clock.advance(60)
    await sign_in(memory, ada, Client(address="192.0.2.1"))


@pytest.mark.parametrize("kind", ["forged", "changed", "of another account", "too old", "not ours", "empty"])
async def test_only_a_cookie_of_the_account_makes_a_device_known(memory: MemoryAuth, kind: str) -> None:
    ada = await memory.sign_up()
    cookie = memory.auth.attempts.device_cookie("eve@example.com" if kind == "of another account" else ada.email)
    device, issued, signature = cookie.split(".")
    if kind == "too old":
        memory.clock.advance(DEVICE_LIFETIME.total_seconds())
    cookies = {
        "forged": f"{device}.{issued}.{'0' * 64}",
        "changed": f"{device}x.{issued}.{signature}",
        "not ours": "caf\u00e9",
        "empty": "",
    }
    await spend(memory, ada, Client(address=ATTACKERS))
    assert await slug_of(sign_in(memory, ada, Client(device=cookies.get(kind, cookie)))) == "rate-limited"


async def test_an_attacker_does_not_keep_the_owner_from_changing_the_password(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await spend(memory, ada, Client(address=ATTACKERS))
    await memory.auth.accounts.change_password(ada.id, current=PASSWORD, new=NEW_PASSWORD)
