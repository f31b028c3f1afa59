"""Signing keys rotate without a refusal: two processes of auth, two services, and time that passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from segops_auth.adapters.memory.store import MemoryStore
from segops_auth.adapters.signing_keys import SigningKeys
from segops_auth.consumers.signing_keys import SigningKeyReader
from segops_auth.domain.signing_keys import ACCESS_LIFETIME, MARGIN, PUBLISH_AHEAD
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated, Unavailable
from segops_common.security.introspect import RemoteAuthenticator
from segops_common.security.sealing import Sealer
from segops_common.security.tokens import new_private_key
from segops_testkit.clock import ManualClock
from tests.unit.auth.harness import PEPPER, START, slug_of
from tests.unit.security.fake_auth import SERVICE_TOKEN, FakeAuth

STEP_S = 10.0
# Twice as rarely as in production, so a margin is tested too.
READ_EVERY = 2


class Installation:
    """Processes of auth on one store, and services that ask the first process for the keys."""

    def __init__(self, publish_ahead: timedelta = PUBLISH_AHEAD) -> None:
        self.clock = ManualClock(START)
        self.store = MemoryStore()
        self.first_key = new_private_key()
        self.publish_ahead = publish_ahead
        self.processes = [self.process() for _ in range(2)]
        self.auth = FakeAuth()
        self.auth.users[7] = [{"tenant_id": 1, "role": "member"}]
        self.services: list[RemoteAuthenticator] = []
        self.refused = 0
        self.used = 0
        self._tokens: list[tuple[float, str]] = []
        self._elapsed_s = 0.0

    def process(self, *, pepper: str = PEPPER, first_key: str | None = None) -> SigningKeys:
        return SigningKeys(
            store=self.store,
            sealer=Sealer(secret=pepper, purpose="signing keys"),
            first_key=first_key or self.first_key,
            clock=self.clock,
            ids=SystemIds(self.clock),
            publish_ahead=self.publish_ahead,
        )

    async def start(self, stack: AsyncExitStack) -> None:
        for process in self.processes:
            await process.load()
        for _ in range(2):
            service = RemoteAuthenticator(
                auth_url="http://auth.test",
                service_token=SERVICE_TOKEN,
                redis=None,
                clock=self.clock,
                transport=self.auth.transport(),
            )
            self.services.append(await stack.enter_async_context(service))

    async def run(self, duration: timedelta) -> None:
        """Let time pass: every process signs, and every service checks all tokens that have not expired."""
        for step in range(int(duration.total_seconds() / STEP_S)):
            self.auth.jwks = [dict(key) for key in self.processes[0].public_keys()]
            lifetime_s = ACCESS_LIFETIME.total_seconds()
            self._tokens = [item for item in self._tokens if self._elapsed_s - item[0] < lifetime_s]
            self._tokens += [(self._elapsed_s, process.sign(7, 3)) for process in self.processes]
            for token in (self._tokens[0][1], *(token for _, token in self._tokens[-2:])):
                await self._use(token)
            self.clock.advance(STEP_S)
            self._elapsed_s += STEP_S
            # The processes read at different times.
            for number, process in enumerate(self.processes):
                if (step + number) % READ_EVERY == 0:
                    await SigningKeyReader(keys=process, clock=self.clock).read()

    async def _use(self, token: str) -> None:
        for process in self.processes:
            try:
                process.verify(token)
            except Unauthenticated:
                self.refused += 1
        for service in self.services:
            self.used += 1
            try:
                await service.authenticate(f"Bearer {token}")
            except Unauthenticated:
                self.refused += 1

    def kids(self) -> list[str]:
        return [key["kid"] for key in self.processes[0].public_keys()]


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        installation = Installation()
        await installation.start(stack)
        yield installation


async def test_rotating_refuses_no_token_and_the_previous_key_goes(installation: Installation) -> None:
    await installation.run(timedelta(minutes=2))
    (first,) = installation.kids()
    for process in installation.processes:
        second = await process.rotate()
        await installation.run(timedelta(seconds=READ_EVERY * STEP_S))
        assert installation.kids() == [first, second.kid]
        await installation.run(PUBLISH_AHEAD + ACCESS_LIFETIME + MARGIN)
        assert installation.kids() == [second.kid]
        first = second.kid
    assert installation.refused == 0
    assert installation.used > 500


async def test_a_key_that_signs_before_it_is_known_is_refused() -> None:
    """Show that the test above sees a false refusal: here the new key signs at once."""
    async with AsyncExitStack() as stack:
        installation = Installation(publish_ahead=timedelta(0))
        await installation.start(stack)
        await installation.run(timedelta(minutes=2))
        await installation.processes[0].rotate()
        await installation.run(timedelta(minutes=2))
    assert installation.refused > 0


async def test_a_removed_key_is_no_longer_stored(installation: Installation) -> None:
    await installation.processes[0].rotate()
    assert len(await installation.processes[0].stored()) == 2
    installation.clock.advance((PUBLISH_AHEAD + ACCESS_LIFETIME + MARGIN).total_seconds())
    await SigningKeyReader(keys=installation.processes[1], clock=installation.clock).read()
    assert len(await installation.processes[0].stored()) == 1


async def test_a_leaked_key_is_refused_within_a_minute(installation: Installation) -> None:
    await installation.run(timedelta(minutes=2))
    leaked = installation.processes[0].sign(7, 3)
    new = await installation.processes[0].rotate(revoke=True)
    await installation.run(timedelta(seconds=80))
    assert installation.kids() == [new.kid]
    for service in installation.services:
        assert await slug_of(service.authenticate(f"Bearer {leaked}")) == "invalid-token"
    assert [key.kid for key in await installation.processes[1].stored()] == [new.kid]


async def test_one_rotation_at_a_time(installation: Installation) -> None:
    await installation.processes[0].rotate()
    assert await slug_of(installation.processes[1].rotate()) == "conflict"
    await installation.processes[1].rotate(revoke=True)
    assert len(await installation.processes[0].stored()) == 1


async def test_the_first_key_is_taken_over_once(installation: Installation) -> None:
    (first,) = await installation.processes[0].stored()
    assert installation.first_key.encode() not in first.sealed
    await installation.processes[0].rotate(revoke=True)
    restarted = installation.process()
    await restarted.load()
    assert first.kid not in [key["kid"] for key in restarted.public_keys()]


async def test_another_file_is_a_rotation(installation: Installation) -> None:
    (first,) = await installation.processes[0].stored()
    restarted = installation.process(first_key=new_private_key())
    await restarted.load()
    first, second = await restarted.stored()
    assert (first.kid, second.active_at) == (installation.kids()[0], START + PUBLISH_AHEAD)
    assert restarted.verify(restarted.sign(7, 3)).user_id == 7


async def test_another_pepper_stops_the_start_with_what_to_restore(installation: Installation) -> None:
    with pytest.raises(ValueError, match="SEGOPS_API_KEY_PEPPER"):
        await installation.process(pepper="x" * 32).load()


async def test_before_the_keys_are_read_nothing_is_signed(installation: Installation) -> None:
    fresh = installation.process()
    for call in (lambda: fresh.sign(7, 3), lambda: fresh.verify("x"), fresh.public_keys):
        with pytest.raises(Unavailable):
            call()
    installation.store.reachable = False
    await SigningKeyReader(keys=fresh, clock=installation.clock).read()
    await SigningKeyReader(keys=installation.processes[0], clock=installation.clock).read()
    assert installation.processes[0].sign(7, 3), "the loaded keys stay"
