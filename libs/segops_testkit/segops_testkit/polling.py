"""Waiting in tests: for a condition, for other tasks, and for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_POLL_S = 0.02
_ROUNDS = 20


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    """Return when the condition holds; fail the test when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(_POLL_S)


async def settled() -> None:
    """Let every task run that needs neither time nor input: each gets some turns of the event loop."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


async def forever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()
