"""Reads the events of one user from `events_by_profile`, and from `events` as before that table was there.

The explanation of six conditions is compared too. The evaluator's part of it is the same on both sides.
"""

from __future__ import annotations

from functools import partial
from itertools import count

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.harness.analysis import explain_on
from bench.harness.cases import SIX, segment
from bench.harness.engines import folder, postgres, warehouse
from bench.harness.history import AS_OF, AS_OF_MS, TENANT, add, generate, users_of
from bench.harness.pairs import in_turn, milliseconds
from bench.report import Ratio
from segops_common.stores.clickhouse import ClickHouse
from segops_language.walk import needs_of
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.service.analysis.explain import Explain

EVENTS = 1_000_000
UNMERGED = 50_000
ROUNDS = 7
USERS = 20
_INCOMPLETE = "ALTER TABLE history_copies DELETE WHERE name = 'complete' SETTINGS mutations_sync = 2"
_COMPLETE = "INSERT INTO history_copies (name) VALUES ('complete')"


async def run(events: int = EVENTS) -> list[Ratio]:
    """Measure with all parts merged, and with young parts beside them."""
    with folder() as state:
        async with warehouse(state) as clickhouse, postgres(state) as engine:
            await generate(clickhouse, events)
            await clickhouse.command("OPTIMIZE TABLE events_by_profile FINAL", timeout_s=1_800)
            merged = await _ratios(clickhouse, engine, events, "merged")
            await add(clickhouse, events, UNMERGED)
            return [*merged, *await _ratios(clickhouse, engine, events, "with unmerged parts")]


async def _ratios(clickhouse: ClickHouse, engine: AsyncEngine, events: int, state: str) -> list[Ratio]:
    needs = needs_of([segment(*SIX)])
    names = (f"user-{number * 7919 % users_of(events)}" for number in count())
    # Each reader asks once which table is complete, and keeps to it.
    by_type, explain_by_type = ClickHouseProfileEvents(clickhouse=clickhouse), await explain_on(clickhouse, engine)
    by_profile, explain_by_profile = (
        ClickHouseProfileEvents(clickhouse=clickhouse),
        await explain_on(clickhouse, engine),
    )
    await by_profile.read(TENANT, "user-0", needs, AS_OF_MS)
    await explain_by_profile.explain(TENANT, "user-0", segment_id=None, definition=segment(*SIX), as_of=AS_OF)

    async def reads(reader: ClickHouseProfileEvents) -> float:
        return await milliseconds(partial(_read_all, reader)) / USERS

    async def _read_all(reader: ClickHouseProfileEvents) -> None:
        for _ in range(USERS):
            await reader.read(TENANT, [next(names)], needs, AS_OF_MS)

    async def explanations(explain: Explain) -> float:
        return await milliseconds(partial(_explain_all, explain)) / USERS

    async def _explain_all(explain: Explain) -> None:
        for _ in range(USERS):
            await explain.explain(TENANT, next(names), segment_id=None, definition=segment(*SIX), as_of=AS_OF)

    await clickhouse.command(_INCOMPLETE)
    ours, theirs = await in_turn(ROUNDS, partial(reads, by_profile), partial(reads, by_type))
    explained, before = await in_turn(
        ROUNDS, partial(explanations, explain_by_profile), partial(explanations, explain_by_type)
    )
    await clickhouse.command(_COMPLETE)
    return [
        Ratio(f"the events of a user by profile, {state}", "by type", ours, theirs, "ms"),
        Ratio(f"an explanation of six conditions by profile, {state}", "by type", explained, before, "ms"),
    ]
