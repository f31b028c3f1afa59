"""The contract of every store: runs, and which runs and segments the schedule finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, get_args

from segops_common.contracts.http import OpenRuns
from segops_common.contracts.jobs import IngestLag, RunCounts, RunProblem
from segops_common.core.clock import SystemClock
from segops_segments.domain.backlog import StaleCause, stale_cause
from segops_segments.domain.hourly import is_due
from segops_segments.domain.incomplete import must_be_repeated
from segops_segments.domain.run import Outcome, Run, RunPart, RunState
from segops_segments.domain.segment import Refresh, Segment, SegmentType
from segops_segments.domain.serving_status import DRAFT, ComputeState
from segops_segments.ports.transactions import WriteUnit
from tests.unit.segments.store_builders import (
    NOW,
    add_run,
    dispatch,
    drain,
    new_segment,
    save_parts,
    version_of,
)
from tests.unit.segments.store_contract import EVERYTHING, StoreContract, Stored, new_tenant

A_MILLISECOND: Final = timedelta(milliseconds=1)
LONG_AGO: Final = NOW - timedelta(days=10_000)


class RunContract(StoreContract):
    """What every store does with runs."""

    async def test_a_run_is_stored_completely(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            run = await add_run(unit, segment)
            [part] = run.parts
            assert (part.state, part.message_id, part.attempts) == ("queued", None, 0)
            full = await save_parts(
                unit,
                run,
                state="failed",
                heard_at=NOW,
                started_at=NOW,
                finished_at=NOW,
                attempts=3,
                lease_until=NOW,
                message_id=5,
                references={7: 2, 9: 1},
                outcome=Outcome(
                    size=1,
                    entered=2,
                    exited=3,
                    counts=RunCounts(universe=4),
                    duration_ms=5,
                    behind=IngestLag(positions=6, seconds=None),
                ),
                problem=RunProblem(type="t", title="t", detail="d"),
            )
        async with stored.reading() as unit:
            assert await unit.find_run(tenant, run.id) == full
            assert await unit.find_run(tenant + 1_000_000, run.id) is None
            assert await unit.list_runs(tenant, segment.id, EVERYTHING, 10) == list(full.parts)
            assert list(await unit.list_runs(tenant + 1_000_000, segment.id, EVERYTHING, 10)) == []

    async def test_only_changed_parts_are_saved(self, stored: Stored, tenant: int) -> None:
        one, other = await self.add(stored, tenant, "one"), await self.add(stored, tenant, "other")
        async with stored.writing(tenant) as unit:
            run = await add_run(unit, one, other)
            first = run.withdraw(one.id, NOW)
            second = run.withdraw(other.id, NOW)
            await unit.save_run(tenant, run, first)
            await unit.save_run(tenant, run, second)
        async with stored.reading() as unit:
            both = await unit.find_run(tenant, run.id)
        assert both is not None
        assert [part.state for part in both.parts] == ["superseded"] * 2

    async def test_only_queued_runs_without_a_fixed_instant_are_queued(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            await save_parts(unit, await add_run(unit, segment), state="succeeded")
            await add_run(unit, segment, fixed=True)
            first = await dispatch(unit, await add_run(unit, segment))
            waiting = await add_run(unit, segment)
        async with stored.writing(tenant) as unit:
            assert await unit.queued_runs(tenant, (segment.id, EVERYTHING)) == [first, waiting]
            assert list(await unit.queued_runs(tenant + 1_000_000, (segment.id,))) == []
            assert list(await unit.queued_runs(tenant, ())) == []

    async def test_a_run_of_several_segments_has_one_id_and_a_part_for_each(self, stored: Stored, tenant: int) -> None:
        one, other, third = [await self.add(stored, tenant, name) for name in ("one", "other", "third")]
        async with stored.writing(tenant) as unit:
            alone = await add_run(unit, third)
            run = await add_run(unit, other, one)
            assert run.segment_ids == (one.id, other.id)
            assert run.id > alone.id
            first, second = run.parts
            both = Run((first, replace(second, state="succeeded")))
            await unit.save_run(tenant, run, both)
        async with stored.writing(tenant) as unit:
            assert await unit.find_run(tenant, run.id) == both
            assert await unit.queued_runs(tenant, (one.id, other.id, third.id)) == [alone, both]
            assert list(await unit.queued_runs(tenant, (other.id,))) == [], "its part of the run is final"
            assert await unit.list_runs(tenant, one.id, EVERYTHING, 10) == [first]
            assert await unit.run_count(tenant, one.id) == 1
            later = await add_run(unit, other)
            assert later.id > run.id
            assert await unit.list_runs(tenant, other.id, EVERYTHING, 10, offset=1) == [both.parts[1]]
            assert await unit.run_count(tenant, other.id) == 2
            assert await unit.run_count(tenant + 1_000_000, other.id) == 0
        assert {part.segment_id for part in await stored.find_parts([(tenant, run.id)])} == {one.id, other.id}

    async def test_ids_ascend_in_the_order_of_concurrent_transactions(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        committed: list[int] = []

        async def write(number: int) -> None:
            async with stored.writing(tenant) as unit:
                run = await add_run(unit, segment, fixed=True)
                # Others get a chance to overtake.
                for _ in range(number % 3):
                    await asyncio.sleep(0)
                committed.append(run.id)

        await asyncio.gather(*(write(number) for number in range(8)))
        assert committed == sorted(committed)

    async def test_runs_are_found_by_their_outcome(self, stored: Stored, tenant: int) -> None:
        segment, other = await self.add(stored, tenant), await self.add(stored, tenant, "other")
        outcomes = {
            "published": Outcome(size=1),
            "not published": Outcome(size=2, published=False),
            "failed": None,
            "past failed": None,
            "running": None,
        }
        parts: dict[str, RunPart] = {}
        async with stored.writing(tenant) as unit:
            assert await unit.served_run(tenant, segment.id) is None
            assert await unit.settled_run(tenant, segment.id) is None
            for name, outcome in outcomes.items():
                run = await add_run(unit, segment, fixed=name in ("not published", "past failed"))
                state: RunState = "succeeded" if outcome else "failed" if "failed" in name else "running"
                [parts[name]] = (await save_parts(unit, run, state=state, outcome=outcome)).parts
        async with stored.reading() as unit:
            assert await unit.served_run(tenant, segment.id) == parts["published"]
            assert await unit.settled_run(tenant, segment.id) == parts["failed"]
            assert await unit.served_run(tenant, other.id) is None
            assert await unit.served_run(tenant + 1_000_000, segment.id) is None
        keys = [
            (tenant, parts["published"].run_id),
            (tenant + 1_000_000, parts["failed"].run_id),
            (tenant, parts["running"].run_id),
        ]
        by_run = {part.run_id: part for part in await stored.find_parts(keys)}
        assert by_run == {part.run_id: part for part in (parts["published"], parts["running"])}

    async def test_runs_that_have_not_ended_are_counted(self, stored: Stored, tenant: int) -> None:
        one, other = await self.add(stored, tenant), await self.add(stored, tenant, "other")
        async with stored.writing(tenant) as unit:
            assert await unit.open_runs(tenant) == OpenRuns(queued=0, running=0)
            both = await add_run(unit, one, other, fixed=True)
            await add_run(unit, one, fixed=True)
            await save_parts(unit, await add_run(unit, one, fixed=True), state="failed")
            assert await unit.open_runs(tenant) == OpenRuns(queued=2, running=0)
            first, second = both.parts
            half = Run((replace(first, state="running"), second))
            await unit.save_run(tenant, both, half)
            assert await unit.open_runs(tenant) == OpenRuns(queued=1, running=1)
            await unit.save_run(tenant, half, Run((replace(first, state="succeeded"), second)))
            assert await unit.open_runs(tenant) == OpenRuns(queued=2, running=0)
            assert await unit.open_runs(tenant + 1_000_000) == OpenRuns(queued=0, running=0)

    async def test_the_state_of_many_segments_is_read_at_once(self, stored: Stored, tenant: int) -> None:
        segment, other, draft = [await self.add(stored, tenant, name) for name in ("one", "other", "draft")]
        async with stored.writing(tenant) as unit:
            for size, published in ((1, True), (2, False)):
                run = await add_run(unit, segment, fixed=True)
                outcome = Outcome(size=size, published=published)
                await save_parts(unit, run, state="succeeded", outcome=outcome, finished_at=NOW)
            running = await save_parts(unit, await add_run(unit, segment), state="running")
            await add_run(unit, other, fixed=True)
            await save_parts(unit, await add_run(unit, draft), state="failed")
        ids = [segment.id, other.id, draft.id, EVERYTHING]
        both = {
            segment.id: ComputeState(member_count=1, last_computed_at=NOW, is_computing=True),
            other.id: ComputeState(is_computing=True),
        }
        async with stored.writing(tenant) as unit:
            assert await unit.compute_states((tenant, tenant + 1_000_000), ids) == both
            assert await unit.compute_states((tenant + 1_000_000,), ids) == {}
            assert await unit.compute_states((tenant,), []) == await unit.compute_states((), ids) == {}
            await save_parts(unit, running, state="failed")
            states = await unit.compute_states((tenant,), ids)
        assert states == both | {segment.id: replace(both[segment.id], is_computing=False)}
        assert [states[segment.id].status, states[other.id].status, DRAFT.status] == ["computed", "computing", "draft"]


class ScheduleContract(StoreContract):
    """Which runs and segments every store finds for the schedule."""

    async def test_a_run_is_silent_after_its_message_was_sent_and_its_lease_ended(
        self, stored: Stored, tenant: int
    ) -> None:
        await drain(stored)
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            silent = await dispatch(unit, await add_run(unit, segment, fixed=True))
            await dispatch(unit, await add_run(unit, segment, fixed=True), lease_until=NOW + timedelta(seconds=1))
            finished = await dispatch(unit, await add_run(unit, segment, fixed=True))
            await save_parts(unit, finished, state="succeeded")
            await add_run(unit, segment)
        assert (tenant, silent.id) not in await stored.silent_runs(NOW, 1000)
        await drain(stored)
        assert await silent_runs_of(stored, tenant) == [(tenant, silent.id)]

    async def test_a_silent_run_of_several_segments_is_returned_once(self, stored: Stored, tenant: int) -> None:
        segments = [await self.add(stored, tenant, name) for name in ("one", "other")]
        async with stored.writing(tenant) as unit:
            run = await save_parts(unit, await add_run(unit, *segments), lease_until=NOW)
        assert await silent_runs_of(stored, tenant) == [(tenant, run.id)]

    async def test_hourly_segments_are_due_until_they_have_a_later_run(self, stored: Stored, tenant: int) -> None:
        segments = {}
        async with stored.writing(tenant) as unit:
            for name in ("new", "early", "late", "fixed", "manual", "static", "deleted"):
                segments[name] = await add_segment(
                    unit,
                    tenant,
                    name,
                    refresh="manual" if name == "manual" else "hourly",
                    segment_type="static" if name == "static" else "rule",
                )
            await unit.delete_segment(tenant, segments["deleted"].id, NOW)
            for name, as_of in (("early", NOW), ("late", NOW + A_MILLISECOND)):
                await save_parts(unit, await add_run(unit, segments[name], as_of=as_of), state="failed")
            await add_run(unit, segments["fixed"], as_of=NOW + timedelta(hours=1), fixed=True)
        async with stored.reading() as unit:
            due = [segments[name] for name in ("new", "early", "fixed")]
            assert await unit.due_segments(tenant, NOW, 10) == due
            assert await unit.due_segments(tenant, NOW, 2) == due[:2]
            assert list(await unit.due_segments(tenant + 1_000_000, NOW, 10)) == []
        assert [owner for owner in await stored.due_tenants(NOW, 1000) if owner == tenant] == [tenant]
        assert len(await stored.due_tenants(NOW, 1)) == 1
        async with stored.writing(tenant) as unit:
            await add_run(unit, *due, as_of=NOW + timedelta(seconds=1))
        assert tenant not in await stored.due_tenants(NOW, 1000)

    async def test_segments_of_incomplete_runs_are_those_of_the_domain_rule(self, stored: Stored, tenant: int) -> None:
        random = Random(11)
        expected: list[Segment] = []
        async with stored.writing(tenant) as unit:
            for number in range(60):
                segment = await add_segment(unit, tenant, f"{number}", refresh="manual", segment_type="rule")
                parts = await add_random_outcomes(unit, segment, random)
                if random.random() < 0.1:
                    await unit.delete_segment(tenant, segment.id, NOW)
                elif must_be_repeated(parts):
                    expected.append(segment)
        assert 5 < len(expected) < 30
        async with stored.reading() as unit:
            assert list(await unit.incomplete_segments(tenant, 100)) == expected
            assert list(await unit.incomplete_segments(tenant, 2)) == expected[:2]
            assert list(await unit.incomplete_segments(tenant + 1_000_000, 100)) == []
        assert [owner for owner in await stored.incomplete_tenants(10_000) if owner == tenant] == [tenant]
        async with stored.writing(tenant) as unit:
            await add_run(unit, *expected)
        assert tenant not in await stored.incomplete_tenants(10_000)

    async def test_stale_hourly_segments_are_those_of_the_domain_rule(self, stored: Stored, tenant: int) -> None:
        """The backlog is that of all tenants, so it is compared with the one before."""
        random, expected = Random(31), list[tuple[StaleCause, datetime]]()
        late_before = LONG_AGO + A_MILLISECOND
        before = await stored.backlog(late_before)
        async with stored.writing(tenant) as unit:
            for number in range(100):
                refresh: Refresh = random.choice(["hourly", "hourly", "manual"])
                segment = await add_segment(unit, tenant, f"{number}", refresh=refresh, segment_type="rule")
                await add_random_outcomes(unit, segment, random, instants=(LONG_AGO, NOW))
                if random.random() < 0.1:
                    await unit.delete_segment(tenant, segment.id, NOW)
                elif refresh == "hourly":
                    served = await unit.served_run(tenant, segment.id)
                    since = segment.updated_at if served is None else served.as_of
                    cause = stale_cause(served, await unit.settled_run(tenant, segment.id), since, late_before)
                    expected += [] if cause is None else [(cause, since)]
        after = await stored.backlog(late_before)
        for name in get_args(StaleCause):
            instants = [since for cause, since in expected if cause == name]
            stale, earlier = after.stale[name], before.stale.get(name)
            assert instants
            assert stale.count - (0 if earlier is None else earlier.count) == len(instants)
            assert stale.since <= min(instants)

    async def test_the_backlog_counts_what_waits(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        before = await stored.backlog(LONG_AGO)
        segment, other = [await self.add(stored, tenant, name) for name in ("one", "other")]
        async with stored.writing(tenant) as unit:
            queued = await dispatch(unit, await add_run(unit, segment, other, fixed=True))
            running = await save_parts(unit, await add_run(unit, segment, fixed=True), state="running")
            published = await add_run(unit, segment, fixed=True)
            outcome = Outcome(size=1, entered=1, exited=0, counts=RunCounts(universe=1), duration_ms=1)
            end = NOW + timedelta(days=1)
            await save_parts(unit, published, state="succeeded", outcome=outcome, finished_at=end)
        after = await stored.backlog(LONG_AGO)
        assert (after.queued - before.queued, after.running - before.running) == (2, 1)
        assert after.oldest_request is not None
        assert after.oldest_request <= min(queued.parts[0].requested_at, running.parts[0].requested_at)
        assert after.last_publication == end
        assert (before.messages, before.oldest_message) == (0, None)
        assert after.messages == 1
        assert after.oldest_message is not None
        assert abs(SystemClock().now() - after.oldest_message) < timedelta(minutes=10)

    async def test_due_segments_are_those_of_the_domain_rule(self, stored: Stored, tenant: int) -> None:
        random = Random(20)
        tenants = [tenant, *(new_tenant() for _ in range(2))]
        expected: dict[int, list[Segment]] = {}
        for owner in tenants:
            async with stored.writing(owner) as unit:
                expected[owner] = await add_random_segments(unit, owner, random, count=40)
        async with stored.reading() as unit:
            due = {owner: list(await unit.due_segments(owner, NOW, 100)) for owner in tenants}
        assert due == expected
        assert {len(segments) > 0 for segments in due.values()} == {True}
        due_tenants = set(await stored.due_tenants(NOW, 10_000)) & set(tenants)
        assert due_tenants == {owner for owner, segments in expected.items() if segments}


async def silent_runs_of(stored: Stored, tenant: int) -> list[tuple[int, int]]:
    return [key for key in await stored.silent_runs(NOW, 1000) if key[0] == tenant]


async def add_segment(
    unit: WriteUnit, tenant: int, name: str, *, refresh: Refresh, segment_type: SegmentType
) -> Segment:
    new = replace(new_segment(tenant, name), refresh=refresh, segment_type=segment_type)
    segment = await unit.add_segment(tenant, new, NOW)
    await unit.add_version(tenant, version_of(segment))
    return segment


async def add_random_segments(unit: WriteUnit, tenant: int, random: Random, *, count: int) -> list[Segment]:
    """Store segments with random runs around NOW; return those that are due at NOW by the domain rule."""
    due = []
    for number in range(count):
        segment = await add_segment(
            unit,
            tenant,
            f"segment {number}",
            refresh=random.choice(["hourly", "hourly", *get_args(Refresh)]),
            segment_type=random.choice(["rule", "rule", *get_args(SegmentType)]),
        )
        last_as_of = await add_random_runs(unit, segment, random)
        if random.random() < 0.1:
            await unit.delete_segment(tenant, segment.id, NOW)
        elif is_due(segment, last_as_of, NOW):
            due.append(segment)
    return due


async def add_random_runs(unit: WriteUnit, segment: Segment, random: Random) -> datetime | None:
    """Store up to three runs in random states; return the latest instant that is not fixed."""
    states: Sequence[RunState] = ("running", "succeeded", "failed", "superseded")
    shared: list[datetime] = []
    for _ in range(random.randrange(4)):
        as_of = NOW + random.randrange(-3, 3) * A_MILLISECOND
        fixed = random.random() < 0.4
        run = await add_run(unit, segment, as_of=as_of, fixed=fixed)
        await save_parts(unit, run, state=random.choice(states))
        if not fixed:
            shared.append(as_of)
    return max(shared, default=None)


async def add_random_outcomes(
    unit: WriteUnit, segment: Segment, random: Random, *, instants: Sequence[datetime] = (NOW,)
) -> list[RunPart]:
    """Store up to four runs in random states, some of them incomplete; return the segment's parts."""
    states: Sequence[RunState] = ("running", "succeeded", "succeeded", "succeeded", "failed", "superseded")
    parts: list[RunPart] = []
    for _ in range(random.randrange(5)):
        state = random.choice(states)
        behind = IngestLag(positions=3, seconds=1.5) if random.random() < 0.6 else None
        outcome = Outcome(published=random.random() < 0.7, behind=behind) if state == "succeeded" else None
        run = await add_run(unit, segment, as_of=random.choice(instants), fixed=random.random() < 0.4)
        parts += (await save_parts(unit, run, state=state, outcome=outcome)).parts
    return parts
