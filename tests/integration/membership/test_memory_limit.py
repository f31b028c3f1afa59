"""Evaluation under a small limit of memory: the same answer, part by part, or a refusal; never more memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pyroaring import BitMap

from segops_common.stores.clickhouse import NO_SETTINGS, ClickHouse, ResultSet, SentTable, Settings
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import predicates_of
from segops_membership.ports.evaluation import EvaluationResult, QueryRefused
from tests.corpus.builders import NOW_MS, count, group, new_tenant
from tests.integration.membership.harness import MembershipHarness

USERS = 60_000
DEFINITION = group(
    count("login", "gte", 2),
    {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"},
    {"type": "sample", "percent": 50},
    count("*", "gte", 1, window={"last": "30d"}),
)


@pytest.fixture
async def tenant(harness: MembershipHarness) -> AsyncIterator[int]:
    """A tenant with so many users that a statement about all of them takes some memory."""
    tenant = new_tenant()
    columns = "tenant_id, kind, event_type, user_id, message_id, timestamp, received_at, payload"
    for kind, event_type, payload, age_ms in (
        ("track", "login", "{}", 2000),
        ("track", "login", "{}", 1000),
        ("identify", "$identify", '{"plan":"pro"}', 1000),
    ):
        await harness.clickhouse.command(
            f"INSERT INTO events ({columns}) SELECT {{t:UInt64}}, {{kind:String}}, {{type:String}},"
            " concat('a user with a long id ', toString(number)), generateUUIDv4(), fromUnixTimestamp64Milli({at:Int64}),"
            " fromUnixTimestamp64Milli({at:Int64}), {payload:String}"
            f" FROM numbers({{users:UInt64}})",
            {"t": tenant, "kind": kind, "type": event_type, "at": NOW_MS - age_ms, "payload": payload, "users": USERS},
        )
    await ClickHouseProfiles(clickhouse=harness.clickhouse).assign_numbers(tenant, 0, USERS, 1)
    yield tenant
    for shard in harness.clickhouse.shards:
        for table in ("events", "profile_seen", "profiles"):
            await shard.command(f"DELETE FROM {table} WHERE tenant_id = {{t:UInt64}}", {"t": tenant})


async def answer(clickhouse: ClickHouse, tenant: int, memory_bytes: int) -> EvaluationResult:
    predicates = predicates_of(compile_definition(DEFINITION, NOW_MS, segment_id=1))
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse, memory_bytes=memory_bytes)
    watched: list[int] = []
    result = await evaluation.evaluate(tenant, predicates, NOW_MS, watched.append)
    assert sum(watched) == len(predicates)
    return result


class Recording(ClickHouse):
    """The warehouse, with the statements on events and their settings written down."""

    statements: list[tuple[str, bool]]

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
        sent: SentTable | None = None,
    ) -> ResultSet:
        if "GROUP BY user_key" in sql:
            self.statements.append((sql.split()[0], "additional_table_filters" in settings))
        return await super().query(sql, parameters, settings=settings, timeout_s=timeout_s, sent=sent)


@pytest.fixture
async def recording(clickhouse_url: str) -> AsyncIterator[Recording]:
    warehouse = Recording(url=clickhouse_url)
    warehouse.statements = []
    yield warehouse
    await warehouse.close()


LOGINS = group(count("login", "gte", 2))
SEQUENCE = group({"type": "event_sequence", "steps": [{"event_type": "login"}] * 2, "within": "1d"})


@pytest.mark.one_server
@pytest.mark.parametrize(
    ("definition", "memory_mib", "sent"),
    [
        (LOGINS, 1024, [("SELECT", False)]),
        # What all tenants have would not fit: the index is asked how much there is to read.
        (LOGINS, 15, [("EXPLAIN", False)] + [("SELECT", True)] * 4),
        (SEQUENCE, 1024, [("SELECT", False)]),
        (SEQUENCE, 24, [("EXPLAIN", False)] + [("SELECT", True)] * 4),
    ],
)
async def test_what_will_not_fit_is_asked_part_by_part_at_once(
    recording: Recording, tenant: int, definition: Group, memory_mib: int, sent: list[tuple[str, bool]]
) -> None:
    predicates = predicates_of(compile_definition(definition, NOW_MS, segment_id=1))
    universe = BitMap(range(USERS))
    evaluation = ClickHouseEvaluation(clickhouse=recording, memory_bytes=memory_mib * 1024**2)

    result = await evaluation.evaluate(tenant, predicates, NOW_MS, universe=universe)

    assert [len(members) for members in result.members.values()] == [USERS]
    assert recording.statements == sent


async def test_queries_tell_the_rows_that_are_to_be_read(recording: Recording, tenant: int) -> None:
    predicates = predicates_of(compile_definition(LOGINS, NOW_MS, segment_id=1))
    universe, logins = await ClickHouseEvaluation(clickhouse=recording).queries(tenant, predicates, NOW_MS)
    # Whole granules of 8,192 rows, in which other events may lie.
    assert USERS <= universe.rows <= USERS + 2 * 8192
    assert 3 * USERS <= logins.rows <= 3 * USERS + 4 * 8192


@pytest.mark.one_server
async def test_what_does_not_fit_is_asked_part_by_part_with_the_same_answer(
    harness: MembershipHarness, recording: Recording, tenant: int
) -> None:
    whole = await answer(harness.clickhouse, tenant, 4 * 1024**3)
    # By its estimate the whole takes 18 MiB, so it is split; a part takes up to 10, by how the rows lie.
    in_parts = await answer(recording, tenant, 14 * 1024**2)

    assert recording.statements.count(("SELECT", True)) >= 8, "the statements about events and traits must be split"
    assert len(whole.universe) == USERS
    assert (in_parts.universe, in_parts.members) == (whole.universe, whole.members)
    assert in_parts.rows_read > whole.rows_read
    with pytest.raises(QueryRefused, match=r"memory [(]ClickHouse error 241[)]"):
        await answer(harness.clickhouse, tenant, 1024**2)
