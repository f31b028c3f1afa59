"""Payloads as they were sent, from what ClickHouse stores of them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from pydantic import JsonValue

from segops_language.events import IDENTIFY_EVENT


def payload_of(
    event_type: str, text: str, removed: Sequence[str], empty_objects: Sequence[str]
) -> dict[str, JsonValue]:
    """Return a payload as it was sent: the JSON type stores neither objects without a value nor removed traits."""
    payload: dict[str, JsonValue] = orjson.loads(text)
    for path in empty_objects:
        _add_empty_object(payload, [key.replace("%2E", ".") for key in path.split(".")])
    if event_type == IDENTIFY_EVENT:
        payload.update(dict.fromkeys(removed))
    return payload


def _add_empty_object(payload: dict[str, JsonValue], keys: Sequence[str]) -> None:
    """Add the object that the keys lead to, and the objects around it. Arrays around it are there."""
    inner: JsonValue = payload
    for key in keys:
        if isinstance(inner, list):
            inner = inner[int(key)]
        elif isinstance(inner, dict):
            inner = inner.setdefault(key, {})
