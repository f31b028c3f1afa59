"""The whole product under kills, freezes, a full disk and overload: nothing acknowledged is lost or counts twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.faults.product.disk import CANNOT, limited_disk
from tests.faults.product.forgetting import forget_deliveries
from tests.faults.product.injection import EVENTS_BETWEEN, Freeze, FullDisk, Kill, Step, inject, kills_and_freezes
from tests.faults.product.load import Load
from tests.faults.product.overload import overload
from tests.faults.product.running import PATIENCE_S, Product, running
from tests.faults.product.scenario import Scenario, scenario
from tests.faults.receiving import Processed, Twice, folded

SEED = 12
MOST_S = 3_000
"""How long all points may take to be reached. A run that does not reach them is an error."""
POINTS = {
    "ingest.sink": {"after_intent", "after_insert", "after_commit"},
    "segments.outbox": {"before_outbox_append", "after_outbox_append"},
    "segments.results": {"after_insert", "after_commit"},
    "membership.worker": {
        *(
            f"{when}_{what}"
            for what in ("numbers", "outcomes", "changes", "append", "show")
            for when in ("before", "after")
        ),
        *("after_signal", "before_result", "after_result", "before_announce", "amid_announce", "after_announce"),
        *("before_delivery", "after_delivery", "before_position"),
    },
}
RARE = {"after_intent", "after_insert", "after_commit"}
"""The sink reaches them many times a second. While it starts again, runs are incomplete, and nothing is delivered."""
CRASH_AT = ",".join(f"{point}:{0.01 if point in RARE else 0.08}" for point in sorted(set().union(*POINTS.values())))
SHORT = ((Kill("ingest.sink"), Kill("clickhouse"), Freeze("membership.worker", 3.0)),)


@pytest.fixture(scope="module")
async def disk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Path, bool]]:
    """A folder for all data, and whether it is a disk of limited size."""
    state = tmp_path_factory.mktemp("product") / "state"
    with limited_disk(state) as is_limited:
        yield state, is_limited


@pytest.fixture(scope="module")
async def product(disk: tuple[Path, bool]) -> AsyncIterator[Product]:
    """A product of this file, which kills it."""
    state, _ = disk
    async with running(state.parent, state) as product:
        yield product


@pytest.mark.long
async def test_short_faults_and_overload(product: Product, disk: tuple[Path, bool]) -> None:
    last: Step = (Kill("postgres"), FullDisk(5.0)) if disk[1] else (Kill("postgres"),)
    async with scenario(product, seed=SEED, rate=60, tenants=2) as run:
        statuses: Counter[int] = Counter()

        async def trouble(load: Load) -> None:
            await inject(product, load, [*SHORT, last])
            statuses.update(await overload(product.url, run.workspaces[0], lookups=100, previews=20))

        await run.through(trouble)
        assert run.load.record.answers.keys() - {202}, "the faults stopped nobody"
        assert statuses[200] > 0
        assert statuses[429] + statuses[503] > 0, "the product was not overloaded"


@pytest.mark.long
async def test_the_short_faults_include_a_full_disk(disk: tuple[Path, bool]) -> None:
    if not disk[1]:
        pytest.skip(CANNOT)


@pytest.mark.long
async def test_without_the_memory_of_deliveries_a_repetition_counts_twice(product: Product) -> None:
    async with scenario(product, seed=SEED + 1, rate=60, tenants=1) as run:
        async with asyncio.TaskGroup() as group:
            run.load.start(group)
            await run.load.grows(30)
            await run.load.stop()
        assert await forget_deliveries(product.valkey.url, run.tenants) > 0
        await run.load.repeat_all()
        async with asyncio.timeout(PATIENCE_S):
            while not (await run.until_stored()).doubled:
                await asyncio.sleep(0.2)


@pytest.mark.long
async def test_every_kill_and_every_freeze(product: Product) -> None:
    async with scenario(product, seed=SEED + 2, rate=120, tenants=2) as run:
        steps = kills_and_freezes(SEED, pairs=6)
        await run.through(lambda load: inject(product, load, steps))


@pytest.mark.long
async def test_consumers_while_processes_die_at_every_named_point(product: Product) -> None:
    def is_reached(run: Scenario) -> bool:
        crashes = product.crashes()
        return all(crashes[name] >= points for name, points in POINTS.items()) and all(
            space.consumers.has_shown_all_moods for space in run.workspaces
        )

    async with scenario(product, seed=SEED + 4, rate=60, tenants=2) as run:

        async def trouble(load: Load) -> None:
            await product.restart(CRASH_AT)
            async with asyncio.timeout(MOST_S):
                while not is_reached(run):
                    await load.grows(EVENTS_BETWEEN)
            await product.restart("")

        await run.through(trouble)
        # The control: a receiver that ignored the ids of requests would have got changes twice.
        receivers = [receiver for space in run.workspaces for receiver in space.consumers.receivers.values()]
        assert any(_is_repeated(receiver.stream) for receiver in receivers)


def _is_repeated(stream: Sequence[Processed]) -> bool:
    try:
        folded(stream, ignore_repetitions=False)
    except Twice:
        return True
    return False


@pytest.mark.long
async def test_a_disk_that_is_full_for_half_a_minute(product: Product, disk: tuple[Path, bool]) -> None:
    if not disk[1]:
        pytest.skip(CANNOT)
    async with scenario(product, seed=SEED + 3, rate=200, tenants=2) as run:
        await run.through(lambda load: inject(product, load, [(FullDisk(30.0),)] * 2))
        assert run.load.record.answers.keys() - {202}, "the full disk stopped nobody"
