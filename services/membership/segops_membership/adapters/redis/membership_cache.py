"""Caches lookups in Redis, and signals publications.

All keys of a tenant share a hash tag, so that one command reads the number and an entry, on a cluster too.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeVar

from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.membership import CacheEntry

TTL_S: Final = 300.0
NEGATIVE_TTL_S: Final = 30.0
"""For a user in no segment: lookups of unknown users must not fill the memory."""
JITTER: Final = 0.1
LOCK_MS: Final = 2_000
FORGOTTEN_PUBLICATIONS: Final = 5
_FORGOTTEN_AT_ONCE: Final = 500
_MAX_DIGITS: Final = 15
"""Lua counts in doubles."""
_RAISE: Final = """
local known = redis.call('GET', KEYS[1]) or ''
local valid = string.match(known, '^%d+$') and #known < 16
if not valid or tonumber(known) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end"""
_log = logging.getLogger(__name__)
T = TypeVar("T")


def number_key(tenant_id: int) -> str:
    """Return the key of the number of a tenant's newest publication."""
    return f"segops:membership:{{{tenant_id}}}:number"


def entry_key(tenant_id: int, number: int, user_id: str) -> str:
    """Return the key of a user's segments by a publication; its length does not depend on the user's id."""
    digest = hashlib.blake2b(user_id.encode(), digest_size=16).hexdigest()
    return f"segops:membership:{{{tenant_id}}}:{number}:{digest}"


class RedisMembershipCache:
    """See the ports `MembershipCache` and `PublicationSignal`."""

    def __init__(self, *, breaker: RedisBreaker, random: Random) -> None:
        self._breaker = breaker
        self._random = random

    async def read(self, tenant_id: int, number: int, user_id: str) -> CacheEntry:
        """See the port."""
        keys = [number_key(tenant_id), entry_key(tenant_id, number, user_id)]
        hint, entry = await self._run(lambda redis: redis.mget(keys))
        return CacheEntry(_hint(hint), _entry(entry))

    async def read_many(
        self, tenant_id: int, number: int, user_ids: Sequence[str]
    ) -> tuple[int | None, Mapping[str, tuple[int, ...]]]:
        """See the port."""
        keys = [number_key(tenant_id), *(entry_key(tenant_id, number, user_id) for user_id in user_ids)]
        hint, *values = await self._run(lambda redis: redis.mget(keys))
        entries = zip(user_ids, map(_entry, values), strict=True)
        return _hint(hint), {user_id: entry for user_id, entry in entries if entry is not None}

    async def write(self, tenant_id: int, number: int, user_id: str, segment_ids: tuple[int, ...]) -> None:
        """See the port."""
        spread = 1 + self._random.uniform(-JITTER, JITTER)
        ttl_ms = round((TTL_S if segment_ids else NEGATIVE_TTL_S) * spread * 1000)
        key, value = entry_key(tenant_id, number, user_id), json.dumps(segment_ids).encode()
        await self._run(lambda redis: redis.set(key, value, px=ttl_ms))

    async def forget(self, tenant_id: int, number: int, user_ids: Collection[str]) -> None:
        """See the port. Entries by the publications just before are removed too."""
        numbers = range(max(0, number - FORGOTTEN_PUBLICATIONS), number + 1)
        keys = [entry_key(tenant_id, old, user_id) for user_id in user_ids for old in numbers]

        async def remove(redis: Any) -> None:
            for start in range(0, len(keys), _FORGOTTEN_AT_ONCE):
                await redis.delete(*keys[start : start + _FORGOTTEN_AT_ONCE])

        await self._run(remove)

    async def claim(self, tenant_id: int, number: int, user_id: str) -> bool:
        """See the port."""
        key = entry_key(tenant_id, number, user_id) + ":lock"
        return bool(await self._run(lambda redis: redis.set(key, b"1", nx=True, px=LOCK_MS)))

    async def correct(self, tenant_id: int, number: int) -> None:
        """See the port."""
        await self._run(lambda redis: redis.set(number_key(tenant_id), number))

    async def raise_to(self, tenant_id: int, number: int) -> None:
        """See the port `PublicationSignal`."""
        try:
            await self._run(lambda redis: redis.eval(_RAISE, 1, number_key(tenant_id), str(number)))
        except EngineUnavailable:
            _log.warning("publication %d of tenant %d was not signalled", number, tenant_id)

    async def check(self) -> None:
        """See the port."""
        await self._run(lambda redis: redis.ping())

    async def _run(self, command: Callable[[Any], Awaitable[T]]) -> T:
        try:
            return await self._breaker.run(command)
        except RedisUnavailable as error:
            raise EngineUnavailable("Redis does not answer") from error


def _hint(value: object) -> int | None:
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) <= _MAX_DIGITS else None


def _entry(value: object) -> tuple[int, ...] | None:
    """Return the entry; None for anything but a list of ascending ids, which this class did not write."""
    if not isinstance(value, bytes):
        return None
    try:
        ids = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(ids, list) or not all(type(id) is int for id in ids) or ids != sorted(set(ids)):
        return None
    return tuple(ids)
