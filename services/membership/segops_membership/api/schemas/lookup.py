"""Requests and responses of lookups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import TenantFields
from segops_common.web.profile_id import ProfileId
from segops_language.model import Items
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, RequestBody, Response
from segops_membership.service.lookup.lookup import UserSegments
from segops_membership.service.lookup.membership_now import SegmentsNow

MAX_USERS: Final = 1000

FROM_WAREHOUSE: Final[JsonDict] = {"user_id": "user-123", "segment_ids": [42], "cached": False}
FROM_CACHE: Final[JsonDict] = {"user_id": "user-123", "segment_ids": [42], "cached": True}
IN_NO_SEGMENT: Final[JsonDict] = {"user_id": "stranger", "segment_ids": [], "cached": False}


EVALUATED_NOW: Final[JsonDict] = {
    "user_id": "user-123",
    "segment_ids": [42, 43],
    "cached": False,
    "as_of": EXAMPLE_INSTANT,
    "stale": False,
}


class Membership(Response):
    """The segments of a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [FROM_WAREHOUSE]})

    user_id: str = Field(description="The `user_id` of the request.")
    segment_ids: tuple[int, ...] = Field(description="Ascending. Empty for a user in no segment, known or unknown.")
    cached: bool = Field(description="Whether the answer came from the cache. A publication invalidates the cache.")
    is_member: bool | None = Field(
        default=None, description="Whether the user is in the segment `segment_id`. Only if the request names one."
    )
    as_of: datetime | None = Field(default=None, description="With `now=true`: the instant of the answer.")
    stale: bool | None = Field(
        default=None,
        description="With `now=true`: whether events that were acknowledged before the request may be missing.",
    )
    stale_reason: str | None = Field(default=None, description="Why the answer is stale.")

    @classmethod
    def now(cls, user_id: str, segments: SegmentsNow, segment_id: int | None) -> Self:
        """Return the response for an evaluation at this instant."""
        return cls(
            user_id=user_id,
            segment_ids=segments.segment_ids,
            cached=False,
            is_member=None if segment_id is None else segment_id in segments.segment_ids,
            as_of=from_ms(segments.as_of_ms),
            stale=segments.stale_reason is not None,
            stale_reason=segments.stale_reason,
        )


class MembershipBatch(TenantFields, RequestBody):
    """Users to look up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "user_ids": ["user-123", "stranger"]}]})

    user_ids: Annotated[
        Items[ProfileId], Field(min_length=1, max_length=MAX_USERS, description="Compared byte by byte.")
    ]


class UserMembership(Response):
    """The segments of one of the users."""

    user_id: str
    segment_ids: tuple[int, ...] = Field(description="Ascending. Empty for a user in no segment, known or unknown.")
    cached: bool


class MembershipBatchRead(Response):
    """The segments of each user, all by the same publication."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"results": [FROM_CACHE, IN_NO_SEGMENT]}]})

    results: tuple[UserMembership, ...] = Field(description="In the order of the request.")

    @classmethod
    def of(cls, user_ids: Sequence[str], segments: Mapping[str, UserSegments]) -> MembershipBatchRead:
        """Return the response for the segments of users."""
        return cls(
            results=tuple(
                UserMembership(
                    user_id=user_id, segment_ids=segments[user_id].segment_ids, cached=segments[user_id].cached
                )
                for user_id in user_ids
            )
        )
