"""Consents in a memory warehouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from segops_common.core.clock import Clock
from segops_language.events import IDENTIFY_EVENT, in_order
from segops_language.values import path_keys
from segops_language.values.instants import to_ms
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.activations.consent import Consent
from segops_membership.domain.property_values import value_at


class MemoryConsents:
    """See the port `Consents`."""

    def __init__(self, *, warehouse: MemoryWarehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    async def consents(self, tenant_id: int, user_ids: Collection[str], path: str) -> Mapping[str, Consent]:
        """See the port."""
        keys = path_keys(path)
        return {user_id: self._consent(tenant_id, user_id, keys) for user_id in user_ids}

    def _consent(self, tenant_id: int, user_id: str, keys: tuple[str, ...]) -> Consent:
        rows = self._warehouse.tenant(tenant_id)
        persons = rows.persons(to_ms(self._clock.now()))
        ids = {user_id, *(id for id, person in persons.items() if person == user_id)}
        events = sorted((event for id in ids for event in rows.events.get(id, {}).values()), key=in_order)
        said = [
            value_at(event.payload, keys) is True
            for event in events
            if event.event_type == IDENTIFY_EVENT and keys[0] in event.payload
        ]
        if True not in said:
            return Consent.NEVER_GIVEN
        return Consent.GIVEN if said[-1] else Consent.WITHDRAWN
