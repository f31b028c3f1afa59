"""Worlds with joined ids, stored on ClickHouse, and who is in which segment by each way to evaluate."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import xxhash

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.contracts.topics import EVENTS
from segops_common.core.problems import Conflict
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog
from segops_common.telemetry.metrics import Metrics
from segops_language.values.instants import from_ms
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseMembershipReader
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.adapters.memory.identity.merges import (
    MemoryMergeProjection,
    MemoryMergeStore,
)
from segops_membership.adapters.memory.membership import MemoryMembershipCache
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.identity.merges import Resolution
from segops_membership.domain.predicates import StaticListPredicate, predicates_of
from segops_membership.domain.set_algebra import ReferencedSegment, members
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.identity.merges import Actor, Merges
from segops_membership.service.identity.persons import Persons
from segops_membership.service.identity.projection import ProjectedMerges
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.lookup.publication_watermark import PublicationWatermark
from segops_membership.service.profile_loader import ProfileLoader
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW_MS, event, new_tenant
from tests.corpus.joins import JoinedWorld, MergeCall, Way
from tests.corpus.lists import FIRST_VERSION, LAST_VERSION, list_changes
from tests.integration.membership.differential import number_profiles
from tests.integration.membership.harness import event_row, insert_rows
from tests.integration.membership.test_now import Ingestion, ListsOfScenario, define

Members = Mapping[int, frozenset[str]]
"""By segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWorld:
    """A world that is stored and published, and again, in another tenant, with some events in the log only."""

    world: JoinedWorld
    stored: int
    in_log: int
    """The tenants."""
    names: Mapping[int, str]
    """Profile ids by number, of the first tenant."""
    persons: Mapping[str, str]
    members: Members
    """By the language's reference."""
    ids_now: Sequence[str]
    """Ids that are looked up now."""
    explained: Sequence[tuple[int, str]]
    """Segments that are explained to ids."""

    def has(self, segment_id: int, id: str) -> bool:
        """Return whether the person of an id is a member by the reference."""
        return self.persons.get(id, id) in self.members[segment_id]

    def __str__(self) -> str:
        world = self.world
        return f"as_of={world.as_of_ms} persons={self.persons} events={world.events} merges={world.resolutions}"


