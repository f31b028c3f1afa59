"""Validation finds a typo in a definition by comparing it with the events that were sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.people import patient_client, send, sign_up
from tests.shared.client import RunningStack


async def test_a_definition_is_held_against_the_events_of_its_tenant(valkey_stack: RunningStack) -> None:
    wrong = {
        "type": "event_count",
        "event_type": "purchases",
        "operator": "gte",
        "value": 1,
        "where": [{"property": "price", "operator": "gt", "value": 5}],
    }
    definition = {
        "logic": "AND",
        "conditions": [wrong, {"type": "user_property", "property": "plan", "operator": "exists"}],
    }
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client, "validator")
        key = (await person.new_key())["key"]
        bought = {"user_id": "u", "event_type": "purchase", "payload": {"price": "cheap"}}
        await send(client, key, "track", bought)

        async def verdict(more: dict[str, Any]) -> Any:
            return await person.ask("POST", "/api/segments/validate/", 200, {"definition": definition, **more})

        report = await verdict({"tenant": person.tenant})
        for _ in range(100):
            if "`purchase`" in str(report["warnings"]):
                break
            await asyncio.sleep(0.1)
            report = await verdict({"tenant": person.tenant})
        without_tenant = await verdict({})

    assert (report["valid"], report["observed"]) == (True, True)
    (warning,) = report["warnings"]
    assert (warning["path"], warning["code"]) == ("definition.conditions[0].event_type", "unknown-event-type")
    assert "Did you mean `purchase`?" in warning["detail"]
    assert without_tenant == report  # of the person's only tenant


async def test_dates_are_instants_and_unreadable_ones_are_named(valkey_stack: RunningStack) -> None:
    renewal = {"type": "user_property", "property": "renews", "operator": "not_within_last", "value": "30d"}
    definition = {"logic": "AND", "conditions": [renewal]}
    recent = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client, "dates")
        key = (await person.new_key())["key"]
        for user, date in (
            ("recent", recent),
            ("old", "2020-01-31"),
            ("unreadable", "31.1.2020"),
            ("rfc", f"{recent}T00:00:00Z"),
        ):
            await send(client, key, "identify", {"user_id": user, "traits": {"renews": date}})
        segment = await person.new_segment("Not renewed", definition)
        assert (await person.compute(segment))["size"] == 2
        body = {"tenant": person.tenant, "definition": definition}
        preview = await person.ask("POST", "/api/segments/preview/", 200, body)
        report = await person.ask("POST", "/api/segments/validate/", 200, body)
    path = "definition.conditions[0].property"
    assert sorted(preview["sample_user_ids"]) == ["old", "unreadable"]
    warnings = {warning["code"]: warning for warning in preview["warnings"]}
    assert set(warnings) == {"unreadable-values", "short-instants"}
    assert warnings["unreadable-values"]["path"] == path
    assert warnings["unreadable-values"]["detail"].startswith("25 % of the values")
    assert warnings["short-instants"]["detail"].startswith("50 % of the values")
    assert {warning["code"] for warning in report["warnings"]} == {*warnings, "duplicate-segment"}
    assert report["changed_segments"] == [segment]
