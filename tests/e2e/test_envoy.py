"""The product behind Envoy is the product behind nginx: the route table is the contract, not a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from segops_local.gateway.nginx import load_routes
from segops_local.supervisor.services import SERVICES
from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.e2e.routes import operations
from tests.shared.client import RunningStack
from tests.shared.envoy import Envoy

OBJECTS = {"user_id": "ada%2Flovelace", "run_id": "01890a5d-ac96-774b-bcce-b302099a8057"}


@pytest.fixture(scope="module")
async def envoy(valkey_stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    ports = {
        service: (int(valkey_stack.process(f"{service}.api").settings["SEGOPS_HTTP_PORT"]),) for service in SERVICES
    }
    gateway = Envoy(tmp_path_factory.mktemp("envoy"), upstreams=ports, table=load_routes())
    await gateway.start()
    yield gateway.url
    await gateway.stop()


async def test_every_operation_gets_the_same_answer_behind_both_gateways(
    valkey_stack: RunningStack, envoy: str
) -> None:
    async with patient_client(valkey_stack.url) as nginx, patient_client(envoy) as other:
        for operation in operations():
            path = operation.path
            for name in path.split("{")[1:]:
                name = name.partition("}")[0]
                path = path.replace(f"{{{name}}}", OBJECTS.get(name, "42"))
            answers = [await client.request(operation.method, path) for client in (nginx, other)]
            assert _kind(answers[0]) == _kind(answers[1]), f"{operation.method} {path}"


def _kind(answer: httpx.Response) -> tuple[int, object]:
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["type"] if is_problem else answer.headers.get("content-type")


async def test_an_event_makes_a_member_behind_envoy(envoy: str) -> None:
    async with patient_client(envoy) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "ada", "event_type": "page_viewed"})
        segment = await person.new_segment(
            "visitors",
            {
                "logic": "AND",
                "conditions": [{"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}],
            },
        )
        run = await person.compute(segment)
        events = await client.get(f"/api/segments/{segment}/runs/{run['run_id']}/events/", headers=person.bearer)
        assert (events.status_code, events.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        assert (await memberships(client, key, "ada"))["segment_ids"] == [segment]
        rows = await client.get(
            f"/api/segments/{segment}/members/", headers={"Authorization": f"ApiKey {key}", "Accept": "text/csv"}
        )
        assert (rows.status_code, rows.text.count("ada")) == (200, 1)
