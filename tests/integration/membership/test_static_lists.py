"""Static lists on real engines: changes are stored, runs evaluate them, users are looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from segops_common.contracts.jobs import ComputeJob, JobSegment, StaticMembersChanged
from segops_common.contracts.topics import STATIC_MEMBERS
from segops_common.core.clock import SystemClock
from segops_common.streams.log import Record
from segops_common.streams.loop.consumer import BadRecords, Batch
from segops_language import Group
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.consumers.static_members import StaticMembers
from segops_membership.domain.static_list import StaticListState
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.static_lists import StaticListVersions, StoreStaticLists
from tests.corpus.builders import NOW, count, event, group, new_tenant
from tests.integration.membership.harness import MembershipHarness

LIST = 21
RULE = 22
NOBODY = Group(logic="OR", conditions=())


def change(
    tenant_id: int, version: int, *, base: int | None = None, part: int = 1, parts: int = 1, **more: object
) -> StaticMembersChanged:
    """Return a portion of a change of the list."""
    return StaticMembersChanged.model_validate(
        {
            "tenant_id": tenant_id,
            "segment_id": LIST,
            "list_version": version,
            "base_version": version - 1 if base is None else base,
            "part": part,
            "parts": parts,
            **more,
        }
    )


def list_job(tenant_id: int, run_id: int, version: int, rule: Group | None = None) -> ComputeJob:
    """Return a job for the list, or for a rule that refers to it."""
    static = JobSegment(id=LIST, version=version, definition=NOBODY, list_version=version)
    segments = (static,) if rule is None else (JobSegment(id=RULE, version=1, definition=rule),)
    references = () if rule is None else (static,)
    as_of = NOW + timedelta(seconds=run_id)
    return ComputeJob(
        run_id=run_id, tenant_id=tenant_id, segments=segments, references=references, as_of=as_of, requested_by="user:1"
    )


async def test_a_list_is_its_changes_in_their_order(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("known")])
    await harness.lists.store([change(tenant, 1, replace=True, add=["known", "unknown", "é\n"])])
    await harness.compute.run(list_job(tenant, 1, 1))
    assert [await harness.segments_of(tenant, user) for user in ("known", "unknown", "é\n", "nobody")] == [
        (LIST,),
        (LIST,),
        (LIST,),
        (),
    ]
    result = await harness.succeeded(tenant)
    assert result.segments[0].size == 3

    await harness.lists.store([change(tenant, 2, add=["new"], remove=["known", "never"])])
    await harness.compute.run(list_job(tenant, 2, 2))
    assert [await harness.segments_of(tenant, user) for user in ("known", "unknown", "new")] == [(), (LIST,), (LIST,)]

    await harness.lists.store([change(tenant, 3, replace=True, add=["known"])])
    await harness.compute.run(list_job(tenant, 3, 3))
    assert [await harness.segments_of(tenant, user) for user in ("known", "unknown", "new")] == [(LIST,), (), ()]


async def test_a_change_counts_when_all_its_parts_are_there(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.lists.store([change(tenant, 1, replace=True, add=["a"])])
    await harness.lists.store([change(tenant, 2, replace=True, part=1, parts=2, add=["b"])])
    await harness.compute.run(list_job(tenant, 1, 1))
    assert [await harness.segments_of(tenant, user) for user in "abc"] == [(LIST,), (), ()]
    with pytest.raises(EngineUnavailable):
        await harness.compute.run(list_job(tenant, 2, 2))
    await harness.lists.store([change(tenant, 2, replace=True, part=2, parts=2, add=["c"])])
    await harness.compute.run(list_job(tenant, 2, 2))
    assert [await harness.segments_of(tenant, user) for user in "abc"] == [(), (LIST,), (LIST,)]


def record(offset: int, portion: StaticMembersChanged | bytes) -> Record:
    value = portion if isinstance(portion, bytes) else portion.model_dump_json().encode()
    return Record(offset=offset, key=b"1", value=value, headers=(), timestamp_ms=0)


def batch(records: Sequence[Record]) -> Batch:
    return Batch(
        topic=STATIC_MEMBERS.name,
        partition=0,
        first_offset=records[0].offset,
        last_offset=records[-1].offset,
        records=tuple(records),
    )


async def test_of_a_change_that_misses_a_part_one_record_is_bad(harness: MembershipHarness) -> None:
    """Only one, however many parts are missing: too many bad records would stop the lists of all tenants."""
    tenant = new_tenant()
    whole = [change(tenant, 2, part=part, parts=50, add=[f"u{part}"]) for part in range(1, 51)]
    records = [
        record(1, change(tenant, 1, replace=True, add=["a"])),
        record(2, whole[0]),
        record(3, b'{"tenant_id":1}'),
    ]
    records += [record(2 + number.part, number) for number in whole[2:]]
    handler = StaticMembers(lists=harness.lists)
    with pytest.raises(BadRecords) as refused:
        await handler.handle(batch(records))
    assert [(item.offset, item.code) for item in refused.value.records] == [
        (3, "not-a-list-portion"),
        (5, "portion-missing"),
    ]
    await handler.handle(batch([item for item in records if item.offset not in (3, 5)]))
    await handler.handle(batch([record(60, change(tenant, 3, replace=True, add=["b"]))]))
    await harness.compute.run(list_job(tenant, 1, 3))
    assert await harness.segments_of(tenant, "b") == (LIST,)


class Forgetful(StoredStaticLists):
    """Crashes before it saves the state of what it stored."""

    async def save_state(self, tenant_id: int, segment_id: int, state: StaticListState) -> None:
        raise EngineUnavailable("gone")


async def test_a_portion_that_is_stored_again_counts_once(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    portions = [change(tenant, 1, replace=True, part=1, parts=2, add=["a"])]
    portions += [change(tenant, 1, replace=True, part=2, parts=2, add=["b"])]
    with pytest.raises(EngineUnavailable):
        await StoreStaticLists(lists=Forgetful(clickhouse=harness.clickhouse, engine=harness.engine)).store(portions)
    await harness.lists.store(portions)
    await harness.lists.store(portions)
    await harness.compute.run(list_job(tenant, 1, 1))
    assert (await harness.succeeded(tenant)).segments[0].size == 2


async def test_what_no_list_holds_any_more_is_dropped(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    kept = {1: {"a"}, 2: {"a", "b"}, 3: {"b", "c"}}
    for version, name in ((1, "a"), (2, "b"), (3, "c")):
        await harness.lists.store([change(tenant, version, replace=True, add=[name])])
        assert await stored(harness, tenant, kept[version]) == kept[version]
    await harness.lists.store([change(tenant, 4, replace=True, deleted=True)])
    assert await stored(harness, tenant, set()) == set()
    await harness.compute.run(list_job(tenant, 1, 4))
    assert (await harness.succeeded(tenant)).segments[0].size == 0


async def stored(harness: MembershipHarness, tenant_id: int, expected: set[str]) -> set[str]:
    """Return the users in the table, at the latest when they are the expected ones: rows are deleted in the background."""
    observed: set[str] = set()
    for _ in range(100):
        rows = await harness.clickhouse.query(
            "SELECT user_id FROM static_members WHERE tenant_id = {t:UInt64}", {"t": tenant_id}
        )
        observed = {str(row[0]) for row in rows.rows}
        if observed == expected:
            break
        await asyncio.sleep(0.05)
    return observed


async def test_a_run_that_was_overtaken_twice_starts_again(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    lists = StoredStaticLists(clickhouse=harness.clickhouse, engine=harness.engine)
    versions = StaticListVersions(lists=lists, clock=SystemClock())
    await harness.lists.store([change(tenant, 1, replace=True, add=["a"])])
    read = (await versions.at_least(tenant, {LIST: 1})).values()
    for version in (2, 3):
        await versions.check_still_stored(tenant, read)
        await harness.lists.store([change(tenant, version, replace=True)])
    with pytest.raises(EngineUnavailable):
        await versions.check_still_stored(tenant, read)


async def test_rules_refer_to_lists_and_their_universe_holds_the_ids(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("both"), event("outside")])
    await harness.lists.store([change(tenant, 1, replace=True, add=["both", "listed"])])
    refers: dict[str, object] = {"type": "segment", "segment_id": LIST}
    await harness.compute.run(list_job(tenant, 1, 1, group(refers, count(operator="lt", value=1))))
    assert [await harness.segments_of(tenant, user) for user in ("both", "outside", "listed")] == [(), (), (RULE,)]
    await harness.compute.run(list_job(tenant, 2, 1, group({**refers, "negate": True})))
    assert [await harness.segments_of(tenant, user) for user in ("both", "outside", "listed")] == [(), (RULE,), ()]
    await harness.compute.run(list_job(tenant, 3, 1, group()))
    assert [await harness.segments_of(tenant, user) for user in ("both", "outside", "listed")] == [(RULE,), (RULE,), ()]


async def test_a_list_with_a_missing_part_fails_its_runs_until_it_is_replaced(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.lists.store([change(tenant, 1, replace=True, add=["a"])])
    late = change(tenant, 2, part=2, parts=2, add=["b"])
    following = change(tenant, 3, add=["c"])
    assert await harness.lists.store([late, following]) == [late, following]
    await harness.compute.run(list_job(tenant, 1, 2))
    result = await harness.failed(tenant)
    assert result.problem.type.endswith("/static-list-incomplete")
    assert await harness.lists.store([change(tenant, 4, replace=True, add=["d"])]) == []
    await harness.compute.run(list_job(tenant, 2, 4))
    assert [await harness.segments_of(tenant, user) for user in "abcd"] == [(), (), (), (LIST,)]
