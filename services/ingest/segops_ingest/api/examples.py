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
    "warnings": [],
    "message_ids": [_MESSAGE_ID],
    "errors": [],
}
_PARTLY = _ACCEPTED | {
    "errors": [{"index": 1, "code": "missing", "detail": "user_id: `user_id` or `anonymous_id` must be present"}]
}

CALL_EXAMPLES: dict[str, dict[str, Any]] = {
    name: {"usual": {"summary": "A typical call", "value": call}} for name, call in _CALLS.items()
}
TEXT_EXAMPLES: dict[str, str] = {
    name: json.dumps({"api_key": _PUBLISHABLE_KEY, **call}) for name, call in _CALLS.items()
}
RESPONSE_EXAMPLES: dict[str, dict[str, Any]] = {
    name: {"accepted": {"summary": "All accepted", "value": _ACCEPTED}} for name in _CALLS
}
for _name in ("batch", "import"):
    RESPONSE_EXAMPLES[_name]["partly"] = {"summary": "One item refused", "value": _PARTLY}
