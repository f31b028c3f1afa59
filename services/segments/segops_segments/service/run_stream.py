"""Runs as they change: however many follow them, one question a moment asks for all."""

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
from segops_segments.domain.run import Run
from segops_segments.ports.transactions import Store

MOST_FOLLOWERS: Final = 500
MOST_OF_A_TENANT: Final = 50
HEARTBEAT_S: Final = 10.0
"""Shorter than a gateway's patience with a silent answer."""
_LOOK_EVERY_S: Final = 0.25
_LOOK_UP_S: Final = 0.5
"""How often a follower looks whether the process stops."""
_RETRY_AFTER_S: Final = 5
_Key = tuple[int, int, int]
"""Tenant, run and segment."""

_log = logging.getLogger(__name__)


class _Follower:
    """One who waits; only the newest state is kept."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.run: Run | None = None

    def tell(self, run: Run) -> None:
        if run != self.run:
            self.run = run
            self.news.set()


class RunFollowing:
    """Tells followers of runs what changed, for one process."""

    def __init__(
        self, *, store: Store, clock: Clock, most: int = MOST_FOLLOWERS, most_of_a_tenant: int = MOST_OF_A_TENANT
    ) -> None:
        self._store = store
        self._clock = clock
        self._most = most
        self._most_of_a_tenant = most_of_a_tenant
        self._followers: defaultdict[_Key, set[_Follower]] = defaultdict(set)
        self._of_tenant: Counter[int] = Counter()
        self._looking: asyncio.Task[None] | None = None

    def check(self, tenant_id: int) -> None:
        """Raises RateLimited or Unavailable when no more can follow."""
        if self._of_tenant[tenant_id] >= self._most_of_a_tenant:
            raise RateLimited("The tenant follows too many runs at once.", retry_after_s=_RETRY_AFTER_S)
        if self._of_tenant.total() >= self._most:
            raise Unavailable(
                "Too many runs are being followed.", retry_after_s=_RETRY_AFTER_S, slug="too-many-streams"
            )

    async def follow(
        self, run: Run, *, timeout_s: float, stopping: Callable[[], bool]
    ) -> AsyncGenerator[Run | None, None]:
        """The run, then the run after each change, up to its final state; None after each while without a change.

        Ends early when the time is over, and soon after `stopping` has become true.
        """
        if run.final:
            yield run
            return
        said_at = self._clock.monotonic()
        ends_at = said_at + timeout_s
        with self._following(run) as follower:
            yield run
            while (now := self._clock.monotonic()) < ends_at and not stopping():
                told = await self._next(follower, min(_LOOK_UP_S, ends_at - now))
                if told is None and now < said_at + HEARTBEAT_S:
                    continue
                said_at = now
                yield told
                if told is not None and told.final:
                    return

    async def _next(self, follower: _Follower, most_s: float) -> Run | None:
        try:
            async with asyncio.timeout(most_s):
                await follower.news.wait()
        except TimeoutError:
            return None
        follower.news.clear()
        return follower.run

    @contextmanager
    def _following(self, run: Run) -> Iterator[_Follower]:
        key = _key(run)
        follower = _Follower()
        follower.run = run
        self._followers[key].add(follower)
        self._of_tenant[run.tenant_id] += 1
        if self._looking is None or self._looking.done():
            self._looking = spawn(self._look(), name="runs being followed")
        try:
            yield follower
        finally:
            self._of_tenant[run.tenant_id] -= 1
            self._followers[key].discard(follower)
            if not self._followers[key]:
                del self._followers[key]

    async def _look(self) -> None:
        """Until nobody follows any run; a look that fails is made again."""
        while self._followers:
            try:
                found = await self._store.find_runs({key[:2] for key in self._followers})
            except Unavailable:
                _log.warning("runs that are being followed cannot be read now")
                found = ()
            for run in found:
                for follower in self._followers.get(_key(run), ()):
                    follower.tell(run)
            await self._clock.sleep(_LOOK_EVERY_S)


def _key(run: Run) -> _Key:
    return run.tenant_id, run.id, run.segment_id
