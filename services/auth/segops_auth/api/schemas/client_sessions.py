"""Bodies of client sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import RequestBody, ResponseBody
from segops_auth.domain.signed_user_id import Claim
from segops_auth.service.client_sessions import ClientSession
from segops_common.web.fields import Optional
from segops_common.web.profile_id import ProfileId

MAX_UNIX_S = 2**40


class BeginSession(RequestBody):
    """Who uses the page or the app."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "user-123", "user_id_sig": examples.SIGNATURE, "user_id_ts": 1769850000},
                {"anonymous_id": "browser-7f3a"},
            ]
        }
    )

    user_id: Optional[ProfileId] = Field(default=None, description="The id of the signed-in user.")
    anonymous_id: Optional[ProfileId] = Field(
        default=None, description="The id of a visitor. It counts only without `user_id`."
    )
    user_id_sig: Optional[Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")]] = Field(
        default=None,
        description="HMAC-SHA256 of `<user_id>|<user_id_ts>` in hexadecimal, made on your server with the bytes of the key's "
        "`hmac_secret`. Keys that do not require it ignore it.",
    )
    user_id_ts: Optional[Annotated[int, Field(ge=0, le=MAX_UNIX_S)]] = Field(
        default=None, description="The Unix seconds that were signed, at most 300 from now."
    )

    @property
    def claim(self) -> Claim:
        """Convert to the domain."""
        return Claim(
            user_id=self.user_id,
            anonymous_id=self.anonymous_id,
            signature=self.user_id_sig,
            signed_at_s=self.user_id_ts,
        )


class SessionBegun(ResponseBody):
    """A session that sends events for one user or visitor."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SESSION]})

    token: str = Field(description="Send it to ingestion as `Authorization: Bearer <token>`.")
    expires_at: datetime = Field(description="Whole seconds. Begin the next session a minute earlier.")
    uid: str = Field(description="The id under which every event of the session is stored.")

    @classmethod
    def of(cls, session: ClientSession) -> Self:
        """Convert from the use case."""
        return cls(token=session.token, expires_at=session.expires_at, uid=session.uid)
