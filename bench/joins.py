"""Evaluates segments of a tenant whose ids are joined, compared with the same events when no id is joined.

Every tenth profile is an anonymous id that its successor has claimed. Both tenants have the same events, profiles and numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.harness.cases import CASES, Case
from bench.harness.engines import folder, warehouse
from bench.harness.history import AS_OF_MS, TENANT, generate, users_of
from bench.harness.pairs import in_turn, milliseconds
from bench.report import Ratio, at_most
from bench.segments import evaluate
from segops_common.contracts.warehouse import EVENTS_TABLE, IDENTITY_CLAIMS_TABLE, PROFILE_SEEN_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles

EVENTS: Final = 2_000_000
ROUNDS: Final = 9
JOINED: Final = TENANT + 1
SHARE: Final = 10
_BUDGETED: Final = "count"
_NAMES: Final = (_BUDGETED, "count in a window", "payload filter", "trait", "negative only", "sequence", "sum")


class _OfTenant:
    """The evaluation of one tenant, with the tenant of `evaluate` replaced."""

    def __init__(self, clickhouse: ClickHouse, tenant_id: int) -> None:
        self._evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
        self._tenant_id = tenant_id

    async def members(self, definitions: Sequence[Group]) -> list[int]:
        """Return the number of members of each definition."""
        return await evaluate(self._evaluation, definitions, tenant_id=self._tenant_id)


async def run(events: int = EVENTS) -> list[Ratio]:
    """Measure on this many generated events of each of two tenants."""
    with folder() as state:
        async with warehouse(state) as clickhouse:
            await generate(clickhouse, events)
            await _copy(clickhouse, users_of(events))
            alone = [await _ratio(clickhouse, case.name, [case]) for case in CASES if case.name in _NAMES]
            return [*alone, await _ratio(clickhouse, f"all {len(CASES)} cases in one evaluation", CASES)]


async def _ratio(clickhouse: ClickHouse, name: str, cases: Sequence[Case]) -> Ratio:
    definitions = [case.definition for case in cases]
    joined, alone = (
        partial(milliseconds, partial(_OfTenant(clickhouse, tenant).members, definitions))
        for tenant in (JOINED, TENANT)
    )
    ours, theirs = await in_turn(ROUNDS, joined, alone)
    budget = at_most(1.3) if name == _BUDGETED else None
    what = f"{name}, every {SHARE}th profile joined to another"
    return Ratio(what, "the same, no id joined", ours, theirs, "ms", budget)


async def _copy(clickhouse: ClickHouse, users: int) -> None:
    """Store the same events for another tenant, as anonymous ones of every tenth profile, and the claims on these."""
    is_visitor = f"toUInt64(substring(user_id, 6)) % {SHARE} = 0"
    columns = "event_type, timestamp, message_id, kind, payload, context, removed, received_at, source_partition, source_offset"
    ids = f"if({is_visitor}, '', user_id), if({is_visitor}, user_id, '')"
    await clickhouse.command(
        f"INSERT INTO {EVENTS_TABLE} (tenant_id, user_id, anonymous_id, {columns})"
        f" SELECT {JOINED}, {ids}, {columns} FROM {EVENTS_TABLE} WHERE tenant_id = {TENANT}",
        timeout_s=1_800,
    )
    claim = (
        f"(fromUnixTimestamp64Milli({AS_OF_MS - 1}, 'UTC'), 'claim', concat('user-', toString(number * {SHARE} + 1)))"
    )
    visitor = f"concat('user-', toString(number * {SHARE}))"
    await clickhouse.command(
        f"INSERT INTO {IDENTITY_CLAIMS_TABLE} SELECT {JOINED}, xxHash64({visitor}), {visitor}, {claim}"
        f" FROM numbers({users // SHARE})"
    )
    for table in (EVENTS_TABLE, PROFILE_SEEN_TABLE):
        await clickhouse.command(f"OPTIMIZE TABLE {table} FINAL", timeout_s=1_800)
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    await profiles.assign_numbers(JOINED, 1, await profiles.count_pending(JOINED), 1)
