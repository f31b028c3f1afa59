"""Deletes people from the rows in memory, and reads what there is about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace

from pyroaring import BitMap

from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.privacy.records import ListEntry, MembershipChange, PersonLetter
from segops_membership.domain.publication import Attempt, Difference, SegmentOutcome


class MemoryPersonStores:
    """See the port `PersonStores`."""

    def __init__(self, *, warehouse: MemoryWarehouse, results: MemoryRunResults) -> None:
        self._warehouse = warehouse
        self._results = results

    async def count(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[str, int]:
        """See the port."""
        rows, numbers = self._warehouse.tenant(tenant_id), await self.numbers(tenant_id, user_ids)
        listed = [user for changes in rows.list_changes.values() for _, user in changes if user in user_ids]
        return {
            "events": sum(len(rows.events.get(user_id, {})) for user_id in user_ids),
            "identity_claims": len(rows.facts.claims) - len(rows.facts.without(user_ids).claims),
            "static_members": len(listed),
            "membership_changes": sum(
                tenant == tenant_id and user in user_ids for tenant, user, *_ in self._results.change_rows
            ),
            "profiles": len(numbers),
            "segment_runs": sum(
                tenant == tenant_id and _holds(outcome, numbers)
                for (tenant, *_), outcome in self._results.outcomes.items()
            ),
        }

    async def all_ids(self, tenant_id: int, page: int) -> AsyncIterator[Collection[str]]:
        """See the port."""
        rows = self._warehouse.tenant(tenant_id)
        listed = {user_id for changes in rows.list_changes.values() for _, user_id in changes}
        ids = sorted({*rows.events, *rows.numbers, *listed, *rows.facts.ids})
        for start in range(0, len(ids), page):
            yield ids[start : start + page]

    async def delete_events(self, tenant_id: int, user_ids: Collection[str]) -> None:
        """See the port."""
        rows = self._warehouse.tenant(tenant_id)
        rows.facts = rows.facts.without(user_ids)
        for user_id in user_ids:
            rows.events.pop(user_id, None)
        for changes in rows.list_changes.values():
            for key in [key for key in changes if key[1] in user_ids]:
                del changes[key]

    async def numbers(self, tenant_id: int, user_ids: Collection[str]) -> Collection[int]:
        """See the port."""
        numbers = self._warehouse.tenant(tenant_id).numbers
        return sorted(numbers[user_id] for user_id in user_ids if user_id in numbers)

    async def segments_of(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[str, Collection[int]]:
        """See the port."""
        segments: defaultdict[str, set[int]] = defaultdict(set)
        for tenant, user_id, segment_id, _ in self._results.change_rows:
            if tenant == tenant_id and user_id in user_ids:
                segments[user_id].add(segment_id)
        return segments

    async def attempts_with(self, tenant_id: int, numbers: Collection[int]) -> Collection[tuple[int, Attempt]]:
        """See the port."""
        return [
            (segment_id, attempt)
            for (tenant, segment_id, attempt), outcome in self._results.outcomes.items()
            if tenant == tenant_id and not outcome.members.isdisjoint(BitMap(numbers))
        ]

    async def delete_members(self, tenant_id: int, user_ids: Collection[str], numbers: Collection[int]) -> None:
        """See the port."""
        erased = BitMap(numbers)
        for key, outcome in self._results.outcomes.items():
            if key[0] == tenant_id:
                self._results.outcomes[key] = _without(outcome, erased)
        for row in [row for row in self._results.change_rows if row[0] == tenant_id and row[1] in user_ids]:
            del self._results.change_rows[row]
        for user_id in user_ids:
            self._warehouse.tenant(tenant_id).numbers.pop(user_id, None)


class MemoryPersonRecords:
    """See the port `PersonRecords`. There are no dead letters in memory."""

    def __init__(self, *, warehouse: MemoryWarehouse, results: MemoryRunResults) -> None:
        self._warehouse = warehouse
        self._results = results

    async def changes_of(self, tenant_id: int, user_id: str, *, after: int, limit: int) -> Sequence[MembershipChange]:
        """See the port."""
        changes = sorted(
            (attempt.run_id, segment_id, entered, self._results.visible[tenant_id, attempt].as_of_ms)
            for (tenant, user, segment_id, attempt), entered in self._results.change_rows.items()
            if (tenant, user) == (tenant_id, user_id)
            and (tenant, attempt) in self._results.visible
            and attempt.run_id > after
        )
        last = changes[min(limit, len(changes)) - 1][0] if changes else 0
        return [
            MembershipChange(
                segment_id=segment_id, run_id=run_id, change="entered" if entered else "exited", as_of_ms=as_of_ms
            )
            for run_id, segment_id, entered, as_of_ms in changes
            if run_id <= last
        ]

    async def list_entries_of(self, tenant_id: int, user_id: str) -> Sequence[ListEntry]:
        """See the port."""
        entries = []
        for segment_id, changes in sorted(self._warehouse.tenant(tenant_id).list_changes.items()):
            own = sorted((version, present) for (version, user), present in changes.items() if user == user_id)
            if own and own[-1][1]:
                entries.append(ListEntry(segment_id=segment_id, list_version=own[-1][0]))
        return entries

    async def letters_of(self, tenant_id: int, user_id: str, *, after: int, limit: int) -> Sequence[PersonLetter]:  # noqa: ARG002 none
        """See the port."""
        return ()


def _holds(outcome: SegmentOutcome, numbers: Collection[int]) -> bool:
    return _without(outcome, BitMap(numbers)) != outcome


def _without(outcome: SegmentOutcome, erased: BitMap) -> SegmentOutcome:
    unreported = outcome.unreported
    return replace(
        outcome,
        members=outcome.members - erased,
        entered=outcome.entered - erased,
        exited=outcome.exited - erased,
        unreported=None if unreported is None else Difference(unreported.entered - erased, unreported.exited - erased),
    )
