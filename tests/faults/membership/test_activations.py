"""Two processes deliver, die at named points and lose their leases, to a receiver that fails, stalls, and answers late or not."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
import pytest
import xxhash

from segops_common.core.clock import SystemClock
from segops_common.runtime.crash_points import CRASHED
from segops_membership.adapters.exploring import read_changes_on
from segops_membership.adapters.postgres.activations import PostgresActivations
from segops_membership.domain.activations.activation import Activation, EventName, Settings, Status
from segops_membership.domain.digest import Digest
from segops_membership.domain.members.changes import BEGINNING
from segops_membership.service.members.changes import cursor_of, position_of
from tests.corpus.builders import count, event, group, job, new_tenant
from tests.e2e.receivers import listening
from tests.faults.membership.conftest import ROOT
from tests.faults.membership.delivering import PERSON_KEY, SEALER, TIMEOUT_S
from tests.faults.receiving import Receiver, Twice, folded
from tests.integration.membership.harness import MembershipHarness
from tests.shared.fork_server import ForkedProcess, ForkServer

SEGMENT: Final = 42
POINTS: Final = ("before_delivery", "after_delivery", "before_position")
CRASH_AT: Final = ",".join(f"{point}:0.12" for point in POINTS)
IN: Final = group(count("login"), count("leave", "eq", 0))
EVERY: Final = (EventName.RECOMPUTED, EventName.ENTERED, EventName.EXITED)
MOODS: Final = ("good",) * 3 + ("fails", "cuts", "twice") * 2 + ("late", "deaf")
LEAST_RUNS, MOST_RUNS = 4, 60


@dataclass
class Replicas:
    """Two processes. Whichever dies is started again."""

    forks: ForkServer
    addresses: tuple[str, str]
    database: asyncpg.Connection
    activation: Activation
    deaths: Counter[str] = field(default_factory=Counter)
    _running: set[ForkedProcess] = field(default_factory=set)

    async def run(self) -> None:
        """Run until cancelled. What would take minutes is made to happen at once: a lease ends, a delay passes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(2):
                    tasks.create_task(self._keep_one_running())
                tasks.create_task(self._hurry(Random(3)))
        finally:
            for process in self._running:
                process.kill()

    async def _keep_one_running(self) -> None:
        program = str(Path(__file__).with_name("delivering.py"))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        while True:
            process = await self.forks.start(
                program, *self.addresses, CRASH_AT, stdout=PIPE, stderr=PIPE, env=environment
            )
            self._running.add(process)
            _, errors = await process.communicate()
            self._running.discard(process)
            said = (errors or b"").decode()
            assert process.returncode == CRASHED, said
            self.deaths.update(point for point in POINTS if f"crash point {point} reached" in said)

    async def _hurry(self, random: Random) -> None:
        key = self.activation.id
        of_this = "UPDATE membership.activations SET {} WHERE activation_id = $1"
        while True:
            await self.database.execute(of_this.format("due_at = clock_timestamp()"), key)
            if random.random() < 0.2:
                await self.database.execute(of_this.format("lease_until = clock_timestamp()"), key)
            await asyncio.sleep(0.1)


@pytest.fixture
async def database(superuser_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(superuser_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def _run(harness: MembershipHarness, tenant: int, number: int) -> None:
    """Let forty users enter and, but for the first run, ten exit; then publish."""
    users = [f"user-{number}-{user}" for user in range(40)]
    gone = [f"user-{number - 1}-{user}" for user in range(10)] if number > 1 else []
    await harness.insert(tenant, [*(event(user) for user in users), *(event(user, "leave") for user in gone)])
    await harness.compute.run(job(tenant, number, {SEGMENT: IN}))


@pytest.mark.long
async def test_a_receiver_rebuilds_the_members_whoever_dies(
    harness: MembershipHarness,
    forks: ForkServer,
    clickhouse_url: str,
    postgres_url: str,
    database: asyncpg.Connection,
) -> None:
    tenant = new_tenant()
    forks.preload("tests.faults.membership.delivering")
    async with listening(Receiver(Random(7), MOODS, late_s=2 * TIMEOUT_S)) as receiver:
        activation = await _started(harness, tenant, receiver.url)
        replicas = Replicas(forks, (clickhouse_url, postgres_url), database, activation)
        working = asyncio.create_task(replicas.run())
        try:
            runs = 0
            while runs < LEAST_RUNS or not (set(POINTS) <= replicas.deaths.keys() and receiver.has_shown_all_moods):
                runs += 1
                assert runs <= MOST_RUNS, f"windows were not reached: {replicas.deaths}, {receiver.shown}"
                await _run(harness, tenant, runs)
                await _until_sent(harness, activation, runs, working)
            receiver.is_kind = True
            await _run(harness, tenant, runs + 1)
            await _until_sent(harness, activation, runs + 1, working)
        finally:
            working.cancel()
            await asyncio.wait([working])

    expected = (await harness.succeeded(tenant)).segments[0]
    members = folded(receiver.stream)
    assert (len(members), _digest(members)) == (expected.size, expected.digest)
    assert await _by_changes(harness, tenant) == members
    # The control: without the ids, changes come twice.
    with pytest.raises(Twice):
        folded(receiver.stream, ignore_repetitions=False)


async def _started(harness: MembershipHarness, tenant: int, url: str) -> Activation:
    activations = PostgresActivations(engine=harness.engine, sealer=SEALER)
    now = SystemClock().now()
    settings = Settings(url=url, events=EVERY)
    activation = await activations.add(tenant, SEGMENT, "webhook", "acme", settings, now, limit=1)
    assert activation is not None
    await activations.change(tenant, activation.id, settings, Status.ACTIVE, BEGINNING, now)
    return activation


async def _until_sent(
    harness: MembershipHarness, activation: Activation, run_id: int, working: asyncio.Task[None]
) -> None:
    """Return when the receiver has confirmed the run."""
    activations = PostgresActivations(engine=harness.engine, sealer=SEALER)
    async with asyncio.timeout(300):
        while True:
            assert not working.done(), working.exception()
            now = await activations.find([activation.tenant_id], activation.id)
            assert now is not None
            assert now.status is Status.ACTIVE
            if now.position is not None and now.position.run_id == run_id and not now.position.is_amid:
                return
            await asyncio.sleep(0.05)


async def _by_changes(harness: MembershipHarness, tenant: int) -> set[str]:
    """Return the members of a consumer of the changes, which reads page by page from the cursor of the last."""
    changes = read_changes_on(harness.clickhouse, harness.engine, PERSON_KEY)
    members: set[str] = set()
    position, has_more = BEGINNING, True
    while has_more:
        page = await changes.read(tenant, position, limit=30, segment_id=SEGMENT)
        for change in page.changes:
            assert (change.user_id in members) is (change.change == "exited"), "each change comes once"
            members ^= {change.user_id}
        position, has_more = position_of(cursor_of(page.end)), page.has_more
    return members


def _digest(users: set[str]) -> str:
    sums = Digest()
    for user in users:
        sums += Digest(xxhash.xxh64_intdigest(user.encode()), xxhash.xxh3_64_intdigest(user.encode()))
    return str(sums)