class JoinedWorlds:
    """Evaluates stored worlds."""

    def __init__(self, clickhouse: ClickHouse, log: EventLog, definitions: MemorySegmentDefinitions) -> None:
        self._clickhouse = clickhouse
        self._log = log
        self._definitions = definitions
        self._ways: dict[Way, Callable[[StoredWorld], AsyncIterator[object]]] = {
            Way.SQL: self._wrong_by_sql,
            Way.SPLIT: lambda case: self._wrong_by_sql(case, parts=(4,)),
            Way.LOOKUP: self._wrong_look_ups,
            Way.NOW: self._wrong_now,
            Way.EXPLAIN: self._wrong_explanations,
            Way.MERGES: lambda case: wrong_calls(case.world),
        }

    async def differing(self, case: StoredWorld, *ways: Way) -> list[tuple[Way, object]]:
        """Return where the ways differ from the reference."""
        return [(way, difference) for way in ways async for difference in self._ways[way](case)]

    async def _wrong_by_sql(self, case: StoredWorld, parts: Sequence[int] = (1,)) -> AsyncIterator[object]:
        """Yield segments whose members differ from those that a worker finds."""
        world, lists = case.world, _lists_of(case.world)
        expressions = {
            id: compile_definition(definition, world.as_of_ms, segment_id=id, references=world.references, lists=lists)
            for id, definition in world.segments.items()
        }
        evaluation = ClickHouseEvaluation(clickhouse=self._clickhouse, parts=parts)
        result = await evaluation.evaluate(case.stored, predicates_of(*expressions.values()), world.as_of_ms)
        referred: dict[int, ReferencedSegment] = {}
        for id, expression in expressions.items():
            numbers = members(expression, result.members, result.universe, referred)
            if frozenset(case.names[n] for n in numbers) != case.members[id]:
                yield id

    async def _wrong_look_ups(self, case: StoredWorld) -> AsyncIterator[object]:
        """Yield ids whose segments differ from those that look-ups of what was published find."""
        clock, ids = ManualClock(from_ms(case.world.as_of_ms)), case.world.ids
        reader = ClickHouseMembershipReader(clickhouse=self._clickhouse)
        lookup = Lookup(
            reader=reader,
            persons=self._persons(),
            cache=MemoryMembershipCache(clock=clock),
            watermark=PublicationWatermark(reader=reader, clock=clock),
            clock=clock,
            metrics=Metrics(),
        )
        # The person of an id is often not among the ids that are looked up with it.
        for some in (ids[::2], ids[1::2]):
            for id, answer in (await lookup.segments_of_users(case.stored, some)).items():
                if set(answer.segment_ids) != _segments_of(case, id):
                    yield id

    async def _wrong_now(self, case: StoredWorld) -> AsyncIterator[object]:
        """Yield ids whose segments differ from those by all acknowledged events, of the log and the warehouse."""
        clock = ManualClock(from_ms(case.world.as_of_ms))
        now = MembershipNow(definitions=self._definitions, profiles=self._loader(), clock=clock)
        for id in case.ids_now:
            answer = await now.segments_of(case.in_log, id)
            if set(answer.segment_ids) != _segments_of(case, id) or answer.stale_reason:
                yield id

    async def _wrong_explanations(self, case: StoredWorld) -> AsyncIterator[object]:
        """Yield segments and ids whose explanations are wrong."""
        clock = ManualClock(from_ms(case.world.as_of_ms))
        explain = Explain(definitions=self._definitions, profiles=self._loader(), clock=clock)
        for segment_id, id in case.explained:
            answer = await explain.explain(case.in_log, id, segment_id=segment_id, definition=None, as_of=None)
            if answer.explanation.forecast.holds != case.has(segment_id, id):
                yield segment_id, id

    def _loader(self) -> ProfileLoader:
        return ProfileLoader(
            stored=ClickHouseProfileEvents(clickhouse=self._clickhouse),
            unstored=LogUnstoredEvents(log=self._log, timeout_s=60),
            lists=ListsOfScenario(),
            persons=self._persons(),
        )

    def _persons(self) -> Persons:
        return Persons(reader=ClickHouseJoinReader(clickhouse=self._clickhouse))


async def store_worlds(
    clickhouse: ClickHouse,
    worlds: Sequence[JoinedWorld],
    *,
    tenants: Callable[[], int] = new_tenant,
    explained: int = 2,
    ids_now: int | None = None,
) -> tuple[JoinedWorlds, list[StoredWorld]]:
    """Store worlds, all with the same few inserts: an insert costs much more than its rows.

    The tenants decide about the partitions of the log, and so about what is in the log only. `ids_now` ids of each world are
    looked up now, all if it is None; to each, `explained` segments are explained.
    """
    placed = [(world, tenants(), tenants()) for world in worlds]
    ingestion, segments = Ingestion(len(worlds)), MemorySegmentDefinitions()
    for world, _, in_log in placed:
        for sent in world.events:
            ids = {"user_id": sent.user_id, "anonymous_id": sent.anonymous_id}
            await ingestion.accept(EVENTS, in_log, sent.event, **ids, joins=sent.joins)
        await define(segments, in_log, world.references)
    # Of a tenant without any stored join, the first one counts when it is stored.
    other = event("someone else", at=NOW_MS)
    rows = [event_row(in_log, other, anonymous_id="their device", joins=True) for _, _, in_log in placed]
    await insert_rows(clickhouse, rows + [row for world, stored, _ in placed for row in rows_of(stored, world)])
    await ingestion.store_some(clickhouse)
    both = [(tenant, world) for world, *tenants_of in placed for tenant in tenants_of]
    columns = ("tenant_id", "segment_id", "list_version", "user_id", "present")
    changes = [(id, *change) for id, world in both for change in list_changes(world.lists, world.ids)]
    await clickhouse.insert("static_members", changes, columns)
    await store_merges(clickhouse, [(id, resolution) for id, world in both for resolution in world.resolutions])
    cases = [
        StoredWorld(
            world=world,
            stored=stored,
            in_log=in_log,
            names=await number_profiles(clickhouse, stored, _lists_of(world).values()),
            persons=world.persons(),
            members=world.members(),
            ids_now=chosen(world, ids_now),
            explained=_explained(world, chosen(world, ids_now), explained),
        )
        for world, stored, in_log in placed
    ]
    await _publish(clickhouse, cases)
    return JoinedWorlds(clickhouse, ingestion.log, segments), cases


