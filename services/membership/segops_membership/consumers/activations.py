"""Measures activations and removes old deliveries. It runs in the role `worker`."""

from __future__ import annotations

from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.streams.loop.timer import Timer
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.activations.deliver import DeliverActivations

MEASURE_EVERY_S: Final = 15.0


def activation_timer(deliver: DeliverActivations) -> Timer:
    """Return the timer that measures."""

    async def measure() -> None:
        try:
            await deliver.measure()
        except EngineUnavailable as error:
            raise Unavailable(str(error)) from error

    return Timer("activations", measure, every_s=MEASURE_EVERY_S)
