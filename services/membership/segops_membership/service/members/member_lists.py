"""Reads the members of a segment: page by page, or all of them as a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor, invalid_cursor
from segops_common.core.problems import Conflict, Gone, Unavailable
from segops_membership.domain.members.sets import Member, MemberFormat, MemberSet
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.members.sets import MemberSets
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.segment_checks import existing

_LARGEST: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class MemberFile:
    """A whole member set. The first bytes are there; an error among the `chunks` means that the file is not complete."""

    member_format: MemberFormat
    members: MemberSet
    chunks: AsyncGenerator[bytes, None]


class MemberLists:
    """The use case of the members of a segment. All pages of a cursor are of the publication of the first page."""

    def __init__(self, *, definitions: SegmentDefinitions, sets: MemberSets, admission: Admission) -> None:
        self._definitions = definitions
        self._sets = sets
        self._admission = admission

    async def page(
        self,
        tenant_ids: Collection[int],
        segment_id: int,
        query: PageQuery,
        *,
        as_of_ms: int | None = None,
        prefix: str = "",
    ) -> Page[Member]:
        """Return members by ascending key. Raises NotFound, MalformedRequest, Gone (publication-gone) or Unavailable.

        Without a cursor, the page is of the newest publication, or of the newest one as of the given instant.
        """
        with read_errors():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
            members, after = await self._position(tenant_id, segment_id, query.cursor, as_of_ms)
            if members is None:
                return Page((), None, 0)
            rows = await self._sets.page(
                tenant_id,
                segment_id,
                members,
                after=after,
                limit=query.limit + 1,
                offset=query.offset,
                prefix=prefix,
            )
        results = tuple(rows[: query.limit])
        following = _cursor(segment_id, members, results[-1].key) if len(rows) > query.limit else None
        return Page(results, following, None if prefix else members.size)

    async def file(
        self,
        tenant_ids: Collection[int],
        segment_id: int,
        member_format: MemberFormat,
        *,
        as_of_ms: int | None = None,
    ) -> MemberFile:
        """Return all members. Raises NotFound, Conflict (never-computed), RateLimited or Unavailable."""
        with read_errors():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
            members = computed(await self._sets.newest(tenant_id, segment_id, as_of_ms))
            chunks = self._admitted(tenant_id, self._sets.stream(tenant_id, segment_id, members, member_format))
            # Until the first bytes are there, an error can still become a response.
            first = await anext(chunks, b"")
        return MemberFile(member_format, members, _begun(first, chunks))

    async def _admitted(self, tenant_id: int, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        with self._admission.admitted(tenant_id):
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk

    async def _position(
        self, tenant_id: int, segment_id: int, cursor: str | None, as_of_ms: int | None
    ) -> tuple[MemberSet | None, int]:
        if cursor is None:
            return await self._sets.newest(tenant_id, segment_id, as_of_ms), -1
        of_segment, run_id, fence, after = map(int, decode_cursor(cursor, int, int, int, int))
        if of_segment != segment_id or not all(0 <= part <= _LARGEST for part in (run_id, fence, after)):
            raise invalid_cursor()
        members = await self._sets.find(tenant_id, segment_id, Attempt(run_id, fence))
        if members is None:
            raise Gone(
                "The publication that the cursor belongs to no longer exists. Start anew without `cursor`.",
                slug="publication-gone",
            )
        return members, after


def computed(members: MemberSet | None) -> MemberSet:
    """Return the set. Raises Conflict (never-computed) for None."""
    if members is None:
        raise Conflict("The segment must be computed before its members can be downloaded.", slug="never-computed")
    return members


@contextmanager
def read_errors() -> Iterator[None]:
    """Raise Unavailable for what the ports raise."""
    try:
        yield
    except EngineUnavailable as error:
        raise Unavailable("Members cannot be read now. Retry.", retry_after_s=1) from error


async def _begun(first: bytes, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        if first:
            yield first
        async for chunk in chunks:
            yield chunk


def _cursor(segment_id: int, members: MemberSet, key: int) -> str:
    return encode_cursor([segment_id, members.attempt.run_id, members.attempt.fence, key])
