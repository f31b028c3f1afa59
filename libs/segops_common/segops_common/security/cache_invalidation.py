"""Listens on Redis for what auth says has changed."""

from __future__ import annotations

import asyncio
import logging
import re

from redis.asyncio import Redis
from redis.exceptions import RedisError

from segops_common.contracts.http import AUTH_PURGE_CHANNEL
from segops_common.core.clock import Clock
from segops_common.core.retry import full_jitter
from segops_common.core.tasks import spawn
from segops_common.security.introspection_cache import KnownAnswers
from segops_common.security.principal import Principal, UserPrincipal

POLL_S = 1.0
_MESSAGE = re.compile(r"(key|user):([0-9]{1,19})", re.ASCII)
_log = logging.getLogger(__name__)


class PurgeListener:
    """Makes known answers forget what auth names; while Redis is away, answers grow at most 30 s old by themselves."""

    def __init__(self, *, redis: Redis, clock: Clock, known: KnownAnswers[Principal]) -> None:
        self._redis = redis
        self._clock = clock
        self._known = known
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, until `stop`; nothing more when it has begun."""
        if self._task is None:
            self._task = spawn(self._run(), name="auth purge listener")

    async def stop(self) -> None:
        """Returns when the listener is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        delays = full_jitter(base_s=0.2, cap_s=2.0)
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                _log.debug("not listening for changes of credentials: %s", error)
            await self._clock.sleep(next(delays))

    async def _listen(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=False) as channel:
            await channel.subscribe(AUTH_PURGE_CHANNEL)
            while True:
                message = await channel.get_message(timeout=POLL_S)
                if message is not None and message["type"] == "subscribe":
                    self._known.doubt_all()
                elif message is not None and message["type"] == "message":
                    self._forget(bytes(message["data"]).decode("ascii", "replace"))

    def _forget(self, message: str) -> None:
        changed = _MESSAGE.fullmatch(message)
        if changed is not None:
            name = (changed[1], int(changed[2]))
            self._known.forget(lambda principal: _name(principal) == name)


def key_changed(key_id: int) -> str:
    """The message that a key was revoked or replaced."""
    return f"key:{key_id}"


def user_changed(user_id: int) -> str:
    """The message that a person's roles have changed."""
    return f"user:{user_id}"


def _name(principal: Principal) -> tuple[str, int]:
    return ("user", principal.user_id) if isinstance(principal, UserPrincipal) else ("key", principal.key_id)
