"""A user evaluated at this instant, by events in the warehouse and events in the log, equals the language's reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Any, Final

import orjson
from pydantic import JsonValue

from segops_common.contracts.jobs import SegmentChanged, StaticMembersChanged
from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP, SINK_GROUP, Topic, profile_key
from segops_common.contracts.warehouse import JSON_INSERT_SETTINGS, version_of
from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import Committed, TopicPartition
from segops_common.streams.memory import MemoryEngine, MemoryEventLog
from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_language.values import EventPattern
from segops_language.values.instants import from_ms
from segops_language.walk import Needs
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.log.stored_form import stored_event
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.domain.static_list import StaticListState
from segops_membership.service.identity.persons import Persons
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.profile_loader import ProfileLoader
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW_MS, new_tenant
from tests.corpus.cases import Cases, corpus
from tests.corpus.lists import FIRST_VERSION, LAST_VERSION
from tests.corpus.scenario import LISTED
from tests.integration.membership.harness import event_row, insert_lists
from tests.integration.membership.test_round_trip import payloads

WORLDS: Final = 8
"""Each has seven users and 42 segments, most of them with references: 2,352 cases in all."""
GROUPS: Final = {EVENTS: SINK_GROUP, EVENT_IMPORTS: IMPORT_SINK_GROUP}


class ListsOfScenario:
    """The lists of a scenario as `insert_lists` stores them."""

    async def states(self, tenant_id: int, segment_ids: Collection[int]) -> Mapping[int, StaticListState]:
        return {
            id: StaticListState(since=FIRST_VERSION, version=LAST_VERSION) for id in segment_ids if id in (901, 902)
        }

    async def store(self, tenant_id: int, portions: Sequence[StaticMembersChanged]) -> None:
        raise NotImplementedError

    async def save_state(self, tenant_id: int, segment_id: int, state: StaticListState) -> None:
        raise NotImplementedError

    async def forget(self, tenant_id: int, segment_id: int, before: int) -> None:
        raise NotImplementedError


class Ingestion:
    """A log whose sink stopped somewhere. It had stored more than the position that it committed last."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._engine = MemoryEngine()
        self.log = MemoryEventLog(clock=SystemClock(), engine=self._engine)
        self._rows: defaultdict[tuple[Topic, int], list[bytes]] = defaultdict(list)

    async def accept(self, topic: Topic, tenant: int, event: Event, **columns: Any) -> None:
        """Append an event to the log."""
        line = event_row(tenant, event, **columns)
        position = await self.log.append(topic, profile_key(tenant, event.profile_id), line)
        row = orjson.loads(event_row(tenant, event, position.offset, **columns))
        row["version"] = version_of(position.offset, is_import=topic == EVENT_IMPORTS)
        self._rows[topic, position.partition].append(orjson.dumps(row) + b"\n")

    async def store_some(self, clickhouse: ClickHouse) -> None:
        """Store a part of each partition as the sink does, and commit a part of that."""
        stored: list[bytes] = []
        for (topic, partition), rows in self._rows.items():
            count = self._random.randint(0, len(rows))
            stored += rows[:count]
            committed = Committed(self._random.randint(0, count), "")
            self._engine.progress[GROUPS[topic], TopicPartition(topic.name, partition)] = committed
        assert len(stored) < sum(map(len, self._rows.values()))
        await clickhouse.insert_json_lines("events", b"".join(stored), settings=JSON_INSERT_SETTINGS)


async def define(definitions: MemorySegmentDefinitions, tenant: int, segments: Mapping[int, Group]) -> None:
    await definitions.apply(
        [
            SegmentChanged(
                tenant_id=tenant, segment_id=id, version=1, definition=definition, refresh="manual", deleted=False
            )
            for id, definition in segments.items()
        ]
    )


def expected(cases: Cases, accepted: Sequence[Event]) -> dict[str, set[int]]:
    """Return the segments of each user by the reference."""
    scenario, segments = cases.scenario, defaultdict[str, set[int]](set)
    for segment_id, definition in scenario.references.items():
        members = scenario.lists.get(segment_id)
        if members is None:
            members = evaluate(
                definition,
                accepted,
                scenario.as_of_ms,
                segment_id=segment_id,
                references=scenario.references,
                lists=scenario.lists,
            )
        for user in members:
            segments[user].add(segment_id)
    return segments


