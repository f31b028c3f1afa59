"""First-seen timestamps of message ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class FirstSeenTimestamps(Protocol):
    """Remembers when a message id was first seen, so that a retry of an event without a time gets the same time."""

    async def first_seen(self, tenant_id: int, message_ids: Sequence[str], now: str) -> Mapping[str, str]:
        """Return the timestamps of the ids that were seen before, and remember `now` for the others.

        Timestamps are in the warehouse's text form and are kept for 7 days. Never raises and takes milliseconds at most.
        If the memory does not answer, the result is empty: a retry may then be stored a second time, and a metric counts
        the events.
        """
        ...
