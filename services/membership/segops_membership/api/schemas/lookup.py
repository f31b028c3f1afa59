"""The response of a lookup."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_membership.api.schemas.bases import Response

FROM_WAREHOUSE: Final[JsonDict] = {"user_id": "user-123", "segment_ids": [42], "cached": False}
FROM_CACHE: Final[JsonDict] = {"user_id": "user-123", "segment_ids": [42], "cached": True}
IN_NO_SEGMENT: Final[JsonDict] = {"user_id": "stranger", "segment_ids": [], "cached": False}


class Membership(Response):
    """The segments of a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [FROM_WAREHOUSE]})

    user_id: str = Field(description="The `user_id` of the request.")
    segment_ids: tuple[int, ...] = Field(description="Ascending. Empty for a user in no segment, known or unknown.")
    cached: bool = Field(description="Whether the answer came from the cache. A publication invalidates the cache.")
