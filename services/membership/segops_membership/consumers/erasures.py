"""Carries out erasures, and removes old events. It runs in the role `worker`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.streams.loop.timer import Timer
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.privacy.repeat_erasures import RepeatErasures
from segops_membership.service.privacy.retention import RemoveExpired
from segops_membership.service.privacy.run_erasures import RunErasures

LOOK_EVERY_S: Final = 1.0
EXPIRE_EVERY_S: Final = 5.0
FORGET_EVERY_S: Final = 3_600.0


def privacy_timers(erasures: RunErasures, repeat: RepeatErasures, expired: RemoveExpired) -> Sequence[Timer]:
    """Return the timer that carries out erasures one by one, and the ones that remove what is not kept.

    The first one begins by queueing the erasures that a restore has undone.
    """
    is_restore_considered = False

    async def run_all() -> None:
        nonlocal is_restore_considered
        if not is_restore_considered:
            await repeat.queue()
            is_restore_considered = True
        while await erasures.run_next():
            pass

    async def remove_expired() -> None:
        while await expired.run_next():
            pass

    return (
        Timer("erasures", _retried(run_all), every_s=LOOK_EVERY_S),
        Timer("expired events", _retried(remove_expired), every_s=EXPIRE_EVERY_S),
        Timer("exits of erased people", _retried(erasures.forget_exits), every_s=FORGET_EVERY_S),
    )


def _retried(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return the work as a timer expects it, which repeats it when an engine does not answer."""

    async def run() -> None:
        try:
            await work()
        except EngineUnavailable as error:
            raise Unavailable(str(error)) from error

    return run
