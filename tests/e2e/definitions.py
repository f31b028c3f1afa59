"""Definitions for generated requests: one for each condition type and each refusal that a route can meet."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
EVENT = {"event_type": "purchase"}
FILTERS = [{"property": "items.sku", "operator": "in", "value": ["a", 1, True]}]

CONDITIONS: dict[str, Json] = {
    "event_count": {**EVENT, "operator": "gte", "value": 2, "window": {"last": "30d"}, "where": FILTERS, "per": "sku"},
    "event_aggregate": {**EVENT, "property": "price", "function": "sum", "operator": "between", "value": [1, 2.5]},
    "event_time": {**EVENT, "occurrence": "first", "operator": "before", "value": "2026-01-01T00:00:00Z"},
    "event_match": {**EVENT, "occurrence": "last", "has": FILTERS, "negate": True},
    "event_sequence": {"steps": [EVENT, {**EVENT, "where": FILTERS}], "within": "1h", "window": {"from": "-7d"}},
    "event_regularity": {**EVENT, "period": "1w", "of": 8, "at_least": 3},
    "user_property": {"property": "plan", "operator": "matches", "value": "^pro"},
    "segment": {"segment_id": 1},
    "sample": {"percent": 12.5, "seed": "autumn"},
}
"""Valid conditions by their type."""

DEEPEST: Json = {}
for _ in range(40):
    DEEPEST = {"logic": "AND", "conditions": [DEEPEST] if DEEPEST else []}

REFUSED: list[Any] = [
    None,
    [],
    {"logic": "XOR", "conditions": []},
    {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "\0", "operator": "gte", "value": 1}]},
    {"logic": "AND", "conditions": [{"type": "user_property", "property": "a", "operator": "matches", "value": "("}]},
    {"logic": "AND", "conditions": [{"type": "event_count", **EVENT, "operator": "gte", "value": 10**400}]},
    {"logic": "OR", "conditions": [{"type": "sample", "percent": 101}, {"type": "unknown"}]},
    DEEPEST,
]
"""Bodies that no route may accept; each is refused by another part of the parser."""


def pool() -> list[Any]:
    """Return all of them, the conditions alone and side by side."""
    conditions = [{"type": kind, **fields} for kind, fields in CONDITIONS.items()]
    alone = [{"logic": "AND", "conditions": [condition]} for condition in conditions]
    together = {"logic": "OR", "negate": True, "conditions": [*conditions, {"logic": "AND", "conditions": []}]}
    return [*alone, together, *REFUSED]
