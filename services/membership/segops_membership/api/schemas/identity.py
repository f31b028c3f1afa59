"""Bodies of merges of users."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import TenantFields
from segops_common.web.profile_id import ProfileId
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, RequestBody, Response
from segops_membership.domain.identity.merges import Merge

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
    unmerged_at: datetime | None = Field(description="When the merge ended. Null while it is in force.")
    unmerged_by: str | None = Field(description="Who ended it. Null while it is in force.")

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
