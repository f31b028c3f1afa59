"""Representations of definitions over HTTP: texts, sentences, versions, differences and warnings."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.segments.requests import BOTH, OWNER, PRICING, bearer, create, faults, slug

TEXT = 'all of {\n  count "login" gte 1\n}\n'


async def describe(client: httpx.AsyncClient, body: Any, who: dict[str, str] = OWNER) -> httpx.Response:
    return await client.post("/api/segments/describe/", json=body, headers=who)


async def test_a_definition_and_its_text_describe_the_same(client: httpx.AsyncClient) -> None:
    by_json = await describe(client, {"definition": PRICING}, bearer("viewer"))
    assert by_json.status_code == 200
    description = by_json.json()
    assert description["definition"] == PRICING
    assert description["sentence"].startswith('Users who did "')

    by_text = await describe(client, {"text": description["text"]})

    assert by_text.json() == description


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"text": "all of {"}, ("text", "text-syntax")),
        ({"text": 'all of { count "a" gte "x" }'}, ("definition.conditions[0].value", "wrong-type")),
        ({}, ("text", "required")),
        ({"text": TEXT, "definition": PRICING}, ("text", "required")),
    ],
)
async def test_an_invalid_description_request_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any], fault: tuple[str, str]
) -> None:
    answer = await describe(client, body)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert fault in faults(answer)


async def test_versions_are_read_and_compared(client: httpx.AsyncClient) -> None:
    segment = await create(client)
    path = f"/api/segments/{segment['id']}/"

    async def change(value: int) -> int:
        login = {"type": "event_count", "event_type": "login", "operator": "gte", "value": value}
        changed = await client.patch(path, json={"definition": {"logic": "AND", "conditions": [login]}}, headers=OWNER)
        return int(changed.json()["version"])

    await change(1)
    last = await change(2)
    versions = (await client.get(f"{path}versions/", headers=OWNER)).json()["results"]
    newest, before, first = (version["version"] for version in versions)
    assert newest == last

    one = (await client.get(f"{path}versions/{before}/", headers=OWNER)).json()
    diff = (await client.get(f"{path}versions/{newest}/diff/", headers=OWNER)).json()
    back = (await client.get(f"{path}versions/{before}/diff/?against={newest}", headers=OWNER)).json()
    begun = (await client.get(f"{path}versions/{first}/diff/", headers=OWNER)).json()

    assert (one["text"], one["created_by"]) == (TEXT, versions[1]["created_by"])
    assert (diff["from_version"], diff["to_version"]) == (before, newest)
    assert (diff["removed"], diff["added"]) == (['count "login" gte 1'], ['count "login" gte 2'])
    assert diff["text_diff"].startswith(f"--- version {before}\n+++ version {newest}\n")
    assert (back["removed"], back["added"]) == (diff["added"], diff["removed"])
    assert begun["from_version"] == 0
    for unknown in (f"versions/{newest + 1}/", f"versions/{newest}/diff/?against={newest + 1}"):
        assert (await client.get(path + unknown, headers=OWNER)).status_code == 404
    assert (await client.get(f"{path}versions/{newest}/", headers=bearer("stranger"))).status_code == 404


async def test_a_validation_report_warns_about_likely_mistakes(client: httpx.AsyncClient) -> None:
    never = {"type": "event_count", "event_type": "only here", "operator": "lt", "value": 0}
    definition = {"logic": "AND", "conditions": [never]}
    segment = await create(client, definition=definition)

    async def warnings(**more: Any) -> list[tuple[str, str]]:
        body = {"definition": definition, **more}
        report = (await client.post("/api/segments/validate/", json=body, headers=BOTH)).json()
        assert (report["valid"], report["observed"]) == (True, False)
        return [(warning["path"], warning["code"]) for warning in report["warnings"]]

    odd = ("definition.conditions[0]", "always-false")
    assert await warnings() == [odd]
    assert await warnings(tenant=1) == [("definition", "duplicate-segment"), odd]
    assert await warnings(tenant=1, segment_id=segment["id"]) == [odd]
