"""Password hashes, as argon2id and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from segops_auth.adapters.argon2.passwords import ArgonPasswords, HashCost
from segops_auth.adapters.memory.passwords import MemoryPasswords
from segops_auth.ports.passwords import MAX_WAITING, Passwords
from segops_common.core.problems import Unavailable

PASSWORD = "correct-horse-battery"
NewPasswords = Callable[[int], Passwords]


@pytest.fixture(params=["memory", "argon2"])
def new_passwords(request: pytest.FixtureRequest) -> Iterator[NewPasswords]:
    """Makes an adapter with one of two sets of parameters."""
    opened: list[ArgonPasswords] = []

    def new(parameters: int) -> Passwords:
        if request.param == "memory":
            return MemoryPasswords(version=parameters)
        opened.append(ArgonPasswords(cost=HashCost(memory_kib=8, iterations=parameters)))
        return opened[-1]

    yield new
    for passwords in opened:
        passwords.close()


@pytest.fixture
def passwords(new_passwords: NewPasswords) -> Passwords:
    return new_passwords(1)


async def test_a_hash_matches_its_password_only(passwords: Passwords) -> None:
    password_hash = await passwords.hash(PASSWORD)
    assert PASSWORD not in password_hash
    assert await passwords.verify(password_hash, PASSWORD)
    assert not await passwords.verify(password_hash, PASSWORD.upper())
    assert not await passwords.verify(password_hash, "")


async def test_each_hash_has_its_own_salt(passwords: Passwords) -> None:
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


async def test_no_password_matches_without_a_hash(passwords: Passwords) -> None:
    for password in ("", "no account has this password"):
        assert not await passwords.verify(None, password)


@pytest.mark.parametrize("damaged", ["", "x", "$", "$argon2id$v=19$m=8,t=1,p=1$YWFh$", "sha256$1$1$", "no account"])
async def test_a_malformed_hash_matches_nothing(passwords: Passwords, damaged: str) -> None:
    assert not await passwords.verify(damaged, "")
    assert not await passwords.verify(damaged, "no account has this password")


async def test_a_hash_with_other_parameters_is_outdated_and_still_matches(new_passwords: NewPasswords) -> None:
    old, new = new_passwords(1), new_passwords(2)
    password_hash = await old.hash(PASSWORD)
    assert not old.is_outdated(password_hash)
    assert new.is_outdated(password_hash)
    assert await new.verify(password_hash, PASSWORD)


async def test_calls_beyond_the_queue_are_refused_at_once(passwords: Passwords) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(passwords.verify(None, "x")) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        for refused in (passwords.verify(None, "x"), passwords.hash("x")):
            with pytest.raises(Unavailable) as refusal:
                await refused
            assert refusal.value.slug == "overloaded"
        for task in waiting:
            task.cancel()
    assert not await passwords.verify(None, "x")
