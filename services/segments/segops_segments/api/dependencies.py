"""What handlers receive: the use cases, the caller, the segment in the path, and the version that the caller saw."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Header, Path, Query, Request
from pydantic import WithJsonSchema

from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.dependencies import require
from segops_segments.domain.segment import MAX_TAG_CHARS, Segment, SegmentFilter
from segops_segments.service.use_cases import UseCases

_ETAG: Final = re.compile(r'"([0-9]{1,18})"', re.ASCII)
NO_VERSION: Final = -1
"""What an If-Match that no ETag of ours has matches: no version at all."""


def use_cases_of(request: Request) -> UseCases:
    """Return the use cases of the running application."""
    use_cases: UseCases = request.app.state.running
    return use_cases


async def _use_cases(request: Request) -> UseCases:
    return use_cases_of(request)


async def _expected_version(if_match: Annotated[str | None, Header(max_length=200)] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    return NO_VERSION if match is None else int(match[1])


async def _segment_filter(
    q: Annotated[
        str,
        Query(
            max_length=255,
            description="Only segments with this text in their names or descriptions, without regard to case, or with"
            " this id.",
        ),
    ] = "",
    tag: Annotated[
        str | None, Query(min_length=1, max_length=MAX_TAG_CHARS, description="Only segments with this tag.")
    ] = None,
    owner: Annotated[
        str | None,
        Query(
            pattern="^(user|key):[0-9]{1,19}$",
            description="Only segments that this user or key created.",
            examples=["user:7"],
        ),
    ] = None,
) -> SegmentFilter:
    return SegmentFilter(text=q or None, tag=tag, owner=owner)


SegmentFilterParams = Annotated[SegmentFilter, Depends(_segment_filter)]
UseCasesOfApp = Annotated[UseCases, Depends(_use_cases)]
# One object for each permission: FastAPI then authenticates a request once, on the route, before it reads the body.
READS: Final = require(Scope.SEGMENTS_READ)
WRITES: Final = require(Scope.SEGMENTS_WRITE)
Reader = Annotated[Principal, READS]
Writer = Annotated[Principal, WRITES]
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
# Ids that no segment has, such as 0, are valid here: they are answered with 404, like ids of other tenants.
SegmentId = Annotated[int, Path(ge=-(2**63), le=2**63 - 1)]
RunId = Annotated[
    int,
    Path(ge=-(2**63), le=2**63 - 1),
    # Bodies show it as text, which is what clients pass on.
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,18}$"}),
]


def visible_tenants(caller: Principal) -> frozenset[int]:
    """Return the tenants whose segments the caller may know about."""
    return caller.tenants(Scope.SEGMENTS_READ) | caller.tenants(Scope.SEGMENTS_WRITE)


async def _read_segment(use_cases: UseCasesOfApp, caller: Reader, segment_id: SegmentId) -> Segment:
    segment = await use_cases.segments.get(visible_tenants(caller), segment_id)
    caller.require(segment.tenant_id, Scope.SEGMENTS_READ)
    return segment


async def _written_segment(use_cases: UseCasesOfApp, caller: Writer, segment_id: SegmentId) -> Segment:
    segment = await use_cases.segments.get(visible_tenants(caller), segment_id)
    caller.require(segment.tenant_id, Scope.SEGMENTS_WRITE)
    return segment


ReadSegment = Annotated[Segment, Depends(_read_segment)]
"""The segment in the path; the caller may read it."""
WrittenSegment = Annotated[Segment, Depends(_written_segment)]
"""The segment in the path; the caller may change it."""
