"""Rate limits in Redis, shared by all processes. While Redis is down, each process counts on its own."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from segops_common.core.clock import Clock
from segops_common.core.problems import RateLimited
from segops_common.core.rate_limit import (
    MAX_SUBJECTS,
    Charge,
    Limit,
    MemoryThrottle,
    Meter,
    Standing,
    rate_limited,
    standing,
)
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable

# As `core/rate_limit.py`, in microseconds of the server's clock. For each key: the microseconds of the charge, and of the
# period. Returns {number of the refused key, microseconds to wait}, or {0, microseconds ahead of now for each key}.
_CHARGE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local spaced = {}
for i, key in ipairs(KEYS) do
  local even = math.max(now, tonumber(redis.call('GET', key) or '0'))
  spaced[i] = even + tonumber(ARGV[2 * i - 1])
  local wait = spaced[i] - now - tonumber(ARGV[2 * i])
  if wait > 0 then return {i, math.ceil(wait)} end
end
local result = {0}
for i, key in ipairs(KEYS) do
  local ahead = spaced[i] - now
  redis.call('SET', key, string.format('%.0f', spaced[i]), 'PX', math.ceil(ahead / 1000) + 1)
  result[i + 1] = math.ceil(ahead)
end
return result
"""
_REFUND: Final = """
local next = redis.call('GET', KEYS[1])
if next then redis.call('SET', KEYS[1], string.format('%.0f', next - tonumber(ARGV[1])), 'KEEPTTL') end
return {0}
"""
_PORTIONS: Final = 500


def _nothing() -> None:
    return


class RedisThrottle:
    """Counts attempts in Redis, or in memory while Redis is down, so that the limits always hold.

    `on_fallback` is called for each decision without Redis.
    """

    def __init__(
        self, *, redis: RedisBreaker, clock: Clock, service: str, on_fallback: Callable[[], None] = _nothing
    ) -> None:
        self._redis = redis
        self._service = service
        self._fallback = MemoryThrottle(clock=clock)
        self._on_fallback = on_fallback

    async def charge(self, charges: Sequence[Charge]) -> Sequence[Standing]:
        keys = [self.key(charge.limit, charge.subject) for charge in charges]
        arguments = [
            micros
            for charge in charges
            for micros in (_micros(charge.units * charge.limit.interval_s), _micros(charge.limit.period_s))
        ]
        try:
            number, *values = await self._redis.run(lambda redis: _evaluate(redis, _CHARGE, keys, arguments))
        except RedisUnavailable:
            self._on_fallback()
            return await self._fallback.charge(charges)
        if number:
            raise rate_limited(charges[number - 1].limit, values[0] / 1e6)
        return [standing(charge.limit, ahead / 1e6) for charge, ahead in zip(charges, values, strict=True)]

    async def consume(self, limit: Limit, subject: str) -> None:
        await self.charge([Charge(limit, subject)])

    async def refund(self, limit: Limit, subject: str) -> None:
        # Redis may have gone or come back since the attempt was counted, so both forget it.
        await self._fallback.refund(limit, subject)
        key, micros = self.key(limit, subject), _micros(limit.interval_s)
        try:
            await self._redis.run(lambda redis: _evaluate(redis, _REFUND, [key], [micros]))
        except RedisUnavailable:
            return

    def key(self, limit: Limit, subject: str) -> str:
        """Return the key that counts the subject. The subject is hashed: Redis must not hold e-mail addresses.

        All keys of a service share a hash tag, because one script charges several limits at once, on a cluster too.
        """
        return f"segops:{self._service}:limit:{{{self._service}}}:{limit.name}:{hashlib.sha256(subject.encode()).hexdigest()}"


@dataclass(slots=True)
class _Reserve:
    """Attempts that are counted already and not used yet, and what else was left of the limit then."""

    units: int = 0
    remaining: int = 0


class ReservingMeter:
    """Counts in portions of a 500th of the quota, so that most requests need no round trip.

    A process may hold one portion of each limit for each request that it serves at once; those count as used.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._reserves: OrderedDict[tuple[str, str], _Reserve] = OrderedDict()

    async def charge(self, charges: Sequence[Charge]) -> Sequence[Standing]:
        # Another request may have used a reserve while this one was waiting for a different one, or filled it.
        while short := self._short(charges):
            try:
                await self._refill(short)
            except RateLimited:
                if self._short(charges):
                    raise
        return [self._use(charge) for charge in charges]

    def _short(self, charges: Sequence[Charge]) -> list[Charge]:
        return [charge for charge in charges if self._reserve(charge).units < charge.units]

    async def _refill(self, short: Sequence[Charge]) -> None:
        portions = [self._portion(charge) for charge in short]
        try:
            standings = await self._meter.charge(portions)
        except RateLimited:
            # A whole portion is not left: count only what this request needs.
            portions = [Charge(charge.limit, charge.subject, charge.units) for charge in short]
            standings = await self._meter.charge(portions)
        for portion, left in zip(portions, standings, strict=True):
            reserve = self._reserve(portion)
            reserve.units += portion.units
            reserve.remaining = left.remaining

    def _portion(self, charge: Charge) -> Charge:
        return Charge(charge.limit, charge.subject, max(charge.units, charge.limit.quota // _PORTIONS))

    def _use(self, charge: Charge) -> Standing:
        reserve = self._reserve(charge)
        reserve.units -= charge.units
        return Standing(charge.limit, reserve.remaining + reserve.units)

    def _reserve(self, charge: Charge) -> _Reserve:
        reserve = self._reserves.get(charge.key)
        if reserve is None:
            reserve = self._reserves[charge.key] = _Reserve()
            if len(self._reserves) > MAX_SUBJECTS:
                self._reserves.popitem(last=False)
        self._reserves.move_to_end(charge.key)
        return reserve


async def _evaluate(redis: Redis, script: str, keys: Sequence[str], arguments: Sequence[int]) -> list[int]:
    values: list[Any] = await redis.eval(script, len(keys), *keys, *map(str, arguments))
    return [int(value) for value in values]


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
