"""What ends the work on a request early: its time is up, or its caller has gone.

Both cancel the work, so it releases what it holds, and its statements end in the engines too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from segops_common.core.problems import Unavailable
from segops_common.core.tasks import spawn

GATEWAY_TIMEOUT_S: Final = 15.0
"""When a gateway gives up on a request, unless the settings say otherwise."""
MARGIN_S: Final = 2.0
"""A response comes this long before the gateway gives up."""
_WATCH_AFTER_S: Final = 0.2
"""Most requests end earlier, and are spared the task that watches their caller."""
_RETRY_AFTER_S: Final = 5
T = TypeVar("T")


async def within_budget(work: Coroutine[Any, Any, T], budget_s: float) -> T:
    """Return the result of the work. Cancels it after `budget_s`, and raises Unavailable (deadline-exceeded)."""
    limit = asyncio.timeout(budget_s)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Unavailable(
            f"The request was stopped after {budget_s:g} s. Retry later, or ask for less at once.",
            retry_after_s=_RETRY_AFTER_S,
            slug="deadline-exceeded",
        ) from error


async def while_caller_waits(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Return the result of the work. Cancels it when the caller goes away, and raises ClientDisconnect.

    The body of the request must have been read.
    """
    caller = _Caller(receive, asyncio.current_task())
    watching = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, caller.watch)
    try:
        return await work
    except asyncio.CancelledError:
        if not caller.has_gone:
            raise
        caller.forgive()
        raise ClientDisconnect from None
    finally:
        watching.cancel()
        caller.ignore()


class _Caller:
    """Watches the connection of one request, and cancels its task when the connection is closed."""

    def __init__(self, receive: Receive, task: asyncio.Task[Any] | None) -> None:
        self.has_gone = False
        self._receive = receive
        self._task = task
        self._watching: asyncio.Task[None] | None = None

    def watch(self) -> None:
        self._watching = spawn(self._until_gone(), name="caller of a request")

    def forgive(self) -> None:
        """Undo the cancellation of the task, whose request ends in an orderly way."""
        if self._task is not None:
            self._task.uncancel()

    def ignore(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None:
            self.has_gone = True
            self._task.cancel()
