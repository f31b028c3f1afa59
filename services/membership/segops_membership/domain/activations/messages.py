"""The requests of a webhook: bodies, ids and signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from segops_common.contracts.jobs import ChangeReason, SegmentResult
from segops_membership.domain.activations.activation import Activation, EventName
from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.domain.publication import Publication

SECRET_PREFIX: Final = "whsec_"
TEST_EVENT: Final = "test"


@dataclass(frozen=True, slots=True)
class Message:
    """A request to send. The id is the same whenever it is sent again."""

    id: str
    event: str
    body: bytes
    run_id: int | None = None
    changes: int = 0


def messages_of(
    activation: Activation,
    name: str,
    publication: Publication,
    result: SegmentResult,
    start: ChangePosition,
    changes: Sequence[MemberChange],
    *,
    is_end: bool,
) -> Sequence[Message]:
    """Return the requests for changes of one publication from a position on; `is_end` if they reach its end."""
    common = {
        "tenant_slug": activation.tenant_slug,
        "segment_id": activation.segment_id,
        "segment_name": name,
        "computed_at": _time(publication.at),
        "run_id": str(publication.attempt.run_id),
    }
    messages = []
    for event, change in ((EventName.EXITED, "exited"), (EventName.ENTERED, "entered")):
        user_ids = [item.user_id for item in changes if item.change == change]
        if user_ids and event in activation.settings.events:
            reason: ChangeReason = result.reason
            body = {**common, "version": result.version, "reason": reason, "user_ids": user_ids}
            messages.append(_message(activation, event, publication, start, body, len(user_ids)))
    if is_end and EventName.RECOMPUTED in activation.settings.events:
        body = {**common, "member_count": result.size}
        messages.append(_message(activation, EventName.RECOMPUTED, publication, start, body, 0))
    return messages


def test_message(activation: Activation, name: str, test_id: str, at: datetime) -> Message:
    """Return a request that only shows whether the receiver answers."""
    body = {
        "event": TEST_EVENT,
        "tenant_slug": activation.tenant_slug,
        "segment_id": activation.segment_id,
        "segment_name": name,
        "sent_at": _time(at),
    }
    return Message(f"test_{test_id}", TEST_EVENT, _encoded(body))


def headers_of(message: Message, secret: str | None, at: datetime) -> Mapping[str, str]:
    """Return the headers of a request, as Standard Webhooks says and, with a secret, with both signatures."""
    timestamp = str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "SegOps-Webhooks/1",
        "webhook-id": message.id,
        "webhook-timestamp": timestamp,
    }
    if secret is None:
        return headers
    signed = b".".join((message.id.encode(), timestamp.encode(), message.body))
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return {
        **headers,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        "X-SegOps-Signature": "sha256=" + hmac.new(secret.encode(), message.body, hashlib.sha256).hexdigest(),
    }


def _key(secret: str) -> bytes:
    """Return the key of a Standard Webhooks signature: Base64 after `whsec_`, else the bytes of the text."""
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()


def _message(
    activation: Activation,
    event: EventName,
    publication: Publication,
    start: ChangePosition,
    body: Mapping[str, object],
    changes: int,
) -> Message:
    # A request that begins at the same place has the same changes, so it has the same id.
    key = start.key if start.number == publication.number else -1
    place = f"{activation.tenant_id}:{activation.id}:{publication.number}:{publication.attempt.run_id}:{key}:{event}"
    message_id = "msg_" + hashlib.sha256(place.encode()).hexdigest()[:32]
    return Message(message_id, event, _encoded({"event": event.value, **body}), publication.attempt.run_id, changes)


def _encoded(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
