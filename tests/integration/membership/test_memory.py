"""Evaluation under a small limit of memory: the same answer, part by part, or a refusal; never more memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.evaluation import ClickHouseEvaluation, ClickHouseProfiles
from segops_membership.domain.compiler import compile_definition
from segops_membership.domain.plan import atoms_of
from segops_membership.ports import Answers, QueryRefused
from tests.integration.membership.stack import NOW_MS, Stack, count, group, new_tenant

USERS = 60_000
DEFINITION = group(
    count("login", "gte", 2),
    {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"},
    {"type": "sample", "percent": 50},
    count("*", "gte", 1, window={"last": "30d"}),
)


@pytest.fixture
async def tenant(stack: Stack) -> AsyncIterator[int]:
    """A tenant with so many users that a statement about all of them takes some memory."""
    tenant = new_tenant()
    columns = "tenant_id, kind, event_type, user_id, message_id, timestamp, received_at, payload"
    for kind, event_type, payload in (
        ("track", "login", "{}"),
        ("track", "login", "{}"),
        ("identify", "$identify", '{"plan":"pro"}'),
    ):
        await stack.clickhouse.command(
            f"INSERT INTO events ({columns}) SELECT {{t:UInt64}}, {{kind:String}}, {{type:String}},"
            " concat('a user with a long id ', toString(number)), generateUUIDv4(), fromUnixTimestamp64Milli({at:Int64}),"
            " fromUnixTimestamp64Milli({at:Int64}), {payload:String}"
            f" FROM numbers({{users:UInt64}})",
            {"t": tenant, "kind": kind, "type": event_type, "at": NOW_MS - 1000, "payload": payload, "users": USERS},
        )
    await ClickHouseProfiles(clickhouse=stack.clickhouse).number(tenant, 0, USERS, 1)
    yield tenant
    for table in ("events", "profile_seen", "profiles"):
        await stack.clickhouse.command(f"DELETE FROM {table} WHERE tenant_id = {{t:UInt64}}", {"t": tenant})


async def answer(clickhouse: ClickHouse, tenant: int, memory_bytes: int) -> Answers:
    atoms = atoms_of(compile_definition(DEFINITION, NOW_MS, segment_id=1))
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse, memory_bytes=memory_bytes)
    watched: list[int] = []
    found = await evaluation.answer(tenant, atoms, NOW_MS, watched.append)
    assert sum(watched) == len(atoms)
    return found


async def test_what_does_not_fit_is_asked_part_by_part_with_the_same_answer(stack: Stack, tenant: int) -> None:
    whole = await answer(stack.clickhouse, tenant, 4 * 1024**3)
    in_parts = await answer(stack.clickhouse, tenant, 10 * 1024**2)

    assert len(whole.universe) == USERS
    assert (in_parts.universe, in_parts.atoms) == (whole.universe, whole.atoms)
    assert in_parts.rows_read > whole.rows_read
    with pytest.raises(QueryRefused, match="241"):
        await answer(stack.clickhouse, tenant, 1024**2)
