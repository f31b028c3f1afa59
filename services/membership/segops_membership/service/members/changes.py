"""Reads changes of members from the chain of publications: in order, each once, from any position."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from segops_common.core.clock import Clock
from segops_common.core.pagination import decode_cursor, encode_cursor, invalid_cursor
from segops_common.core.problems import Fault, Gone, NotFound, RateLimited, Unavailable, ValidationFailed
from segops_membership.domain.members.changes import (
    AFTER_ALL_USERS,
    BEGINNING,
    ChangedUser,
    ChangePosition,
    MemberChange,
)
from segops_membership.domain.publication import Publication
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.members.changes import ChangeHistory
from segops_membership.ports.privacy.exits import ErasedExits
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.segment_checks import existing
from segops_membership.service.members.member_lists import read_errors

USERS_AT_ONCE: Final = 200
"""Users whose changes are in memory at a time: each may have changed in every segment."""
PUBLICATIONS_AT_ONCE: Final = 20
MAX_PUBLICATIONS: Final = 400
"""Publications that one page looks at. A page that ends there says that there is more."""
MAX_STREAMS: Final = 200
MAX_STREAMS_OF_A_TENANT: Final = 20
HEARTBEAT_S: Final = 10.0
POLL_S: Final = 1.0
STREAM_PAGE: Final = 500
_RETRY_AFTER_S: Final = 5
_LARGEST: Final = 2**63 - 1
Start = Literal["beginning", "now"]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes after a position. `end` is the position after them; `has_more` says whether there are changes after it."""

    changes: Sequence[MemberChange]
    end: ChangePosition
    has_more: bool


class ReadChanges:
    """Reads the changes of a tenant or of one of its segments. Incomplete publications have none: the next complete one
    has the difference from what was reported before. Exits of erased people come after the publication before them."""

    def __init__(self, *, publications: PublicationLog, history: ChangeHistory, exits: ErasedExits) -> None:
        self._publications = publications
        self._history = history
        self._exits = exits

    async def end(self, tenant_id: int) -> ChangePosition:
        """Return the position after all changes that can be read now. Raises EngineUnavailable."""
        newest = await self._publications.visible_end(tenant_id)
        if newest is None:
            return BEGINNING
        return await self._exits.end(tenant_id, ChangePosition.after(newest))

    async def find(self, tenant_id: int, run_id: int) -> Publication | None:
        """Return the publication of a run; None when there is none that can be read. Raises EngineUnavailable."""
        publication = await self._publications.find(tenant_id, run_id)
        end = await self.end(tenant_id)
        return publication if publication is not None and publication.number <= end.number else None

    async def is_known(self, tenant_id: int, position: ChangePosition) -> bool:
        """Return whether the position is one of the chain of publications. Raises EngineUnavailable."""
        if position == BEGINNING:
            return True
        publication = await self.find(tenant_id, position.run_id)
        return publication is not None and publication.number == position.number

    async def read(
        self,
        tenant_id: int,
        position: ChangePosition,
        *,
        limit: int,
        segment_id: int | None = None,
        through: Publication | None = None,
    ) -> ChangePage:
        """Return at most `limit` changes after a known position, up to the end of a publication. Raises EngineUnavailable."""
        end = await self.end(tenant_id) if through is None else ChangePosition.after(through)
        changes: list[MemberChange] = []
        exits = deque(await self._exits.between(tenant_id, position, end, limit=limit + 1, segment_id=segment_id))
        looked_at = 0
        # A position amid a publication begins with that publication.
        after = position.number - 1 if position.is_amid else position.number
        while looked_at < MAX_PUBLICATIONS:
            publications = await self._publications.visible_after(
                tenant_id, after, end.number, limit=PUBLICATIONS_AT_ONCE, segment_id=segment_id
            )
            if not publications:
                position, is_whole = _add_exits(changes, exits, position, end.number + 1, limit)
                return ChangePage(changes, max(position, end) if is_whole else position, not is_whole)
            changed = await self._changed_segments(tenant_id, publications, segment_id)
            for publication in publications:
                position, is_whole = _add_exits(changes, exits, position, publication.number, limit)
                if is_whole:
                    segments = changed.get(publication.number, ())
                    position, is_whole = await self._add(tenant_id, changes, publication, segments, position, limit)
                if not is_whole:
                    return ChangePage(changes, position, True)
            after, looked_at = position.number, looked_at + len(publications)
        return ChangePage(changes, position, position.number < end.number)

    async def exits(
        self, tenant_id: int, position: ChangePosition, end: ChangePosition, *, limit: int, segment_id: int
    ) -> Sequence[MemberChange]:
        """Return exits of erased people between two positions: the first one, and the others of the same erasure.

        They were stored at once, so a repetition returns the same ones. Raises EngineUnavailable.
        """
        exits = await self._exits.between(tenant_id, position, end, limit=limit, segment_id=segment_id)
        return [change for change in exits if change.at == exits[0].at]

    async def _changed_segments(
        self, tenant_id: int, publications: Sequence[Publication], segment_id: int | None
    ) -> Mapping[int, Collection[int]]:
        """Return the changed segments by publication number."""
        numbers = {item.attempt: item.number for item in publications if item.is_complete}
        if not numbers:
            return {}
        changed = await self._history.changed_segments(tenant_id, list(numbers), segment_id)
        return {numbers[attempt]: segments for attempt, segments in changed.items()}

    async def _add(
        self,
        tenant_id: int,
        changes: list[MemberChange],
        publication: Publication,
        segment_ids: Collection[int],
        position: ChangePosition,
        limit: int,
    ) -> tuple[ChangePosition, bool]:
        """Add changes of a publication after the position; return the new one, and whether all of them were added."""
        if position.number != publication.number:
            position = ChangePosition.before(publication)
        whole = ChangePosition.after(publication)
        while segment_ids and position.key < AFTER_ALL_USERS:
            first_key = position.key + 1 if position.segment_id == _LARGEST else max(position.key, 0)
            users = await self._history.changed_users(
                tenant_id, publication.attempt, segment_ids, first_key=first_key, limit=USERS_AT_ONCE
            )
            for change in _changes_of(publication, users):
                if change.position <= position:
                    continue
                if len(changes) == limit:
                    return position, False
                changes.append(change)
                position = change.position
            if len(users) < USERS_AT_ONCE:
                break
            position = ChangePosition(position.number, position.run_id, users[-1].key, _LARGEST)
        return whole, True


