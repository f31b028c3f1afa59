"""Password hashes that cost nothing, for tests."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import Final

from segops_auth.ports.passwords import MAX_WAITING, overloaded

_SCHEME: Final = "sha256"


class MemoryPasswords:
    """Salted SHA-256: as fast to guess as to check, so never for accounts of real people."""

    def __init__(self, *, version: int = 1) -> None:
        """Hashes of another `version` are outdated."""
        self._prefix = f"{_SCHEME}${version}$"
        self._salts = itertools.count(1)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        await self._wait()
        salt = str(next(self._salts))
        return f"{self._prefix}{salt}${_digest(salt, password)}"

    async def verify(self, password_hash: str | None, password: str) -> bool:
        await self._wait()
        parts = (password_hash or "").split("$")
        if len(parts) != 4 or parts[0] != _SCHEME:
            return False
        return parts[3] == _digest(parts[2], password)

    def is_outdated(self, password_hash: str) -> bool:
        return not password_hash.startswith(self._prefix)

    async def _wait(self) -> None:
        if self._waiting >= MAX_WAITING:
            raise overloaded()
        self._waiting += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._waiting -= 1


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()
