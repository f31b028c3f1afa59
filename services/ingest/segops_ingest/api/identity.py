"""The route that joins an anonymous id to a user."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from segops_common.contracts.http import IDENTITY_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal
from segops_common.web.dependencies import require
from segops_common.web.problems import problems
from segops_common.web.profile_id import ProfileId
from segops_common.web.request.charges import charged
from segops_ingest.api.fast_routes import EVENTS
from segops_ingest.api.refusals import use_cases_of
from segops_ingest.api.repeatable import RepeatableRoute
from segops_ingest.api.routes import IdempotencyKey, refused_event
from segops_ingest.api.schemas import EventWarning
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.accept_events import Receipt

Sender = Annotated[KeyPrincipal, require(Scope.EVENTS_WRITE, users=False)]
router = APIRouter(prefix=IDENTITY_PREFIX, tags=["identity"], route_class=RepeatableRoute)


class AliasRequest(BaseModel):
    """An anonymous id, and the user to whom its events belong."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"anonymous_id": "browser-7f3a", "user_id": "user-123"}]},
    )

    anonymous_id: ProfileId = Field(description="The id of a visitor, before they signed in.")
    user_id: ProfileId = Field(description="The user.")


class AliasAccepted(BaseModel):
    """The claim is stored durably."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "status": "accepted",
                    "message_id": "019e4526-d600-7000-8000-000000000000",
                    "duplicates": 0,
                    "warnings": [],
                }
            ]
        },
    )

    status: Literal["accepted"]
    message_id: str
    duplicates: int
    warnings: list[EventWarning] = Field(
        description="What the sender should know. With `user-erased`, nothing is stored: the user was erased."
    )

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Convert from the use case."""
        return cls(
            status="accepted",
            message_id=receipt.message_ids[0],
            duplicates=receipt.duplicates,
            warnings=[EventWarning.model_validate(asdict(warned)) for warned in receipt.warnings],
        )


@router.post(
    "/alias/", summary="Join an anonymous id to a user", status_code=202, responses=problems(403, 409, 422, 503)
)
@charged(EVENTS)
async def alias_user(
    request: Request, caller: Sender, body: AliasRequest, idempotency_key: IdempotencyKey = None
) -> AliasAccepted:
    """Let the events of an anonymous id, before and after this call, belong to a user. Requires a secret key.

    The first claim stands: of all events with both ids, the one with the smallest time, whatever the order of arrival. The
    response is 409 if another user's earlier claim is stored (`anonymous-id-claimed`, with the user's id in `detail`), or if the
    anonymous id is the id of a user itself (`anonymous-id-is-user`), and 422 if one of them was erased (`user-erased`). The claim
    is an event of type `$alias`.
    """
    caller.require_secret()
    aliases = use_cases_of(request).aliases
    try:
        receipt = await aliases.alias(
            caller.tenant_id, body.anonymous_id, body.user_id, idempotency_key=idempotency_key
        )
    except EventRefused as refusal:
        raise refused_event(refusal) from None
    return AliasAccepted.of(receipt)
