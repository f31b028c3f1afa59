"""Examples of calls and responses for the OpenAPI document."""

import json
from typing import Any

_MESSAGE_ID = "019e4526-d600-7000-8000-000000000000"
_PUBLISHABLE_KEY = "pk_live_" + "0" * 49
_TRACK = {"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}
_CALLS: dict[str, dict[str, Any]] = {
    "track": _TRACK,
    "identify": {"user_id": "user-123", "traits": {"email": "ada@example.com", "plan": "starter", "trial": None}},
    "page": {"anonymous_id": "browser-7f3a", "name": "Pricing", "payload": {"path": "/pricing"}},
    "screen": {"user_id": "user-123", "name": "Checkout"},
    "group": {"user_id": "user-123", "group_id": "acme", "traits": {"seats": 40}},
    "alias": {"user_id": "user-123", "previous_id": "browser-7f3a"},
    "track/batch": {
        "events": [
            _TRACK | {"occurred_at": "2026-05-20T12:00:00.250000+00:00"},
            {
                "user_id": "user-123",
                "event_type": "context_identified",
                "occurred_at": "2026-05-20T12:00:01.500000+00:00",
                "payload": {"plan": "starter"},
            },
        ]
    },
    "batch": {
        "batch": [
            {"type": "track", "message_id": _MESSAGE_ID, **_TRACK},
            {"type": "identify", "user_id": "user-123", "traits": {"plan": "starter"}},
        ]
    },
    "import": {
        "batch": [
            {
                "type": "track",
                "message_id": "order-1017",
                "timestamp": "2014-03-01T12:00:00Z",
                "user_id": "user-123",
                "event_type": "purchase",
                "payload": {"total": 25},
            }
        ]
    },
}
_ACCEPTED: dict[str, Any] = {
    "status": "accepted",
    "accepted": 1,
    "duplicates": 0,
    "conflicting": [],
    "quarantined": [],
    "warnings": [],
    "message_ids": [_MESSAGE_ID],
    "errors": [],
}


def _partly(field: str) -> dict[str, Any]:
    detail = "`user_id` or `anonymous_id` must be present"
    return _ACCEPTED | {"errors": [{"index": 1, "path": f"{field}[1].user_id", "code": "missing", "detail": detail}]}


CALL_EXAMPLES: dict[str, dict[str, Any]] = {
    name: {"usual": {"summary": "A typical call", "value": call}} for name, call in _CALLS.items()
}
TEXT_EXAMPLES: dict[str, str] = {
    name: json.dumps({"api_key": _PUBLISHABLE_KEY, **call}) for name, call in _CALLS.items()
}
_COUNTS: dict[str, dict[str, Any]] = {"track": {"queued": True}, "track/batch": {"queued": 1, "skipped": 0}}
CALL_EXAMPLES["sandbox"] = {"usual": {"summary": "A test event", "value": {"tenant": 1, **_TRACK}}}
RESPONSE_EXAMPLES: dict[str, dict[str, Any]] = {
    name: {"accepted": {"summary": "All accepted", "value": _COUNTS.get(name, {}) | _ACCEPTED}} for name in _CALLS
}
_PARTLY: dict[str, dict[str, Any]] = {
    "batch": _partly("batch"),
    "import": _partly("batch"),
    "track/batch": {"queued": 1, "skipped": 1} | _partly("events"),
}
for _name, _answer in _PARTLY.items():
    RESPONSE_EXAMPLES[_name]["partly"] = {"summary": "One item refused", "value": _answer}
