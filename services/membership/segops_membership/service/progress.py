"""How far a run is, told beside its work and only now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from segops_common.contracts.jobs import RunPhase, RunProgress
from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_membership.ports import Outage

TELL_EVERY_S: Final = 0.5

Tell = Callable[[RunProgress], Awaitable[None]]


class Progress:
    """What was reached last."""

    def __init__(self, total: int) -> None:
        self.now: RunProgress | None = None
        self.is_over = False
        self._done, self._total = 0, total

    def enter(self, phase: RunPhase) -> None:
        """Begin a phase."""
        self.now = RunProgress(phase=phase, done=self._done, total=self._total)

    def answered(self, count: int) -> None:
        """So many questions more are answered."""
        self._done += count
        self.enter("evaluating")


@asynccontextmanager
async def reported(tell: Tell, clock: Clock, *, total: int) -> AsyncIterator[Progress]:
    """Tell what the block reaches of `total` questions, twice a second at most; that it began is told by others.

    Word that cannot be given is left out: the next says more.
    """
    progress = Progress(total)
    telling = spawn(_keep_telling(progress, tell, clock), name="progress of a run")
    try:
        yield progress
    finally:
        progress.is_over = True
        telling.cancel()
        await asyncio.wait([telling])


async def _keep_telling(progress: Progress, tell: Tell, clock: Clock) -> None:
    told: RunProgress | None = None
    # A cancellation may be lost on the way through a driver.
    while not progress.is_over:
        await clock.sleep(TELL_EVERY_S)
        if progress.now is not None and progress.now != told:
            told = progress.now
            with suppress(Outage):
                await tell(told)
