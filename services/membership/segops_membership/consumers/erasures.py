"""Carries out erasures. It runs in the role `worker`."""

from __future__ import annotations

from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.streams.loop.timer import Timer
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.privacy.run_erasures import RunErasures

LOOK_EVERY_S: Final = 1.0


def erasure_timer(erasures: RunErasures) -> Timer:
    """Return the timer that carries out erasures one by one."""

    async def run_all() -> None:
        try:
            while await erasures.run_next():
                pass
        except EngineUnavailable as error:
            raise Unavailable(str(error)) from error

    return Timer("erasures", run_all, every_s=LOOK_EVERY_S)
