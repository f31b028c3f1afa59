"""Runs exports and removes expired ones. It runs in the role `worker`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.streams.loop.timer import Timer
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.exports.run_exports import RunExports

LOOK_EVERY_S: Final = 1.0
REMOVE_EVERY_S: Final = 600.0


def export_timers(exports: RunExports) -> tuple[Timer, Timer]:
    """Return the timer that carries out exports one by one, and the one that removes expired ones."""

    async def run_all() -> None:
        while await exports.run_next():
            pass

    return (
        Timer("exports", _retried(run_all), every_s=LOOK_EVERY_S),
        Timer("expired exports", _retried(exports.remove_expired), every_s=REMOVE_EVERY_S),
    )


def _retried(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return the work, which raises the error that a timer retries after a delay."""

    async def run() -> None:
        try:
            await work()
        except EngineUnavailable as error:
            raise Unavailable(str(error)) from error

    return run
