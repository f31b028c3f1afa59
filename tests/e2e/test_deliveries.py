"""Events that arrive together, twice or changed, from the request to the members of segments."""

from __future__ import annotations

from typing import Any

from tests.e2e.people import patient_client, send, sign_up
from tests.shared.client import RunningStack

USERS = 40


def definition(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"logic": "AND", "conditions": list(conditions)}


IS_PRO = definition({"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"})
CART_THEN_PAID = definition(
    {"type": "event_sequence", "steps": [{"event_type": "cart"}, {"event_type": "paid"}], "within": "1h"}
)
PAID_ONCE_IN_EUROS = definition(
    {"type": "event_count", "event_type": "paid", "operator": "eq", "value": 1},
    {
        "type": "event_count",
        "event_type": "paid",
        "operator": "eq",
        "value": 1,
        "where": [{"property": "currency", "operator": "eq", "value": "eur"}],
    },
)


def calls(user: int, currency: str) -> list[dict[str, Any]]:
    """Calls of a user in their order, none of them with a time."""
    profile = {"user_id": f"user-{user}"}
    return [
        {"type": "identify", **profile, "traits": {"plan": "free"}},
        {"type": "identify", **profile, "traits": {"plan": "pro"}},
        {"type": "track", **profile, "event_type": "cart"},
        {"type": "track", **profile, "event_type": "paid", "message_id": "order", "payload": {"currency": currency}},
    ]


async def test_calls_keep_their_order_and_the_first_content_stands(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        batch = [call for user in range(USERS) for call in calls(user, "eur")]
        authorization = {"Authorization": f"ApiKey {key}", "Idempotency-Key": "import-1"}
        for duplicates in (0, len(batch)):
            answer = await client.post("/api/ingestion/batch/", json={"batch": batch}, headers=authorization)
            assert (answer.status_code, answer.json()["duplicates"]) == (202, duplicates)
        reused = await client.post("/api/ingestion/batch/", json={"batch": batch[:-1]}, headers=authorization)
        assert reused.status_code == 422, reused.text
        changed = [call for user in range(USERS) for call in calls(user, "usd")[3:]]
        assert (await send(client, key, "batch", {"batch": changed}))["conflicting"] == list(range(USERS))

        for expected in (IS_PRO, CART_THEN_PAID, PAID_ONCE_IN_EUROS):
            run = await person.compute(await person.new_segment(str(expected)[-80:], expected))
            assert run["size"] == USERS, expected
