"""Results of runs in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import xxhash
from pyroaring import BitMap

from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, MemberChanges, Publication, SegmentHead, SegmentOutcome
from segops_membership.ports.errors import EngineUnavailable

_OutcomeKey = tuple[int, int, Attempt]
"""Tenant, segment and attempt."""


class MemoryRunResults:
    """See the port `RunResults`. Stores what lookups read, see `MemoryMembershipReader`."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse
        self.outcomes: dict[_OutcomeKey, SegmentOutcome] = {}
        self.change_rows: dict[tuple[int, str, int, Attempt], bool] = {}
        """By tenant, user, segment and attempt: whether the user entered (False: exited)."""
        self.visible: dict[tuple[int, Attempt], Publication] = {}

    async def published_members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, BitMap]:
        """See the port."""
        try:
            return {id: self.outcomes[tenant_id, id, head.attempt].members for id, head in heads.items()}
        except KeyError as error:
            raise EngineUnavailable("a published bitmap cannot be read") from error

    async def write_outcomes(
        self,
        tenant_id: int,
        attempt: Attempt,
        outcomes: Sequence[SegmentOutcome],
        as_of_ms: int,  # noqa: ARG002 kept in ClickHouse for operators only
        at: datetime,  # noqa: ARG002 the same
    ) -> None:
        """See the port."""
        for outcome in outcomes:
            self.outcomes[tenant_id, outcome.segment_id, attempt] = outcome

    async def digests(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome]
    ) -> Mapping[int, Digest]:
        """See the port."""
        digests = {}
        for outcome in outcomes:
            stored = self.outcomes[tenant_id, outcome.segment_id, attempt]
            if outcome.base_digest is None:
                digests[outcome.segment_id] = self._sum(tenant_id, stored.members)
            else:
                difference = self._sum(tenant_id, stored.entered) - self._sum(tenant_id, stored.exited)
                digests[outcome.segment_id] = outcome.base_digest + difference
        return digests

    async def write_changes(
        self,
        tenant_id: int,
        attempt: Attempt,
        outcomes: Sequence[SegmentOutcome],
        at: datetime,  # noqa: ARG002 kept in ClickHouse for operators only
    ) -> None:
        """See the port."""
        for outcome in outcomes:
            for change, user_ids in self._changes_of(tenant_id, outcome.segment_id, attempt):
                for user_id in user_ids:
                    self.change_rows[tenant_id, user_id, outcome.segment_id, attempt] = change == "entered"

    async def make_visible(self, tenant_id: int, publication: Publication) -> None:
        """See the port."""
        self.visible[tenant_id, publication.attempt] = publication

    async def changes(self, tenant_id: int, publication: Publication) -> AsyncIterator[MemberChanges]:
        """See the port. Yields one portion for each segment and kind of change."""
        for segment in publication.result.segments:
            for change, user_ids in self.unreported(tenant_id, segment.segment_id, publication.attempt):
                if user_ids:
                    yield MemberChanges(segment.segment_id, change, user_ids)

    def member_ids(self, tenant_id: int, segment_id: int, attempt: Attempt) -> Sequence[str]:
        """Return the members that the attempt computed, in no particular order."""
        return self._user_ids(tenant_id, self.outcomes[tenant_id, segment_id, attempt].members)

    def _changes_of(
        self, tenant_id: int, segment_id: int, attempt: Attempt
    ) -> Iterable[tuple[Literal["entered", "exited"], Sequence[str]]]:
        outcome = self.outcomes[tenant_id, segment_id, attempt]
        yield "entered", self._user_ids(tenant_id, outcome.entered)
        yield "exited", self._user_ids(tenant_id, outcome.exited)

    def unreported(
        self, tenant_id: int, segment_id: int, attempt: Attempt
    ) -> Iterable[tuple[Literal["entered", "exited"], Sequence[str]]]:
        """Return what is reported of the attempt: the difference from the members that were reported before."""
        difference = self.outcomes[tenant_id, segment_id, attempt].unreported
        if difference is None:
            yield from self._changes_of(tenant_id, segment_id, attempt)
            return
        yield "entered", self._user_ids(tenant_id, difference.entered)
        yield "exited", self._user_ids(tenant_id, difference.exited)

    def _user_ids(self, tenant_id: int, numbers: BitMap) -> list[str]:
        return [user_id for user_id, n in self._warehouse.tenant(tenant_id).numbers.items() if n in numbers]

    def _sum(self, tenant_id: int, numbers: BitMap) -> Digest:
        digest = Digest()
        for user_id in self._user_ids(tenant_id, numbers):
            digest += Digest(xxhash.xxh64_intdigest(user_id.encode()), xxhash.xxh3_64_intdigest(user_id.encode()))
        return digest
