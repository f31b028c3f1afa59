"""Argon2id password hashes, computed in two threads: this bounds the memory and keeps the event loop free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from segops_auth.ports.passwords import MAX_WAITING, overloaded

LANES: Final = 1
THREADS: Final = 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class HashCost:
    """What one hash costs."""

    memory_kib: int
    iterations: int


OWASP_MINIMUM: Final = HashCost(memory_kib=19_456, iterations=2)
"""The lowest cost that OWASP's Password Storage Cheat Sheet allows for argon2id."""


class ArgonPasswords:
    """Hashes with argon2id at the given cost. Close it at the end."""

    def __init__(self, *, cost: HashCost = OWASP_MINIMUM) -> None:
        self._hasher = PasswordHasher(
            time_cost=cost.iterations,
            memory_cost=cost.memory_kib,
            parallelism=LANES,
            hash_len=32,
            salt_len=16,
            type=Type.ID,
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        # Verified if there is no account, so that the response time does not reveal which e-mail addresses have one.
        self._decoy = self._hasher.hash("no account has this password")

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        matches = await self._run(
            lambda: self._matches(self._decoy if password_hash is None else password_hash, password)
        )
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise overloaded()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
