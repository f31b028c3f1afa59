"""An activation: a segment whose changes are sent to a receiver."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from segops_membership.domain.members.changes import ChangePosition

MAX_ACTIVATIONS: Final = 100
"""Activations of a tenant."""
GIVES_UP_AFTER: Final = timedelta(days=3)
"""How long a delivery is retried before the activation is disabled."""
LOGS_KEPT_FOR: Final = timedelta(days=30)
_FIRST_DELAY_S: Final = 5.0
LONGEST_DELAY_S: Final = 3_600.0


class EventName(StrEnum):
    """The events of a webhook."""

    RECOMPUTED = "segment.recomputed"
    ENTERED = "segment.entered"
    EXITED = "segment.exited"


class Status(StrEnum):
    """Whether an activation sends. `disabled`: deliveries failed for `GIVES_UP_AFTER`."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    DISABLED = "disabled"


class HoldReason(StrEnum):
    """Why the changes of a run are not sent until somebody approves or discards them."""

    EMPTIED = "emptied"
    LARGE_CHANGE = "large-change"


@dataclass(frozen=True, slots=True)
class Hold:
    """A run whose changes wait. `before` is the size of the segment at the run that was sent last."""

    number: int
    run_id: int
    reason: HoldReason
    before: int
    size: int
    entered: int
    exited: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What requests of the connector `http` look like. Each has at most `batch_size` users."""

    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    template: dict[str, JsonValue]
    batch_size: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a member of the tenant decides. A changed share is from 0 to 1; None: any change is sent.

    `consent` is the path of a trait that must be true for users to be sent; None: every user is sent. `request` is None but for
    the connector `http`, `file_format` but for `file`, which has no URL.
    """

    description: str = ""
    url: str = ""
    events: tuple[EventName, ...] = (EventName.RECOMPUTED,)
    max_change_share: float | None = None
    secret: str | None = field(default=None, repr=False)
    consent: str | None = None
    request: HttpRequest | None = None
    file_format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """An activation with its progress.

    `position` is the place in the changes of the segment up to which the receiver has confirmed, None before the first
    start. `sent_size` is the size of the segment at the last run that was sent, None before the first. `attempt` counts
    how often the activation was taken; whoever took it last may change it. `left_out` counts the users who were not sent
    because they did not consent, since the first start or the last replay.
    """

    tenant_id: int
    id: int
    segment_id: int
    connector: str
    tenant_slug: str
    settings: Settings
    status: Status
    position: ChangePosition | None
    created_at: datetime
    updated_at: datetime
    sent_size: int | None = None
    approved_number: int = 0
    hold: Hold | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str | None = None
    last_synced_at: datetime | None = None
    test_id: str | None = None
    attempt: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request to a receiver, as in the log. `status_code` is None if there was no answer."""

    id: int
    delivery_id: str
    event: str
    run_id: int | None
    changes: int
    is_success: bool
    status_code: int | None
    duration_ms: int
    error: str | None
    response: str
    at: datetime
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFigures:
    """The deliveries of an activation in the log: how many, how many of them succeeded, and the newest, newest first."""

    count: int
    succeeded: int
    newest: tuple[Delivery, ...]


def retry_delay_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row, without jitter: 5 s, doubled each time, at most an hour."""
    return float(min(LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(failures - 1, 20)))


def hold_of(activation: Activation, *, number: int, run_id: int, size: int, entered: int, exited: int) -> Hold | None:
    """Return why a run must be approved before its changes are sent; None if they may be sent."""
    before = activation.sent_size
    if not before or number <= activation.approved_number:
        return None
    share = activation.settings.max_change_share
    changed = max(entered + exited, abs(size - before))
    if size == 0:
        reason = HoldReason.EMPTIED
    elif share is not None and changed > share * before:
        reason = HoldReason.LARGE_CHANGE
    else:
        return None
    return Hold(number, run_id, reason, before, size, entered, exited)
