"""Definitions for generated requests: one for each condition type, and one for each reason to refuse a definition."""

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
    "event_sequence": {
        "steps": [EVENT, {**EVENT, "where": FILTERS}],
        "within": "1h",
        "window": {"from": "-7d"},
        "strict": True,
    },
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
"""Definitions that every route must refuse, each for a different reason."""


def pool() -> list[Any]:
    """Return all definitions: each condition alone, all conditions together, and the refused ones."""
    conditions = [{"type": kind, **fields} for kind, fields in CONDITIONS.items()]
    alone = [{"logic": "AND", "conditions": [condition]} for condition in conditions]
    together = {"logic": "OR", "negate": True, "conditions": [*conditions, {"logic": "AND", "conditions": []}]}
    return [*alone, together, *REFUSED]
