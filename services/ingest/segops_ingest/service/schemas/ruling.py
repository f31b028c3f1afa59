"""Decides what the schemas of a tenant mean for the events of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from segops_common.event_schemas.check import Violation
from segops_ingest.domain.identity import Delivery
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.schemas.directory import Checks


@dataclass(frozen=True, slots=True)
class Violated:
    """An accepted event that violates the schema of its type."""

    index: int
    event_type: str
    is_quarantined: bool
    refusal: EventRefused
    """What a refusal would have said."""


@dataclass(slots=True)
class Ruling:
    """The events that are accepted, in their order, and those that are refused. `payloads` have converted values, by index."""

    accepted: list[Delivery]
    refused: list[tuple[int, EventRefused]] = field(default_factory=list)
    violated: list[Violated] = field(default_factory=list)
    payloads: dict[int, dict[str, Any]] = field(default_factory=dict)

    def converted(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Return the deliveries with converted values. An event is compared and remembered as it was sent, so this comes last."""
        if not self.payloads:
            return deliveries
        return [self._converted(delivery) for delivery in deliveries]

    def _converted(self, delivery: Delivery) -> Delivery:
        payload = self.payloads.get(delivery.index)
        if payload is None:
            return delivery
        row = {**delivery.row, "payload": payload}
        return replace(delivery, row=row, text=orjson.dumps(row))


def rule(checks: Checks | None, deliveries: list[Delivery], *, refuses_all: bool = False) -> Ruling:
    """Apply the schemas. With `refuses_all`, an event that would be quarantined is refused."""
    if checks is None:
        return Ruling(deliveries)
    ruling = Ruling([])
    for delivery in deliveries:
        check = checks.get(delivery.row["event_type"])
        if check is None:
            ruling.accepted.append(delivery)
            continue
        checked = check.apply(delivery.row["payload"])
        if checked.converted:
            ruling.payloads[delivery.index] = checked.payload
        if not checked.violations:
            ruling.accepted.append(delivery)
            continue
        refusal = _refusal(check.event_type, delivery.payload_name, checked.violations)
        if check.mode == "refuse" or (check.mode == "quarantine" and refuses_all):
            ruling.refused.append((delivery.index, refusal))
            continue
        is_quarantined = check.mode == "quarantine"
        ruling.violated.append(Violated(delivery.index, check.event_type, is_quarantined, refusal))
        ruling.accepted.append(replace(delivery, is_quarantined=True) if is_quarantined else delivery)
    return ruling


def _refusal(event_type: str, payload_name: str, violations: Sequence[Violation]) -> EventRefused:
    first, *more = [
        EventRefused(f"{payload_name}.{violation.property}", violation.code, violation.detail)
        for violation in violations
    ]
    return EventRefused(first.path, first.code, first.detail, more=more, event_type=event_type)
