"""Caches what auth says about credentials: fresh for 30 s, and usable for five more minutes while auth is down."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from cachetools import TTLCache

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn

FRESH_S: Final = 30.0
STALE_S: Final = 300.0
MAX_ACTIVE: Final = 10_000
# A separate limit, so that invented credentials cannot evict real ones.
MAX_REJECTED: Final = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Active(Generic[T]):
    """Auth accepts the credential, for `ends_in_s` seconds from the request if that is not None."""

    value: T
    ends_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Auth rejects the credential."""


@dataclass(frozen=True, slots=True)
class AuthDown:
    """Auth does not respond."""


Introspection = Active[T] | Rejected | AuthDown
Fetch = Callable[[], Coroutine[Any, Any, Introspection[T]]]


@dataclass(slots=True)
class _Entry(Generic[T]):
    result: Active[T]
    fresh_until: float
    ends_at: float


class IntrospectionCache(Generic[T]):
    """Caches results by name. Concurrent calls for the same name share one request to auth."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._active: TTLCache[str, _Entry[T]] = TTLCache(MAX_ACTIVE, FRESH_S + STALE_S, clock.monotonic)
        self._rejected: TTLCache[str, Rejected] = TTLCache(MAX_REJECTED, FRESH_S, clock.monotonic)
        self._requests: dict[str, asyncio.Task[Introspection[T]]] = {}

    async def get(self, name: str, fetch: Fetch[T]) -> Introspection[T]:
        """Return the fresh result, else a fetched one. While auth is down, return a stale result if there is one.

        A credential is rejected from its end on, however fresh the result is.
        """
        now = self._clock.monotonic()
        entry = self._active.get(name)
        if entry is not None and now >= entry.ends_at:
            return Rejected()
        if entry is not None and now < entry.fresh_until:
            return entry.result
        rejected = self._rejected.get(name)
        if rejected is not None:
            return rejected
        result = await self._fetch_once(name, fetch)
        if isinstance(result, AuthDown):
            entry = self._active.get(name)
            if entry is not None and now < min(entry.fresh_until + STALE_S, entry.ends_at):
                return entry.result
        return result

    def invalidate(self, matches: Callable[[T], bool]) -> None:
        """Remove matching results. Running requests may return an old result, so theirs are not stored."""
        for name in [name for name, entry in self._active.items() if matches(entry.result.value)]:
            del self._active[name]
        self._requests.clear()

    def expire_all(self) -> None:
        """Make every result stale, because invalidations may have been missed. It still serves while auth is down."""
        now = self._clock.monotonic()
        # The entries change in place: assigning new ones would restart their time to live.
        for entry in self._active.values():
            entry.fresh_until = min(entry.fresh_until, now)
        self._rejected.clear()
        self._requests.clear()

    async def _fetch_once(self, name: str, fetch: Fetch[T]) -> Introspection[T]:
        request = self._requests.get(name)
        if request is None:
            request = self._requests[name] = spawn(fetch(), name=f"introspect {name[:12]}")
            asked_at = self._clock.monotonic()
            request.add_done_callback(lambda task: self._store(name, task, asked_at))
        # A caller that is cancelled must not cancel the request of the others.
        return await asyncio.shield(request)

    def _store(self, name: str, request: asyncio.Task[Introspection[T]], asked_at: float) -> None:
        if self._requests.get(name) is not request:
            return
        del self._requests[name]
        if request.cancelled() or request.exception() is not None:
            return
        match request.result():
            case Active() as active:
                self._rejected.pop(name, None)
                ends_at = math.inf if active.ends_in_s is None else asked_at + active.ends_in_s
                self._active[name] = _Entry(active, self._clock.monotonic() + FRESH_S, ends_at)
            case Rejected() as rejected:
                self._active.pop(name, None)
                self._rejected[name] = rejected
            case AuthDown():
                pass
