"""Reads the signing keys again, and removes those that have retired."""

from __future__ import annotations

import logging
from typing import Protocol

from segops_auth.domain.signing_keys import RELOAD_S
from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable

_log = logging.getLogger(__name__)


class ReloadableKeys(Protocol):
    """Keys that are read from the store."""

    async def load(self) -> None:
        """Read the keys again. Raises Unavailable."""
        ...

    async def remove_retired(self) -> None:
        """Delete the private parts of keys that are no longer published. Raises Unavailable."""
        ...


class SigningKeyReader:
    """A timer in each API process."""

    def __init__(self, *, keys: ReloadableKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled. While the store is down, the loaded keys stay."""
        while True:
            await self._clock.sleep(RELOAD_S)
            await self.read()

    async def read(self) -> None:
        """Read the keys once. Never raises Unavailable."""
        try:
            await self._keys.remove_retired()
            await self._keys.load()
        except Unavailable:
            _log.warning("the signing keys could not be read; will try again in %d s", RELOAD_S)
