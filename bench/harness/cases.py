"""The segments to measure: definitions, the queries of other products, and queries for the least possible cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.harness import peers
from bench.harness.history import AS_OF_MS, DAYS, SHARES, TENANT
from bench.harness.peers import Did
from bench.report import Budget, at_most
from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_language import Group

JOB_SEGMENTS: Final = 200
_DAY_MS: Final = 86_400_000
_SINCE_MS: Final = AS_OF_MS - 30 * _DAY_MS
_WINDOW: Final = {"window": {"last": "30d"}}
_PRICED: Final = {"where": [{"property": "price", "operator": "gte", "value": 100}]}


def condition(event_type: str, value: int, **more: Any) -> dict[str, Any]:
    """Return a condition for at least `value` events of a type."""
    return {"type": "event_count", "event_type": event_type, "operator": "gte", "value": value, **more}


def segment(*conditions: dict[str, Any], logic: str = "AND") -> Group:
    """Return a definition whose conditions must all hold."""
    return Group.model_validate({"logic": logic, "conditions": list(conditions)})


def scan(columns: str, *event_types: str, since_ms: int | None = None) -> str:
    """Return a query that only reads these columns and the columns that every condition on events needs."""
    return f"SELECT sum(user_key), max(timestamp){columns} FROM {_events(event_types, since_ms)}"


def counted(*event_types: str, since_ms: int | None = None) -> str:
    """Return a query that only groups the events by user: how many users have at least one."""
    until = f" AND timestamp <= fromUnixTimestamp64Milli({AS_OF_MS}, 'UTC')"
    users = f"SELECT user_key, count() AS events FROM {_events(event_types, since_ms)}{until} GROUP BY user_key"
    return f"SELECT countIf(events >= 1) FROM ({users})"


def _events(event_types: Sequence[str], since_ms: int | None) -> str:
    types = ", ".join(f"'{name}'" for name in event_types)
    since = "" if since_ms is None else f" AND timestamp > fromUnixTimestamp64Milli({since_ms}, 'UTC')"
    return f"{EVENTS_TABLE} WHERE tenant_id = {TENANT} AND event_type IN ({types}){since}"


@dataclass(frozen=True, slots=True)
class Case:
    """A segment, the query of other products for it, and queries that only read its data or only group it by user."""

    name: str
    definition: Group
    peer: str
    scan: str | None = None
    counted: str | None = None
    budget: Budget | None = None
    """The budget for the ratio to `counted`."""


_PRICE: Final = ", sum(payload.price.:`Float64`)"
SIX: Final = (
    condition("page_viewed", 5, **_WINDOW),
    condition("search", 2, **_WINDOW),
    condition("purchase", 1, **_PRICED),
    condition("login", 3),
    condition("export", 1),
    condition("invite", 1),
)
_SIX_AT_OTHERS: Final = (
    Did("page_viewed", _SINCE_MS),
    Did("search", _SINCE_MS),
    Did("purchase", None, "JSONExtractFloat(properties, 'price') >= 100"),
    Did("login"),
    Did("export"),
    Did("invite"),
)

CASES: Final = (
    Case(
        "count",
        segment(condition("page_viewed", 3)),
        peers.query_of([Did("page_viewed")], "c0 >= 3"),
        scan("", "page_viewed"),
        counted("page_viewed"),
        at_most(1.8),
    ),
    Case(
        "count in a window",
        segment(condition("page_viewed", 3, **_WINDOW)),
        peers.query_of([Did("page_viewed", _SINCE_MS)], "c0 >= 3"),
        scan("", "page_viewed", since_ms=_SINCE_MS),
        counted("page_viewed", since_ms=_SINCE_MS),
        at_most(2.0),
    ),
    Case(
        "payload filter",
        segment(condition("purchase", 1, **_PRICED)),
        peers.query_of([Did("purchase", None, "JSONExtractFloat(properties, 'price') >= 100")], "c0 >= 1"),
        scan(_PRICE, "purchase"),
        counted("purchase"),
        at_most(2.9),
    ),
    Case(
        "trait",
        segment({"type": "user_property", "property": "plan", "operator": "eq", "value": "team"}),
        peers.trait_query("plan", "team"),
        scan(", max(payload.plan.:`String`)", "$identify"),
    ),
    Case(
        "six nested conditions",
        segment(
            segment(SIX[0], SIX[1]).model_dump(mode="json"),
            segment(*SIX[2:4], logic="OR").model_dump(mode="json"),
            segment(*SIX[4:6], logic="OR").model_dump(mode="json"),
        ),
        peers.query_of(_SIX_AT_OTHERS, "c0 >= 5 AND c1 >= 2 AND (c2 >= 1 OR c3 >= 3) AND (c4 >= 1 OR c5 >= 1)"),
    ),
    Case(
        "negative only",
        segment({"type": "event_count", "event_type": "purchase", "operator": "eq", "value": 0}),
        peers.never_query(Did("purchase")),
        scan("", "purchase"),
    ),
    Case(
        "sequence",
        segment(
            {
                "type": "event_sequence",
                "steps": [{"event_type": "search"}, {"event_type": "purchase"}],
                "within": "7d",
            }
        ),
        peers.sequence_query(["search", "purchase"], 7 * _DAY_MS),
        scan("", "search", "purchase"),
        counted("search", "purchase"),
        at_most(2.3),
    ),
    Case(
        "sum",
        segment(
            {
                "type": "event_aggregate",
                "event_type": "purchase",
                "property": "price",
                "function": "sum",
                "operator": "gte",
                "value": 500,
            }
        ),
        peers.sum_query("purchase", "price", 500),
        scan(_PRICE, "purchase"),
        counted("purchase"),
        at_most(4.2),
    ),
)


def parts_of(number: int) -> list[dict[str, Any]]:
    """Return the conditions of one of many different segments: one to three counts, as tenants have them."""
    return [_part(number, part) for part in range(1 + number % 3)]


def _part(number: int, part: int) -> dict[str, Any]:
    event_type, least = list(SHARES)[(number * 7 + part) % len(SHARES)], 1 + number % 7
    if number % 5 == 0 and part == 0:
        return condition(event_type, least, where=[{"property": "price", "operator": "gte", "value": number}])
    return condition(event_type, least, window={"last": f"{1 + (number * 37 + part) % (DAYS * 24)}h"})


MANY: Final = tuple(segment(*parts_of(number)) for number in range(JOB_SEGMENTS))
MANY_AT_OTHERS: Final = tuple(peers.query_of_definition(parts_of(number)) for number in range(JOB_SEGMENTS))
