"""Sends what is in the outbox to the event log, several times a second."""

from __future__ import annotations

from typing import Final

from segops_common.streams.loop.timer import Timer
from segops_segments.service.outbox_relay import RelayOutbox

RELAY_EVERY_S: Final = 0.2
DELETE_OLD_EVERY_S: Final = 30.0


def relay_timer(relay: RelayOutbox) -> Timer:
    """Return the timer that sends all waiting messages."""

    async def send_all() -> None:
        while await relay.relay():
            pass

    return Timer("outbox relay", send_all, every_s=RELAY_EVERY_S)


def deletion_timer(relay: RelayOutbox) -> Timer:
    """Return the timer that deletes messages that were sent long ago."""

    async def delete_old() -> None:
        await relay.delete_old()

    return Timer("outbox deletion", delete_old, every_s=DELETE_OLD_EVERY_S)
