"""Generated payloads keep their values on the way through ingestion and ClickHouse: for conditions and for explanations."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from pydantic import JsonValue

from segops_common.stores.clickhouse import ClickHouse
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_language.values import EventPattern
from segops_language.values.json import same
from segops_language.walk import Needs
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from tests.corpus.builders import NOW_MS, count, group, new_tenant
from tests.corpus.cases import SEGMENT
from tests.integration.membership.differential import members_by_sql
from tests.integration.membership.harness import insert_events

PAYLOADS: Final = 250
KEYS: Final = ("a", "b", "0", "1", "a.b", "k'`", "ü")
SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 5, -1, 5.0, 0.5, -0.0, 1e300, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, -(2**63) - 1),
    *(10**20, -(10**25), 1e20, "", "5", "1e20", "18446744073709551616", "a", 'ü"\\', "[2]", "{}", "2026-11-28", "null"),
)


def value(random: Random, depth: int) -> Any:
    kind = random.random()
    if depth and kind < 0.3:
        return {random.choice(KEYS): value(random, depth - 1) for _ in range(random.randint(0, 3))}
    if depth and kind < 0.5:
        return [value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return random.choice(SCALARS)


def payloads(random: Random) -> list[dict[str, Any]]:
    return [{key: value(random, 4) for key in random.sample(KEYS, k=random.randint(0, 3))} for _ in range(PAYLOADS)]


def path(random: Random) -> str:
    return ".".join(random.choice(KEYS).replace(".", "\\.") for _ in range(random.randint(1, 4)))


def doubled(item: JsonValue) -> JsonValue:
    """Return a value whose integers beyond 64 bits are doubles."""
    match item:
        case dict():
            return {key: doubled(inner) for key, inner in item.items()}
        case list():
            return [doubled(inner) for inner in item]
        case int() if not isinstance(item, bool) and not -(2**63) <= item < 2**63:
            return float(item)
        case _:
            return item


async def test_payloads_are_read_back_as_they_were_sent(clickhouse: ClickHouse) -> None:
    random, tenant = Random(20261129), new_tenant()
    for event_type in ("e", "$identify"):
        sent = payloads(random)
        events = [Event(f"u{i}", event_type, f"m{i}", NOW_MS, payload) for i, payload in enumerate(sent)]
        await insert_events(clickhouse, ((tenant, event) for event in events))
        reader = ClickHouseProfileEvents(clickhouse=clickhouse)
        needs = Needs(frozenset({EventPattern(event_type, True)}), payloads=True)
        for i, payload in enumerate(sent):
            (stored,) = await reader.read(tenant, [f"u{i}"], needs, NOW_MS)
            assert same(dict(stored.event.payload), doubled(payload)), payload


async def test_conditions_see_payloads_as_they_were_sent(clickhouse: ClickHouse) -> None:
    random = Random(7)
    events = [Event(f"u{i}", "e", f"m{i}", NOW_MS, payload) for i, payload in enumerate(payloads(random))]
    scalars = [scalar for scalar in SCALARS if scalar is not None]
    definitions = []
    for _ in range(150):
        operator = random.choice(("exists", "eq", "contains", "gte", "starts_with", "before"))
        operand: dict[str, Any] = {
            "exists": {},
            "eq": {"value": random.choice(scalars)},
            "contains": {"value": random.choice(scalars)},
            "gte": {"value": random.choice((0, 5, 2**64, -1e20))},
            "starts_with": {"value": random.choice(("", "1", "5"))},
            "before": {"value": "2030-01-01T00:00:00Z"},
        }[operator]
        definitions.append(group(count("e", where=[{"property": path(random), "operator": operator, **operand}])))
    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)
    assert sum(map(bool, by_sql)) > 30
    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition
