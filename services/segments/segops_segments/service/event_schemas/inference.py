"""Inferring schemas from events, and validating an event without storing it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segops_common.core.problems import NotFound, Unavailable
from segops_common.event_schemas.check import Checked, SchemaCheck
from segops_common.event_schemas.infer import InferredSchema, infer
from segops_common.event_schemas.model import stored_event_type
from segops_segments.domain.event_schema import StoredSchema
from segops_segments.ports.event_schemas import SchemaStore
from segops_segments.ports.observed_events import ObservedEventsReader


@dataclass(frozen=True, slots=True)
class Validation:
    """What the schema says about a payload. Without a schema, every payload is valid."""

    schema: StoredSchema | None
    checked: Checked


class SchemaInference:
    """Infers schemas, and applies stored ones to payloads. Nothing is stored."""

    def __init__(self, *, store: SchemaStore, observed_events: ObservedEventsReader) -> None:
        self._store = store
        self._observed_events = observed_events

    async def of_events(self, events: Sequence[tuple[str, dict[str, Any]]]) -> Sequence[InferredSchema]:
        """Return the schema of each event type among the events, given as (event type, payload), the most frequent first."""
        return await asyncio.to_thread(_inferred, events)

    async def of_observed(self, tenant_id: int, event_type: str) -> InferredSchema:
        """Return the schema of recent events of the type. Raises NotFound without events, and Unavailable."""
        payloads = await self._observed_events.recent_payloads(tenant_id, stored_event_type(event_type))
        if payloads is None:
            raise Unavailable(
                "Events cannot be read now. Retry after `Retry-After` seconds, or send events as `events`."
            )
        if not payloads:
            raise NotFound("The tenant must have stored events of this type. Send events as `events` instead.")
        return await asyncio.to_thread(infer, stored_event_type(event_type), payloads)

    async def validate(self, tenant_id: int, event_type: str, payload: dict[str, Any]) -> Validation:
        """Return what the tenant's schema says about the payload of an event."""
        schema = await self._store.of_event_type(tenant_id, stored_event_type(event_type))
        if schema is None:
            return Validation(None, Checked(payload))
        return Validation(schema, SchemaCheck(schema.rules).apply(payload))


def _inferred(events: Sequence[tuple[str, dict[str, Any]]]) -> Sequence[InferredSchema]:
    payloads: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event_type, payload in events:
        payloads[stored_event_type(event_type)].append(payload)
    ordered = sorted(payloads, key=lambda event_type: (-len(payloads[event_type]), event_type))
    return [infer(event_type, payloads[event_type]) for event_type in ordered]
