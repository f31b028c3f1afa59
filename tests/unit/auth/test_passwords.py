"""Argon2id hashes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from segops_auth.adapters.argon2.passwords import ArgonPasswords
from segops_auth.ports.passwords import MAX_WAITING
from segops_common.core.problems import Unavailable


@pytest.fixture
def passwords() -> Iterator[ArgonPasswords]:
    passwords = ArgonPasswords()
    yield passwords
    passwords.close()


async def test_a_hash_matches_its_password_only(passwords: ArgonPasswords) -> None:
    made = await passwords.hash("correct-horse-battery")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert made != await passwords.hash("correct-horse-battery"), "each has its own salt"
    assert await passwords.verify(made, "correct-horse-battery")
    assert not await passwords.verify(made, "correct-horse-batterY")


async def test_the_password_of_no_account_is_never_right(passwords: ArgonPasswords) -> None:
    assert not await passwords.verify(None, "no account has this password")


async def test_a_damaged_hash_matches_nothing(passwords: ArgonPasswords) -> None:
    for damaged in ("", "x", "$argon2id$v=19$m=19456,t=2,p=1$YWFh$"):
        assert not await passwords.verify(damaged, "")


async def test_a_hash_of_other_parameters_is_outdated(passwords: ArgonPasswords) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct-horse-battery")
    assert await passwords.verify(old, "correct-horse-battery")
    assert passwords.is_outdated(old)
    assert not passwords.is_outdated(await passwords.hash("correct-horse-battery"))


async def test_beyond_the_queue_the_refusal_is_quick(passwords: ArgonPasswords) -> None:
    waiting = [asyncio.ensure_future(passwords.verify(None, "x")) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await passwords.verify(None, "x")
    assert refused.value.slug == "overloaded"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not await passwords.verify(None, "x")
