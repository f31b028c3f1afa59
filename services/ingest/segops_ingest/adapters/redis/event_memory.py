"""The memory of deliveries in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_ingest.ports.event_memory import COMPARED, REMEMBERED, FirstNote, MemoryUnavailable, Note

TIMEOUT_S: Final = 1.0
"""Longer than for a cache: without an answer, the request is refused."""
COMPARING_TIMEOUT_S: Final = 0.1
"""For notes that are not required: without an answer, the request goes on."""

# Of each note: its key, the key that the first release used, the value and the seconds to keep it.
_FIRST: Final = """
local first = {}
for i = 1, #KEYS / 2 do
  local value = redis.call('GET', KEYS[2 * i - 1]) or redis.call('GET', KEYS[2 * i])
  if not value then redis.call('SET', KEYS[2 * i - 1], ARGV[2 * i - 1], 'EX', ARGV[2 * i]) end
  first[i] = value
end
return first
"""


class RedisEventMemory:
    """Reads and writes all notes of a request in one script, so that an attempt is the first for all others or for none."""

    def __init__(self, *, redis: RedisBreaker, timeout_s: float = TIMEOUT_S) -> None:
        self._redis = redis
        self._timeout_s = timeout_s
        self._script = redis.redis.register_script(_FIRST)

    async def first(self, tenant_id: int, notes: Sequence[Note]) -> Sequence[FirstNote | None]:
        """See `EventMemory`."""
        keys: list[str] = []
        values: list[str | int] = []
        for note in notes:
            key = f"segops:stamp:{tenant_id}:{note.key}"
            # Events without a time were remembered by their message id alone.
            keys += [key, f"segops:stamp:{tenant_id}:{note.message_id}" if note.message_id else key]
            values += [f"{note.time}|{note.content}", int((REMEMBERED if note.required else COMPARED).total_seconds())]
        within_s = self._timeout_s if any(note.required for note in notes) else COMPARING_TIMEOUT_S

        async def exchange(redis: Redis) -> list[bytes | None]:
            async with asyncio.timeout(within_s):
                answers: list[bytes | None] = await self._script(keys=keys, args=values, client=redis)
            return answers

        try:
            return [_note(value) for value in await self._redis.run(exchange)]
        except RedisUnavailable as error:
            raise MemoryUnavailable(str(error)) from error


def _note(value: bytes | None) -> FirstNote | None:
    if value is None:
        return None
    time, _, content = value.decode().partition("|")
    return FirstNote(time, content)
