"""Carries out erasures. It runs in the role `worker`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.streams.loop.timer import Timer
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.privacy.repeat_erasures import RepeatErasures
from segops_membership.service.privacy.run_erasures import RunErasures

LOOK_EVERY_S: Final = 1.0
FORGET_EVERY_S: Final = 3_600.0


def erasure_timers(erasures: RunErasures, repeat: RepeatErasures) -> Sequence[Timer]:
    """Return the timer that carries out erasures one by one, and the one that removes what is not kept.

    The first one begins by queueing the erasures that a restore has undone.
    """
    is_restore_considered = False

    async def run_all() -> None:
        nonlocal is_restore_considered
        try:
            if not is_restore_considered:
                await repeat.queue()
                is_restore_considered = True
            while await erasures.run_next():
                pass
        except EngineUnavailable as error:
            raise Unavailable(str(error)) from error

    async def forget() -> None:
        try:
            await erasures.forget_exits()
        except EngineUnavailable as error:
            raise Unavailable(str(error)) from error

    return (
        Timer("erasures", run_all, every_s=LOOK_EVERY_S),
        Timer("exits of erased people", forget, every_s=FORGET_EVERY_S),
    )
