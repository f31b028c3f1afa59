"""Requests and responses about erasures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.contracts.http import EXPLORER_PREFIX
from segops_common.web.fields import ListResponse, TenantFields, list_example
from segops_common.web.profile_id import ProfileId
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, RequestBody, Response
from segops_membership.domain.privacy.erasure import KNOWN_WITHIN_S, MAX_USERS, Erasure, Policy, Suppression

_ID: Final = "019b76da-a800-7000-8000-000000000000"
_SUBJECT: Final = "5f2b1c0de4a94f0d8b7e21d8a93c6f10"
_BEFORE: Final[JsonDict] = {
    "events": 41,
    "events_by_profile": 41,
    "profile_seen": 1,
    "static_members": 1,
    "dead_letters": 0,
    "identity_claims": 1,
    "identity_claims_by_user": 1,
    "identity_merges": 0,
    "membership_changes": 3,
    "profiles": 1,
    "segment_runs": 12,
    "merges": 0,
    "activation_responses": 2,
    "export_files": 1,
}
ERASURE_EXAMPLE: Final[JsonDict] = {
    "id": _ID,
    "status": "complete",
    "phase": None,
    "subjects": [_SUBJECT],
    "requested_by": "user:7",
    "created_at": EXAMPLE_INSTANT,
    "suppressed_at": EXAMPLE_INSTANT,
    "suppressed_within_s": KNOWN_WITHIN_S,
    "attempts": 1,
    "finished_at": "2026-01-31T09:00:09Z",
    "receipt": {"before": _BEFORE, "after": dict.fromkeys(_BEFORE, 0)},
}


class ErasureRequest(TenantFields, RequestBody):
    """The users to erase."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "user_ids": ["user-123", "user-124"]}]})

    user_ids: Annotated[list[ProfileId], Field(min_length=1, max_length=MAX_USERS)]


RowCount = Annotated[int, Field(json_schema_extra={"format": "int64"})]


class ReceiptRead(Response):
    """Numbers of rows by store: when the erasure began, and at its end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"before": _BEFORE, "after": dict.fromkeys(_BEFORE, 0)}]})

    before: Mapping[str, RowCount] = Field(
        description="By table; `segment_runs` counts bitmaps, `export_files` files, and `activation_responses` all responses of receivers to"
        " requests with user ids: nobody can tell which of them name the users, so none is kept."
    )
    after: Mapping[str, RowCount]


class ErasureRead(Response):
    """An erasure. When it is complete, nothing in it names a user any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [ERASURE_EXAMPLE]})

    id: str
    status: Literal["pending", "running", "complete"]
    phase: Literal["suppressing", "counting", "deleting", "waiting", "verifying"] | None = Field(
        default=None,
        description="What a running erasure does, in this order. `waiting`: until the sink has passed every event that was"
        " accepted before. Null before and after.",
    )
    subjects: tuple[str, ...] = Field(
        description="The keyed hash of each id, also of the ids that are joined to the users."
    )
    requested_by: str = Field(
        description="`user:<id>`, `api_key:<id>`, or `restore` for one that was repeated because a restored backup had the users."
    )
    created_at: datetime
    suppressed_at: datetime | None = Field(
        description="Since when later events are kept out. Null while the warehouse does not answer: the worker goes on trying."
    )
    suppressed_within_s: int = Field(
        description="Within so many seconds after `suppressed_at`, every process that accepts events and reaches the warehouse"
        " refuses or drops them. What another one accepts is dropped before it is stored."
    )
    attempts: int = Field(description="How many workers began. What one has begun goes on with the next.")
    finished_at: datetime | None = None
    receipt: ReceiptRead | None = Field(description="Null until the erasure is complete.")

    @classmethod
    def of(cls, erasure: Erasure) -> ErasureRead:
        """Return the response for an erasure."""
        receipt = erasure.receipt
        return cls(
            id=erasure.id,
            status=erasure.status.value,
            phase=None if erasure.phase is None else erasure.phase.value,
            subjects=erasure.subjects,
            requested_by=erasure.requested_by,
            created_at=erasure.created_at,
            suppressed_at=erasure.suppressed_at,
            suppressed_within_s=KNOWN_WITHIN_S,
            attempts=erasure.attempts,
            finished_at=erasure.finished_at,
            receipt=None if receipt is None else ReceiptRead(before=receipt.before, after=receipt.after),
        )


class ErasureList(ListResponse[ErasureRead]):
    """The erasures of a tenant, newest first."""

    model_config = list_example(f"{EXPLORER_PREFIX}/erasures/", ERASURE_EXAMPLE)


class SuppressionRead(Response):
    """Whether events of an erased user are kept out."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"suppressed": True, "since": EXAMPLE_INSTANT, "lifted_at": None}]}
    )

    suppressed: bool
    since: datetime = Field(description="When the state began.")
    lifted_at: datetime | None = Field(default=None, description="Events that were received later are accepted again.")

    @classmethod
    def of(cls, suppression: Suppression) -> SuppressionRead:
        """Return the response for a suppression."""
        return cls(suppressed=suppression.lifted_at is None, since=suppression.since, lifted_at=suppression.lifted_at)


_POLICY_EXAMPLE: Final[JsonDict] = {"later_events": "refuse"}


class SuppressionPolicy(Response):
    """What happens to later events of erased users."""

    model_config = ConfigDict(json_schema_extra={"examples": [_POLICY_EXAMPLE]})

    later_events: Policy = Field(
        description="`refuse`: the sender gets the error `user-erased`. `drop`: the event is accepted, has a warning, and is not"
        " stored."
    )


class SuppressionPolicyChange(TenantFields, RequestBody):
    """The choice of a tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, **_POLICY_EXAMPLE}]})

    later_events: Policy
