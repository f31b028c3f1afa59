"""Requests to receivers: bodies, ids, headers and signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from segops_common.contracts.jobs import SegmentResult
from segops_membership.domain.activations.activation import Activation, EventName, Settings
from segops_membership.domain.activations.template import filled_in, with_secret
from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.domain.publication import Publication

SECRET_PREFIX: Final = "whsec_"
TEST_EVENT: Final = "test"
_USER_AGENT: Final = "SegOps-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Message:
    """A request to send. The id is the same whenever it is sent again. `left_out` counts users without consent.

    `is_erasure`: it names people who were erased, so no response to it may be kept.
    """

    id: str
    event: str
    body: bytes
    run_id: int | None = None
    changes: int = 0
    left_out: int = 0
    is_erasure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Changes of one publication from a position on, without the users who are left out; `is_end` if they reach its end."""

    publication: Publication
    result: SegmentResult
    start: ChangePosition
    changes: Sequence[MemberChange]
    is_end: bool
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Users without consent, by `entered` and `exited`."""


def messages_of(activation: Activation, name: str, portion: Portion, key: str) -> Sequence[Message]:
    """Return the requests for a portion. `key` is the key of the hashes of people."""
    settings = activation.settings
    messages = []
    for event, change in ((EventName.EXITED, "exited"), (EventName.ENTERED, "entered")):
        user_ids = [item.user_id for item in portion.changes if item.change == change]
        if user_ids and event in settings.events:
            message_id = _message_id(activation, portion, event, user_ids, key)
            left_out = portion.left_out.get(change, 0)
            messages.append(_message(activation, name, portion, event, message_id, user_ids, left_out))
    if portion.is_end and EventName.RECOMPUTED in settings.events:
        message_id = _message_id(activation, portion, EventName.RECOMPUTED, (), key)
        messages.append(_message(activation, name, portion, EventName.RECOMPUTED, message_id, (), 0))
    return messages


def erasure_message(activation: Activation, name: str, exits: Sequence[MemberChange]) -> Message:
    """Return the request for users who exited because they were erased."""
    first, user_ids = exits[0], [change.user_id for change in exits]
    place = f"{activation.tenant_id}:{activation.id}:{first.position.number}:erasure:{first.position.segment_id}"
    if activation.settings.request is not None:
        # The size of a batch may change between two attempts: with more users, it is another request.
        place += f":{len(user_ids)}"
    message_id = "msg_" + hashlib.sha256(place.encode()).hexdigest()[:32]
    common: dict[str, JsonValue] = {
        "tenant_slug": activation.tenant_slug,
        "segment_id": activation.segment_id,
        "segment_name": name,
        "computed_at": _time(first.at),
        "run_id": str(first.run_id),
    }
    if activation.settings.request is not None:
        values = {**common, "member_count": activation.sent_size or 0, "reason": first.reason}
        body = _from_template(activation, "exited", message_id, values, user_ids)
    else:
        about: dict[str, JsonValue] = {"version": first.version, "reason": first.reason, "user_ids": list(user_ids)}
        body = _encoded({"event": EventName.EXITED.value, **common, **about})
    return Message(message_id, EventName.EXITED, body, first.run_id, len(user_ids), is_erasure=True)


def test_message(activation: Activation, name: str, test_id: str, at: datetime) -> Message:
    """Return a request that only shows whether the receiver answers."""
    message_id = f"test_{test_id}"
    about: dict[str, JsonValue] = {
        "tenant_slug": activation.tenant_slug,
        "segment_id": activation.segment_id,
        "segment_name": name,
        "sent_at": _time(at),
    }
    if activation.settings.request is not None:
        values = {**about, "computed_at": _time(at), "run_id": "0", "member_count": 0, "reason": TEST_EVENT}
        return Message(message_id, TEST_EVENT, _from_template(activation, TEST_EVENT, message_id, values, ()))
    return Message(message_id, TEST_EVENT, _encoded({"event": TEST_EVENT, **about}))


def headers_of(message: Message, settings: Settings, at: datetime) -> Mapping[str, str]:
    """Return the headers of a request: as the settings say, or as Standard Webhooks says and, with a secret, with both
    signatures."""
    timestamp = str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": message.id,
        "webhook-timestamp": timestamp,
    }
    secret = settings.secret
    if settings.request is not None:
        own = {name: with_secret(value, secret or "") for name, value in settings.request.headers}
        replaced = {name.lower() for name in own}
        return {name: value for name, value in headers.items() if name.lower() not in replaced} | own
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
    name: str,
    portion: Portion,
    event: EventName,
    message_id: str,
    user_ids: Sequence[str],
    left_out: int,
) -> Message:
    publication, result = portion.publication, portion.result
    common: dict[str, JsonValue] = {
        "tenant_slug": activation.tenant_slug,
        "segment_id": activation.segment_id,
        "segment_name": name,
        "computed_at": _time(publication.at),
        "run_id": str(publication.attempt.run_id),
    }
    if activation.settings.request is not None:
        values = {**common, "member_count": result.size, "reason": result.reason}
        body = _from_template(activation, event.value.partition(".")[2], message_id, values, user_ids)
    elif event is EventName.RECOMPUTED:
        body = _encoded({"event": event.value, **common, "member_count": result.size})
    else:
        about: dict[str, JsonValue] = {"version": result.version, "reason": result.reason, "user_ids": list(user_ids)}
        body = _encoded({"event": event.value, **common, **about})
    return Message(message_id, event, body, publication.attempt.run_id, len(user_ids), left_out)


def _message_id(
    activation: Activation, portion: Portion, event: EventName, user_ids: Sequence[str], person_key: str
) -> str:
    # A request that begins at the same place has the same changes, so it has the same id.
    number, run_id = portion.publication.number, portion.publication.attempt.run_id
    key = portion.start.key if portion.start.number == number else -1
    place = f"{activation.tenant_id}:{activation.id}:{number}:{run_id}:{key}:{event}"
    settings = activation.settings
    if settings.consent is not None or settings.request is not None:
        # Consent may change between two attempts, and so may the number of users in a request: with other users, it is
        # another request. The log keeps the id, so without the key nobody can find out by trying who was in it.
        users = "\0".join(user_ids).encode()
        place += ":" + hmac.new(person_key.encode(), users, hashlib.sha256).hexdigest()
    return "msg_" + hashlib.sha256(place.encode()).hexdigest()[:32]


def _from_template(
    activation: Activation, change: str, message_id: str, values: Mapping[str, JsonValue], user_ids: Sequence[str]
) -> bytes:
    request = activation.settings.request
    assert request is not None
    about: dict[str, JsonValue] = {
        "change": change,
        "count": len(user_ids),
        "delivery_id": message_id,
        "entered": change == "entered",
        "secret": activation.settings.secret or "",
        "user_ids": list(user_ids),
    }
    return _encoded(filled_in(request.template, {**values, **about}, user_ids))


def _encoded(body: JsonValue) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