async def test_now_equals_the_reference_wherever_the_sink_stopped(clickhouse: ClickHouse) -> None:
    """Live events count before imported ones, whatever order they arrive in. No sink runs."""
    ingestion, worlds = Ingestion(1), list[tuple[int, Cases, list[Event]]]()
    random, definitions = Random(2), MemorySegmentDefinitions()
    for cases in corpus()[:WORLDS]:
        tenant, by_topic = new_tenant(), defaultdict[Topic, list[Event]](list)
        for event in cases.scenario.events:
            topic = random.choice((EVENTS, EVENTS, EVENT_IMPORTS))
            await ingestion.accept(topic, tenant, event)
            by_topic[topic].append(event)
        await define(definitions, tenant, cases.scenario.references)
        await insert_lists(clickhouse, tenant, cases.scenario.lists, LISTED)
        worlds.append((tenant, cases, [*by_topic[EVENTS], *by_topic[EVENT_IMPORTS]]))
    await ingestion.store_some(clickhouse)
    loader = ProfileLoader(
        stored=ClickHouseProfileEvents(clickhouse=clickhouse),
        unstored=LogUnstoredEvents(log=ingestion.log, timeout_s=60),
        lists=ListsOfScenario(),
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse)),
    )
    compared = members = 0
    for tenant, cases, accepted in worlds:
        clock = ManualClock(from_ms(cases.scenario.as_of_ms))
        now = MembershipNow(definitions=definitions, profiles=loader, clock=clock)
        by_reference = expected(cases, accepted)
        for user in LISTED:
            answer = await now.segments_of(tenant, user)
            assert set(answer.segment_ids) == by_reference[user], (user, cases.scenario.as_of_ms, accepted)
            assert (answer.stale_reason, answer.as_of_ms) == (None, cases.scenario.as_of_ms)
            compared += len(cases.scenario.references)
            members += len(answer.segment_ids)
    assert compared >= 2_000
    assert 0.1 < members / compared < 0.9


async def test_an_event_of_the_log_has_the_form_in_which_it_will_be_read_back(clickhouse: ClickHouse) -> None:
    random, tenant = Random(13), new_tenant()
    reader = ClickHouseProfileEvents(clickhouse=clickhouse)
    for event_type in ("e", "$identify"):
        lines = [
            event_row(tenant, Event("u", event_type, f"m{i}", NOW_MS, payload, i))
            for i, payload in enumerate(payloads(random))
        ]
        await clickhouse.insert_json_lines("events", b"".join(lines), settings=JSON_INSERT_SETTINGS)
        needs = Needs(frozenset({EventPattern(event_type, True)}), payloads=True)
        stored = {
            accepted.event.message_id: accepted.event for accepted in await reader.read(tenant, ["u"], needs, NOW_MS)
        }
        assert len(stored) == len(lines)
        for line in lines:
            parsed = stored_event(line)
            assert parsed is not None
            event = parsed[1]
            assert (parsed[0], text(event)) == (tenant, text(stored[event.message_id])), line


def text(event: Event) -> bytes:
    """Return an event as JSON, which distinguishes strings, booleans and numbers."""
    rest = [event.profile_id, event.event_type, event.message_id, event.timestamp_ms, event.position]
    return orjson.dumps([*rest, comparable(event.payload)], option=orjson.OPT_SORT_KEYS)


def comparable(value: JsonValue | Mapping[str, JsonValue]) -> JsonValue:
    """Return the value with numbers beyond 53 bits as doubles, and empty arrays inside arrays as nulls."""
    match value:
        case Mapping():
            return {key: comparable(inner) for key, inner in value.items()}
        case list():
            return [None if inner == [] else comparable(inner) for inner in value]
        case int() if not isinstance(value, bool) and abs(value) >= 2**53:
            return float(value)
        case _:
            return value