class MemberChanges:
    """The use case of the routes of changes: positions as cursors, and streams within limits."""

    def __init__(
        self,
        *,
        definitions: SegmentDefinitions,
        changes: ReadChanges,
        clock: Clock,
        max_streams: int = MAX_STREAMS,
        max_streams_of_a_tenant: int = MAX_STREAMS_OF_A_TENANT,
    ) -> None:
        self._definitions = definitions
        self._changes = changes
        self._clock = clock
        self._max_streams = max_streams
        self._max_streams_of_a_tenant = max_streams_of_a_tenant
        self._streams: Counter[int] = Counter()

    async def position(
        self, tenant_id: int, segment_id: int | None, cursor: str | None, start: Start, from_run: int | None
    ) -> ChangePosition:
        """Return where to begin. Raises NotFound, MalformedRequest, Gone (changes-gone), ValidationFailed or Unavailable."""
        with read_errors():
            if segment_id is not None:
                existing(await self._definitions.owner([tenant_id], segment_id))
            if cursor is not None:
                position = position_of(cursor)
                if not await self._changes.is_known(tenant_id, position):
                    raise changes_gone()
                return position
            if from_run is not None:
                return await self._before_run(tenant_id, from_run)
            return BEGINNING if start == "beginning" else await self._changes.end(tenant_id)

    async def page(self, tenant_id: int, segment_id: int | None, position: ChangePosition, limit: int) -> ChangePage:
        """Return changes after the position. Raises Unavailable."""
        with read_errors():
            return await self._changes.read(tenant_id, position, limit=limit, segment_id=segment_id)

    async def follow(
        self,
        tenant_id: int,
        segment_id: int | None,
        position: ChangePosition,
        *,
        timeout_s: float,
        stopping: Callable[[], bool],
    ) -> AsyncGenerator[MemberChange | ChangePosition, None]:
        """Yield the position, then changes as they are published, and the position again after HEARTBEAT_S without any.

        Ends after `timeout_s`, soon after `stopping` returns true, and when an engine does not answer. Raises RateLimited
        or Unavailable before the first one.
        """
        ends_at = self._clock.monotonic() + timeout_s
        with self._open(tenant_id), suppress(EngineUnavailable):
            yield position
            yielded_at = self._clock.monotonic()
            while (now := self._clock.monotonic()) < ends_at and not stopping():
                page = await self._changes.read(tenant_id, position, limit=STREAM_PAGE, segment_id=segment_id)
                for change in page.changes:
                    yield change
                position = page.end
                if page.changes or now >= yielded_at + HEARTBEAT_S:
                    yield position
                    yielded_at = now
                if not page.has_more:
                    await self._clock.sleep(max(0.0, min(POLL_S, ends_at - now)))

    def require_capacity(self, tenant_id: int) -> None:
        """Raise RateLimited or Unavailable when no further stream can be opened."""
        if self._streams[tenant_id] >= self._max_streams_of_a_tenant:
            raise RateLimited(
                f"At most {self._max_streams_of_a_tenant} streams of a tenant's changes can be open. Close a stream or"
                " retry later.",
                retry_after_s=_RETRY_AFTER_S,
            )
        if self._streams.total() >= self._max_streams:
            raise Unavailable(
                "The server streams changes to as many clients as it can. Retry later.",
                retry_after_s=_RETRY_AFTER_S,
                slug="too-many-streams",
            )

    @contextmanager
    def _open(self, tenant_id: int) -> Iterator[None]:
        self._streams[tenant_id] += 1
        try:
            yield
        finally:
            self._streams[tenant_id] -= 1

    async def _before_run(self, tenant_id: int, run_id: int) -> ChangePosition:
        publication = await self._changes.find(tenant_id, run_id)
        if publication is None:
            raise NotFound("The tenant must have a run with this id that published members.")
        if not publication.is_complete:
            fault = Fault(
                "query.from_run", "incomplete-run", "must be a complete run: changes of this one are not reported"
            )
            raise ValidationFailed("`from_run` must be a complete run.", errors=[fault])
        return ChangePosition.before(publication)