def chosen(world: JoinedWorld, count: int | None) -> Sequence[str]:
    """Return some ids of a world, the joined ones first."""
    persons = world.persons()
    return sorted(world.ids, key=lambda id: (id not in persons, id not in persons.values(), id))[:count]


def _explained(world: JoinedWorld, users: Sequence[str], count: int) -> Sequence[tuple[int, str]]:
    """Return some segments for each of the users, in turn."""
    segments = itertools.cycle(sorted(world.segments, reverse=True))
    return [(next(segments), user) for user in users for _ in range(count)]


async def store_merges(clickhouse: ClickHouse, resolutions: Sequence[tuple[int, Resolution]]) -> None:
    """Store merges of tenants, as their projection does, in two inserts."""
    merges = [(tenant, row.user_id, row.canonical_id, row.at, row.version) for tenant, row in resolutions]
    columns = ("tenant_id", "user_id", "canonical_id", "at", "version")
    for part in (merges[1::2], merges[::2]):
        if part:
            await clickhouse.insert("identity_merges", part, columns)


class AnyIds:
    """Allows every merge: the worlds have the merges that the route would refuse, too."""

    async def check(self, tenant_id: int, ids: Mapping[str, str]) -> None:
        """Allow them."""


async def wrong_calls(world: JoinedWorld) -> AsyncIterator[MergeCall]:
    """Yield the first call that does not merge as it should, if there is one. After a circle, the next might not end."""
    store, projection, audit = MemoryMergeStore(), MemoryMergeProjection(), MemoryAuditTrail()
    projected = ProjectedMerges(store=store, projection=projection)
    rows = projection.rows[1]
    for call in world.calls:
        clock = ManualClock(from_ms(call.at_ms))
        merges = Merges(store=store, projected=projected, mergeable=AnyIds(), audit=audit, clock=clock)
        before = set(rows)
        with suppress(Conflict):
            if call.into_user_id is None:
                await merges.unmerge(1, call.from_user_id, Actor(1, None))
            else:
                await merges.merge(1, call.from_user_id, call.into_user_id, Actor(1, None))
        if {rows[key] for key in rows.keys() - before} != set(call.stored):
            yield call
            return


def _segments_of(case: StoredWorld, id: str) -> set[int]:
    return {segment_id for segment_id in case.members if case.has(segment_id, id)}


def _lists_of(world: JoinedWorld) -> dict[int, StaticListPredicate]:
    return {id: StaticListPredicate(id, FIRST_VERSION, LAST_VERSION) for id in world.lists}


def rows_of(tenant: int, world: JoinedWorld) -> list[bytes]:
    """Return the events of a world as ingestion stores them."""
    return [
        event_row(tenant, sent.event, offset, user_id=sent.user_id, anonymous_id=sent.anonymous_id, joins=sent.joins)
        for offset, sent in enumerate(world.events)
    ]


async def _publish(clickhouse: ClickHouse, cases: Sequence[StoredWorld]) -> None:
    """Publish the members by the reference, as a run would that finds them."""
    run, fence, number, entered = 1, 1, 1, 1
    changes = [
        (case.stored, xxhash.xxh64_intdigest(user.encode()), segment_id, run, fence, entered)
        for case in cases
        for segment_id, users in case.members.items()
        for user in users
    ]
    columns = ("tenant_id", "user_key", "segment_id", "run_id", "fence", "change")
    await clickhouse.insert("membership_changes", changes, columns)
    publications = [(case.stored, run, fence, number, from_ms(case.world.as_of_ms)) for case in cases]
    await clickhouse.insert("publications", publications, ("tenant_id", "run_id", "fence", "number", "as_of"))
