"""Bodies of merges of users, and the ids of a person."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import TenantFields
from segops_common.web.profile_id import ProfileId
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, RequestBody, Response
from segops_membership.domain.identity.joins import Claim
from segops_membership.domain.identity.merges import Merge
from segops_membership.service.identity.person_ids import IdsOfPerson, JoinedId

_IDS: Final[JsonDict] = {"from_user_id": "user-123", "into_user_id": "user-7"}


class MergeRequest(TenantFields, RequestBody):
    """A user, and the user into whom they are merged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, **_IDS}]})

    from_user_id: ProfileId = Field(description="The user whose events will belong to the other one.")
    into_user_id: ProfileId = Field(description="The user that remains. If it is merged itself, its person remains.")


class UnmergeRequest(TenantFields, RequestBody):
    """Whose merge ends."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "from_user_id": "user-123"}]})

    from_user_id: ProfileId = Field(description="The user that was merged into another one.")


class MergeRead(Response):
    """A merge of a user into another one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_IDS,
                    "merged_at": EXAMPLE_INSTANT,
                    "merged_by": "user:7",
                    "unmerged_at": "2026-02-03T10:30:00Z",
                    "unmerged_by": "api_key:12",
                }
            ]
        }
    )

    from_user_id: str
    into_user_id: str
    merged_at: datetime = Field(description="Since when the events belong to the other user.")
    merged_by: str = Field(description="Who merged them: `user:` or `api_key:` with an id.")
    unmerged_at: datetime | None = Field(default=None, description="When the merge ended. Null while it is in force.")
    unmerged_by: str | None = Field(default=None, description="Who ended it. Null while it is in force.")

    @classmethod
    def of(cls, merge: Merge) -> Self:
        """Convert from the domain."""
        return cls(
            from_user_id=merge.from_user_id,
            into_user_id=merge.into_user_id,
            merged_at=merge.merged_at,
            merged_by=merge.merged_by,
            unmerged_at=merge.unmerged_at,
            unmerged_by=merge.unmerged_by,
        )


class ClaimRead(Response):
    """The event that joined an anonymous id to a user: the first one with both."""

    user_id: str = Field(description="The user of the event, who may be merged into the person.")
    timestamp: datetime = Field(description="The time of the event, since when the id is joined.")
    message_id: str = Field(description="The message id of the event.")

    @classmethod
    def of(cls, claim: Claim) -> Self:
        """Convert from the domain."""
        return cls(user_id=claim.user_id, timestamp=from_ms(claim.timestamp_ms), message_id=claim.message_id)


class JoinedIdRead(Response):
    """An id of a person, and why it is the person's."""

    id: str = Field(description="An anonymous id, or the id of a user.")
    reason: Literal["claim", "merge"] = Field(
        description="`claim`: an event named this anonymous id together with a user. `merge`: an admin merged this user."
    )
    claim: ClaimRead | None = Field(default=None, description="Null for a merged user.")
    merge: MergeRead | None = Field(default=None, description="Null for an anonymous id.")

    @classmethod
    def of(cls, joined: JoinedId) -> Self:
        """Convert from the use case."""
        match joined.reason:
            case Claim() as claim:
                return cls(id=joined.id, reason="claim", claim=ClaimRead.of(claim))
            case Merge() as merge:
                return cls(id=joined.id, reason="merge", merge=MergeRead.of(merge))


class PersonRead(Response):
    """A person, and the ids whose events belong to the person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "user-7",
                    "joined": [
                        {
                            "id": "browser-7f3a",
                            "reason": "claim",
                            "claim": {
                                "user_id": "user-123",
                                "timestamp": EXAMPLE_INSTANT,
                                "message_id": "019e4526-d600-7000-8000-000000000000",
                            },
                            "merge": None,
                        },
                        {
                            "id": "user-123",
                            "reason": "merge",
                            "claim": None,
                            "merge": {
                                **_IDS,
                                "merged_at": EXAMPLE_INSTANT,
                                "merged_by": "user:7",
                                "unmerged_at": None,
                                "unmerged_by": None,
                            },
                        },
                    ],
                }
            ]
        }
    )

    user_id: str = Field(description="The id that names the person: a user id, or a visitor's anonymous id.")
    joined: tuple[JoinedIdRead, ...] = Field(
        description="The other ids, ascending. Empty for an id that is not joined."
    )

    @classmethod
    def of(cls, person: IdsOfPerson) -> Self:
        """Convert from the use case."""
        return cls(user_id=person.person_id, joined=tuple(map(JoinedIdRead.of, person.joined)))