def cursor_of(position: ChangePosition) -> str:
    """Return the cursor of a position."""
    return encode_cursor([position.number, position.run_id, position.key, position.segment_id])


def position_of(cursor: str) -> ChangePosition:
    """Return the position of a cursor. Raises MalformedRequest (invalid-cursor)."""
    number, run_id, key, segment_id = map(int, decode_cursor(cursor, int, int, int, int))
    in_range = 0 <= number <= _LARGEST and 0 <= run_id <= _LARGEST and 0 <= segment_id <= _LARGEST
    if not in_range or not -1 <= key <= AFTER_ALL_USERS:
        raise invalid_cursor()
    return ChangePosition(number, run_id, key, segment_id)


def changes_gone() -> Gone:
    """Return the refusal of a position whose publication does not exist any more."""
    return Gone(
        "The publication that the cursor belongs to no longer exists. Start anew: read the members of the segment, then its"
        " changes with `start=now` from before that, or all changes with `start=beginning`.",
        slug="changes-gone",
    )


def _add_exits(
    changes: list[MemberChange], exits: deque[MemberChange], position: ChangePosition, before: int, limit: int
) -> tuple[ChangePosition, bool]:
    """Add exits from before a publication; return the new position, and whether all of them were added."""
    while exits and exits[0].position.number < before:
        if len(changes) == limit:
            return position, False
        changes.append(exits.popleft())
        position = changes[-1].position
    return position, True


def _changes_of(publication: Publication, users: Sequence[ChangedUser]) -> Iterator[MemberChange]:
    """Yield the changes in their order."""
    results = {segment.segment_id: segment for segment in publication.segments}
    for user in users:
        for segment_id, entered in user.segments:
            yield MemberChange(
                position=ChangePosition(publication.number, publication.attempt.run_id, user.key, segment_id),
                segment_id=segment_id,
                user_id=user.user_id,
                change="entered" if entered else "exited",
                reason=results[segment_id].reason,
                version=results[segment_id].version,
                run_id=publication.attempt.run_id,
                at=publication.at,
            )
