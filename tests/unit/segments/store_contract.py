"""What every implementation of the ports Store and Outbox does, whatever it keeps things in."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest

from segops_common.contracts.jobs import RunCounts, RunProblem
from segops_segments.domain.references import node_of
from segops_segments.domain.run import Outcome, Run, RunState
from segops_segments.domain.segment import MAX_SHOWN_REFERRERS, Segment
from segops_segments.ports.transactions import NameTaken, Outbox, Store
from tests.unit.segments.store_builders import (
    NOW,
    announced,
    definition,
    drain,
    new_run,
    new_segment,
    referring,
    version_of,
)

EVERYTHING = 2**63 - 1
_tenants = itertools.count(1_000)


class Stored(Store, Outbox, Protocol):
    """One object, or two behind one face, that is both."""


class StoreContract:
    """A subclass gives the fixture `stored`; tests use tenants of their own, so they may share a database."""

    @pytest.fixture
    def tenant(self) -> int:
        return next(_tenants)

    async def add(self, stored: Stored, tenant: int, name: str = "Loyal") -> Segment:
        async with stored.writing(tenant) as unit:
            segment = await unit.add_segment(tenant, new_segment(tenant, name), NOW)
            await unit.add_version(tenant, version_of(segment))
            return segment

    async def test_a_segment_is_found_by_its_own_tenant(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.reading() as unit:
            assert await unit.find_segment((tenant, 5), segment.id) == segment
            assert await unit.find_segment((tenant + 1_000_000,), segment.id) is None
            assert await unit.find_segment((), segment.id) is None
            assert await unit.find_segment((tenant,), EVERYTHING) is None

    async def add_referring(self, stored: Stored, tenant: int, *segment_ids: int) -> int:
        async with stored.writing(tenant) as unit:
            group = referring(*segment_ids)
            return (await unit.add_segment(tenant, new_segment(tenant, f"To {segment_ids}", group), NOW)).id

    async def test_references_are_followed_both_ways(self, stored: Stored, tenant: int) -> None:
        bottom = await self.add_referring(stored, tenant)
        left, right = [await self.add_referring(stored, tenant, *[bottom] * times) for times in (1, 2)]
        top = await self.add_referring(stored, tenant, left, right)
        stranger = await self.add_referring(stored, tenant + 1_000_000)
        async with stored.reading() as unit:
            assert set(await unit.referring_to(tenant, bottom)) == {left, right, top}
            assert set(await unit.referring_to(tenant, top)) == set()
            assert set(await unit.referring_to(tenant + 1_000_000, bottom)) == set()
            graph = dict(await unit.reference_graph(tenant, (left, stranger, EVERYTHING)))
            assert graph == {left: node_of(referring(bottom)), bottom: node_of(referring())}
            assert await unit.reference_graph(tenant + 1_000_000, (top,)) == {}
            below = await unit.list_referred(tenant, (top,))
            assert [each.id for each in below] == [bottom, left, right, top]
            assert below == await unit.list_segments((tenant,), 0, 10)
            assert [each.referenced_by for each in below] == [(left, right), (top,), (top,), ()]
            assert await unit.find_segment((tenant,), bottom) == below[0]
            assert await unit.list_referred(tenant, ()) == []

    async def test_segments_with_the_same_definition_are_found(self, stored: Stored, tenant: int) -> None:
        first, second = await self.add(stored, tenant), await self.add(stored, tenant, "Other")
        same = first.definition_hash
        async with stored.reading() as unit:
            assert list(await unit.with_definition(tenant, same, 5)) == [first.id, second.id]
            assert list(await unit.with_definition(tenant, same, 1)) == [first.id]
            assert list(await unit.with_definition(tenant + 1_000_000, same, 5)) == []
        async with stored.writing(tenant) as unit:
            await unit.save_segment(tenant, replace(second, definition=referring()))
            await unit.delete_segment(tenant, first.id, NOW)
        async with stored.reading() as unit:
            assert list(await unit.with_definition(tenant, same, 5)) == []
            changed = replace(second, definition=referring()).definition_hash
            assert list(await unit.with_definition(tenant, changed, 5)) == [second.id]

    async def test_references_go_with_the_definition(self, stored: Stored, tenant: int) -> None:
        first, second = await self.add(stored, tenant), await self.add(stored, tenant, "Other")
        user = await self.add_referring(stored, tenant, first.id)
        async with stored.writing(tenant) as unit:
            segment = await unit.find_segment((tenant,), user)
            assert segment is not None
            await unit.save_segment(tenant, replace(segment, definition=referring(second.id)))
            assert set(await unit.referring_to(tenant, first.id)) == set()
            assert set(await unit.referring_to(tenant, second.id)) == {user}
            assert (await unit.reference_graph(tenant, (user,)))[user] == node_of(referring(second.id))
        async with stored.writing(tenant) as unit:
            await unit.delete_segment(tenant, user, NOW)
            assert set(await unit.referring_to(tenant, second.id)) == set()
            assert await unit.reference_graph(tenant, (user,)) == {}
            assert await unit.list_referred(tenant, (user,)) == []

    async def test_the_first_referrers_are_shown(self, stored: Stored, tenant: int) -> None:
        hub = (await self.add(stored, tenant)).id
        async with stored.writing(tenant) as unit:
            users = [
                (await unit.add_segment(tenant, new_segment(tenant, f"User {number}", referring(hub)), NOW)).id
                for number in range(MAX_SHOWN_REFERRERS + 1)
            ]
        async with stored.reading() as unit:
            shown = await unit.find_segment((tenant,), hub)
            assert shown is not None
            assert shown.referenced_by == tuple(users[:-1])
            assert set(await unit.referring_to(tenant, hub)) == set(users)

    async def test_a_block_that_raises_leaves_nothing(self, stored: Stored, tenant: int) -> None:
        async def fail() -> None:
            async with stored.writing(tenant) as unit:
                segment = await unit.add_segment(tenant, new_segment(tenant), NOW)
                await unit.announce_change(tenant, segment.announcement())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with stored.reading() as unit:
            assert await unit.list_segments((tenant,), 0, 10) == []
        assert tenant not in {owner for owner, _ in await drain(stored)}

    async def test_a_name_is_taken_until_its_segment_is_deleted(self, stored: Stored, tenant: int) -> None:
        first, other = await self.add(stored, tenant), await self.add(stored, tenant, "Other")
        with pytest.raises(NameTaken):
            await self.add(stored, tenant)
        with pytest.raises(NameTaken):
            async with stored.writing(tenant) as unit:
                await unit.save_segment(tenant, replace(other, name="Loyal"))
        await self.add(stored, next(_tenants))
        async with stored.writing(tenant) as unit:
            await unit.delete_segment(tenant, first.id, NOW)
        again = await self.add(stored, tenant)
        async with stored.reading() as unit:
            assert [each.id for each in await unit.list_segments((tenant,), 0, 10)] == [other.id, again.id]
            assert await unit.find_segment((tenant,), first.id) is None

    async def test_segments_are_listed_by_rising_id(self, stored: Stored, tenant: int) -> None:
        made = [await self.add(stored, tenant, f"{number}") for number in range(4)]
        async with stored.reading() as unit:
            assert await unit.list_segments((tenant,), made[0].id, 2) == made[1:3]
            some = {made[0].id, made[2].id, EVERYTHING}
            assert await unit.list_segments((tenant,), 0, 9, among=some) == [made[0], made[2]]
            assert await unit.list_segments((tenant,), made[0].id, 9, among=some) == [made[2]]
            assert list(await unit.list_segments((tenant,), 0, 9, among=())) == []

    async def test_a_saved_segment_is_as_it_was_given(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        saved = replace(segment, definition=definition(1e300), version=2, updated_at=NOW + timedelta(seconds=1))
        async with stored.writing(tenant) as unit:
            await unit.save_segment(tenant, saved)
        async with stored.reading() as unit:
            assert await unit.find_segment((tenant,), segment.id) == saved

    async def test_versions_are_found_by_number_and_listed_newest_first(self, stored: Stored, tenant: int) -> None:
        segment, other = await self.add(stored, tenant), await self.add(stored, tenant, "other")
        async with stored.writing(tenant) as unit:
            for number in (3, 7):
                await unit.add_version(tenant, version_of(segment, number))
        async with stored.reading() as unit:
            assert await unit.versions(tenant, {segment.id: 6, other.id: 9, EVERYTHING: 9}) == {
                segment.id: version_of(segment, 3),
                other.id: version_of(other),
            }
            assert await unit.versions(tenant, {segment.id: 0}) == {}
            assert await unit.versions(tenant, {}) == {}
            assert await unit.versions(tenant + 1_000_000, {segment.id: 7}) == {}
            listed = await unit.list_versions(tenant, segment.id, EVERYTHING, 2)
            assert [each.number for each in listed] == [7, 3]
            assert [each.number for each in await unit.list_versions(tenant, segment.id, 3, 2)] == [1]
            assert list(await unit.list_versions(tenant + 1_000_000, segment.id, EVERYTHING, 2)) == []

    async def test_a_run_is_kept_whole(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            [run] = await unit.add_run(tenant, [new_run(segment)])
            assert (run.state, run.message_id, run.attempts) == ("queued", None, 0)
            full = replace(
                run,
                state="failed",
                heard_at=NOW,
                started_at=NOW,
                finished_at=NOW,
                attempts=3,
                lease_until=NOW,
                message_id=5,
                outcome=Outcome(size=1, entered=2, exited=3, counts=RunCounts(universe=4), duration_ms=5),
                problem=RunProblem(type="t", title="t", detail="d"),
            )
            await unit.save_runs(tenant, [full])
        async with stored.reading() as unit:
            assert await unit.find_runs(tenant, run.id) == [full]
            assert list(await unit.find_runs(tenant + 1_000_000, run.id)) == []
            assert await unit.list_runs(tenant, segment.id, EVERYTHING, 10) == [full]
            assert list(await unit.list_runs(tenant + 1_000_000, segment.id, EVERYTHING, 10)) == []

    async def test_only_shared_queued_runs_are_queued(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            [done] = await unit.add_run(tenant, [new_run(segment)])
            await unit.save_runs(tenant, [replace(done, state="succeeded")])
            await unit.add_run(tenant, [new_run(segment, fixed=True)])
            first = await announced(unit, await unit.add_run(tenant, [new_run(segment)]))
            [waiting] = await unit.add_run(tenant, [new_run(segment)])
        async with stored.writing(tenant) as unit:
            assert await unit.queued_runs(tenant, (segment.id, EVERYTHING)) == [first, waiting]
            assert list(await unit.queued_runs(tenant + 1_000_000, (segment.id,))) == []
            assert list(await unit.queued_runs(tenant, ())) == []

    async def test_a_run_of_several_segments_has_one_number_and_a_state_for_each(
        self, stored: Stored, tenant: int
    ) -> None:
        one, other, third = [await self.add(stored, tenant, name) for name in ("one", "other", "third")]
        async with stored.writing(tenant) as unit:
            [alone] = await unit.add_run(tenant, [new_run(third)])
            second, first = await unit.add_run(tenant, [new_run(other), new_run(one)])
            assert second.id == first.id > alone.id
            await unit.save_runs(tenant, [replace(first, state="succeeded")])
        async with stored.writing(tenant) as unit:
            assert await unit.find_runs(tenant, first.id) == [second, replace(first, state="succeeded")]
            assert await unit.queued_runs(tenant, (one.id, other.id, third.id)) == [alone, second]
            assert await unit.list_runs(tenant, one.id, EVERYTHING, 10) == [second]
            [after] = await unit.add_run(tenant, [new_run(other)])
            assert after.id > first.id
        assert {run.segment_id for run in await stored.find_runs([(tenant, first.id)])} == {one.id, other.id}

    async def test_ids_rise_in_the_order_of_concurrent_transactions(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        ended: list[int] = []

        async def write(number: int) -> None:
            async with stored.writing(tenant) as unit:
                [run] = await unit.add_run(tenant, [new_run(segment, fixed=True)])
                await asyncio.sleep(0.001 * (number % 3))
                ended.append(run.id)

        await asyncio.gather(*(write(number) for number in range(8)))
        assert ended == sorted(ended)

    async def test_a_message_is_given_out_in_order_until_it_is_sent(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            for _ in range(3):
                await unit.announce_change(tenant, segment.announcement())
        ids: list[int] = []

        async def fail() -> None:
            async with stored.claim(10) as claim:
                ids.extend(message.id for message in claim.messages)
                await claim.mark_sent(ids[0], NOW)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with stored.claim(2) as claim:
            assert [message.id for message in claim.messages] == ids[:2]
            assert {(each.tenant_id, each.topic) for each in claim.messages} == {(tenant, "segops.segments")}
            assert claim.messages[0].value.endswith(b"}\n")
            await claim.mark_sent(ids[0], NOW)
        assert await drain(stored) == [(tenant, message_id) for message_id in ids[1:]]

    async def test_a_tenant_is_relayed_by_one_at_a_time(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        other = next(_tenants)
        for owner in (tenant, other):
            segment = await self.add(stored, owner)
            async with stored.writing(owner) as unit:
                await unit.announce_change(owner, segment.announcement())
        async with stored.claim(1) as one, stored.claim(10) as two:
            assert [message.tenant_id for message in one.messages] == [tenant]
            assert tenant not in {message.tenant_id for message in two.messages}

    async def test_a_job_is_recalled_until_it_is_given_out(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            first = await announced(unit, await unit.add_run(tenant, [new_run(segment, fixed=True)]))
            second = await announced(unit, await unit.add_run(tenant, [new_run(segment, fixed=True)]))
            assert first.message_id is not None
            assert second.message_id is not None
        async with stored.writing(tenant) as unit:
            assert not await unit.recall_job(tenant + 1_000_000, first.message_id)
            assert await unit.recall_job(tenant, first.message_id)
            assert not await unit.recall_job(tenant, first.message_id)
        async with stored.claim(10) as claim:
            assert [message.id for message in claim.messages] == [second.message_id]
            async with stored.writing(tenant) as unit:
                assert not await unit.recall_job(tenant, second.message_id)
        async with stored.writing(tenant) as unit:
            assert not await unit.recall_job(tenant, second.message_id), "a relay had it, though it did not say sent"

    async def test_a_silent_run_is_overdue_once_its_message_was_sent(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            late = await announced(unit, await unit.add_run(tenant, [new_run(segment, fixed=True)]))
            lease = NOW + timedelta(seconds=1)
            await announced(unit, await unit.add_run(tenant, [new_run(segment, fixed=True)]), lease_until=lease)
            done = await announced(unit, await unit.add_run(tenant, [new_run(segment, fixed=True)]))
            await unit.save_runs(tenant, [replace(done, state="succeeded")])
            await unit.add_run(tenant, [new_run(segment)])
        assert (tenant, late.id) not in await stored.overdue_runs(NOW, 1000)
        await drain(stored)
        mine = [found for found in await stored.overdue_runs(NOW, 1000) if found[0] == tenant]
        assert mine == [(tenant, late.id)]

    async def test_hourly_segments_are_due_until_they_have_a_later_run(self, stored: Stored, tenant: int) -> None:
        names = ("new", "early", "late", "fixed", "manual", "static", "deleted")
        made = {}
        async with stored.writing(tenant) as unit:
            for name in names:
                new = replace(
                    new_segment(tenant, name),
                    refresh="manual" if name == "manual" else "hourly",
                    segment_type="static" if name == "static" else "rule",
                )
                made[name] = await unit.add_segment(tenant, new, NOW)
                await unit.add_version(tenant, version_of(made[name]))
            await unit.delete_segment(tenant, made["deleted"].id, NOW)
            for name, as_of in (("early", NOW), ("late", NOW + timedelta(milliseconds=1))):
                [run] = await unit.add_run(tenant, [replace(new_run(made[name]), as_of=as_of)])
                await unit.save_runs(tenant, [replace(run, state="failed")])
            later = replace(new_run(made["fixed"], fixed=True), as_of=NOW + timedelta(hours=1))
            await unit.add_run(tenant, [later])
        async with stored.reading() as unit:
            due = [made[name] for name in ("new", "early", "fixed")]
            assert await unit.due_segments(tenant, NOW, 10) == due
            assert await unit.due_segments(tenant, NOW, 2) == due[:2]
            assert list(await unit.due_segments(tenant + 1_000_000, NOW, 10)) == []
        assert [each for each in await stored.due_tenants(NOW, 1000) if each == tenant] == [tenant]
        assert len(await stored.due_tenants(NOW, 1)) == 1
        async with stored.writing(tenant) as unit:
            await unit.add_run(tenant, [replace(new_run(each), as_of=NOW + timedelta(seconds=1)) for each in due])
        assert tenant not in await stored.due_tenants(NOW, 1000)

    async def test_a_silent_run_of_several_segments_is_overdue_once(self, stored: Stored, tenant: int) -> None:
        segments = [await self.add(stored, tenant, name) for name in ("one", "other")]
        async with stored.writing(tenant) as unit:
            run = await unit.add_run(tenant, [new_run(each) for each in segments])
            await unit.save_runs(tenant, [replace(each, lease_until=NOW) for each in run])
        assert [found for found in await stored.overdue_runs(NOW, 1000) if found[0] == tenant] == [(tenant, run[0].id)]

    async def test_runs_are_found_by_what_became_of_them(self, stored: Stored, tenant: int) -> None:
        segment, other = await self.add(stored, tenant), await self.add(stored, tenant, "other")
        kept = {
            "good": Outcome(size=1),
            "recorded": Outcome(size=2, published=False),
            "failed": None,
            "past failed": None,
            "running": None,
        }
        runs: dict[str, Run] = {}
        async with stored.writing(tenant) as unit:
            assert await unit.served_run(tenant, segment.id) is None
            assert await unit.settled_run(tenant, segment.id) is None
            for name, outcome in kept.items():
                [made] = await unit.add_run(tenant, [new_run(segment, fixed=name in ("recorded", "past failed"))])
                state: RunState = "succeeded" if outcome else "failed" if "failed" in name else "running"
                runs[name] = replace(made, state=state, outcome=outcome)
                await unit.save_runs(tenant, [runs[name]])
        async with stored.reading() as unit:
            assert await unit.served_run(tenant, segment.id) == runs["good"]
            assert await unit.settled_run(tenant, segment.id) == runs["failed"]
            assert await unit.served_run(tenant, other.id) is None
            assert await unit.served_run(tenant + 1_000_000, segment.id) is None
        wanted = [(tenant, runs["good"].id), (tenant + 1_000_000, runs["failed"].id), (tenant, runs["running"].id)]
        found = {run.id: run for run in await stored.find_runs(wanted)}
        assert found == {run.id: run for run in (runs["good"], runs["running"])}

    async def test_messages_sent_long_ago_are_forgotten(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            await unit.announce_change(tenant, segment.announcement())
        # What other tests have sent before is not counted.
        await stored.forget_sent(NOW)
        await drain(stored)
        assert await stored.forget_sent(NOW) == 0
        assert await stored.forget_sent(NOW + timedelta(seconds=1)) >= 1
        assert await drain(stored) == []
