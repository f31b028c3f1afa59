"""Streaming runs as they change, with one database query at a time for all subscribers of a process."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import RateLimited, Unavailable
from segops_common.core.tasks import spawn
from segops_segments.domain.run import RunPart
from segops_segments.ports.transactions import Store

MAX_SUBSCRIBERS: Final = 500
MAX_SUBSCRIBERS_OF_A_TENANT: Final = 50
HEARTBEAT_S: Final = 10.0
"""Less than the time after which a gateway closes a silent response."""
POLL_EVERY_S: Final = 0.25
_CHECK_STOPPING_EVERY_S: Final = 0.5
_RETRY_AFTER_S: Final = 5
_Key = tuple[int, int, int]
"""Tenant, run and segment."""

_log = logging.getLogger(__name__)


class _Subscriber:
    """Holds the newest state for one subscriber; states that it did not fetch in time are skipped."""

    def __init__(self, part: RunPart) -> None:
        self.changed = asyncio.Event()
        self.part = part

    def publish(self, part: RunPart) -> None:
        if part != self.part:
            self.part = part
            self.changed.set()


class RunStream:
    """Streams the changes of runs, within limits for the process and for each tenant."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        max_subscribers: int = MAX_SUBSCRIBERS,
        max_subscribers_of_a_tenant: int = MAX_SUBSCRIBERS_OF_A_TENANT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._max_subscribers = max_subscribers
        self._max_subscribers_of_a_tenant = max_subscribers_of_a_tenant
        self._subscribers: defaultdict[_Key, set[_Subscriber]] = defaultdict(set)
        self._by_tenant: Counter[int] = Counter()
        self._polling: asyncio.Task[None] | None = None

    def require_capacity(self, tenant_id: int) -> None:
        """Raise RateLimited or Unavailable when the limit of the tenant or of the process is reached."""
        if self._by_tenant[tenant_id] >= self._max_subscribers_of_a_tenant:
            raise RateLimited(
                f"At most {self._max_subscribers_of_a_tenant} runs of a tenant can be streamed at once. Close a stream or"
                " retry later.",
                retry_after_s=_RETRY_AFTER_S,
            )
        if self._by_tenant.total() >= self._max_subscribers:
            raise Unavailable(
                "The server streams as many runs as it can. Retry later.",
                retry_after_s=_RETRY_AFTER_S,
                slug="too-many-streams",
            )

    async def follow(
        self, part: RunPart, *, timeout_s: float, stopping: Callable[[], bool]
    ) -> AsyncGenerator[RunPart | None, None]:
        """Yield the part, then its state after each change, up to the final state.

        Yields None as a heartbeat when nothing has changed for HEARTBEAT_S. Ends after `timeout_s`, or soon after
        `stopping` returns true.
        """
        if part.is_final:
            yield part
            return
        yielded_at = self._clock.monotonic()
        ends_at = yielded_at + timeout_s
        with self._subscribe(part) as subscriber:
            yield part
            while (now := self._clock.monotonic()) < ends_at and not stopping():
                changed = await self._next_change(subscriber, min(_CHECK_STOPPING_EVERY_S, ends_at - now))
                if changed is None and now < yielded_at + HEARTBEAT_S:
                    continue
                yielded_at = now
                yield changed
                if changed is not None and changed.is_final:
                    return

    async def _next_change(self, subscriber: _Subscriber, timeout_s: float) -> RunPart | None:
        try:
            async with asyncio.timeout(timeout_s):
                await subscriber.changed.wait()
        except TimeoutError:
            return None
        subscriber.changed.clear()
        return subscriber.part

    @contextmanager
    def _subscribe(self, part: RunPart) -> Iterator[_Subscriber]:
        key = _key(part)
        subscriber = _Subscriber(part)
        self._subscribers[key].add(subscriber)
        self._by_tenant[part.tenant_id] += 1
        if self._polling is None or self._polling.done():
            self._polling = spawn(self._poll(), name="run stream")
        try:
            yield subscriber
        finally:
            self._by_tenant[part.tenant_id] -= 1
            self._subscribers[key].discard(subscriber)
            if not self._subscribers[key]:
                del self._subscribers[key]

    async def _poll(self) -> None:
        """Read the subscribed runs until there are no subscribers; retry when the store is unavailable."""
        while self._subscribers:
            try:
                parts = await self._store.find_parts({key[:2] for key in self._subscribers})
            except Unavailable:
                _log.warning("streamed runs cannot be read; retrying in %.2f s", POLL_EVERY_S)
                parts = ()
            for part in parts:
                for subscriber in self._subscribers.get(_key(part), ()):
                    subscriber.publish(part)
            await self._clock.sleep(POLL_EVERY_S)


def _key(part: RunPart) -> _Key:
    return part.tenant_id, part.run_id, part.segment_id
