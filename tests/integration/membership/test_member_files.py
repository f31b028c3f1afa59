"""Files of members from ClickHouse: complete, or an error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.domain.members.sets import MemberFormat, MemberSet
from segops_membership.ports.errors import EngineUnavailable
from tests.corpus.builders import count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness

SEGMENT = 42
USERS = 300


async def read(sets: ClickHouseMemberSets, tenant: int, members: MemberSet, member_format: MemberFormat) -> bytes:
    return b"".join([chunk async for chunk in sets.stream(tenant, SEGMENT, members, member_format)])


async def test_a_file_without_all_members_is_an_error(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event(f"user-{number}") for number in range(USERS)])
    await harness.compute.run(job(tenant, 1, {SEGMENT: group(count())}))
    sets = ClickHouseMemberSets(clickhouse=harness.clickhouse)
    members = await sets.newest(tenant, SEGMENT)
    assert members is not None
    for member_format in MemberFormat:
        assert await read(sets, tenant, members, member_format)
    # As if the numbers of some members were lost.
    larger = replace(members, size=members.size + 1)
    for member_format in (MemberFormat.CSV, MemberFormat.NDJSON):
        with pytest.raises(EngineUnavailable, match="all members"):
            await read(sets, tenant, larger, member_format)


async def test_a_file_that_is_given_up_ends_its_statement(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event(f"user-{number}") for number in range(USERS)])
    await harness.compute.run(job(tenant, 1, {SEGMENT: group(count())}))
    sets = ClickHouseMemberSets(clickhouse=harness.clickhouse)
    members = await sets.newest(tenant, SEGMENT)
    assert members is not None
    for _ in range(40):
        # More files than the client has connections: each gives its own back.
        chunks = sets.stream(tenant, SEGMENT, members, MemberFormat.NDJSON)
        assert await anext(chunks)
        await chunks.aclose()
    assert await sets.newest(tenant, SEGMENT) == members
