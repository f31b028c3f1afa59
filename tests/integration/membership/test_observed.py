"""Observed events, read from real ClickHouse and served to other services only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from segops_common.contracts.http import OBSERVED_PATH, ObservedEvents
from segops_common.web.app import Running
from segops_membership.adapters.clickhouse.observed_events import ClickHouseObservedEvents
from segops_membership.app import api_app
from segops_membership.service.use_cases import UseCases
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import in_process
from tests.corpus.builders import event, new_tenant
from tests.integration.membership.analysis import SERVICE_TOKEN, use_cases_of
from tests.integration.membership.harness import MembershipHarness


async def test_types_and_properties_are_those_of_the_tenant(harness: MembershipHarness) -> None:
    tenant, other = new_tenant(), new_tenant()
    await harness.insert(
        tenant,
        [
            replace(event("u", "purchase"), payload={"price": 5, "a.b": "x"}),
            event("u", "purchase", price=5.5, shop={"city": "Bonn"}, gift=True, items=[{"sku": 1}]),
            event("v", "login", via="x"),
            event("v", "$identify", plan="pro"),
        ],
    )
    await harness.insert(other, [event("u", "secret", canary=1)])

    events = await ClickHouseObservedEvents(clickhouse=harness.clickhouse).read(
        tenant, ["purchase", "$identify", "absent"]
    )

    assert (events.event_types[0], set(events.event_types)) == ("purchase", {"purchase", "login", "$identify"})
    assert events.complete
    assert events.properties == {
        "purchase": {
            "a\\.b": ("string",),
            "gift": ("boolean",),
            "items": ("array",),
            "price": ("number",),
            "shop.city": ("string",),
        },
        "$identify": {"plan": ("string",)},
    }


async def test_a_tenant_without_events_has_none(harness: MembershipHarness) -> None:
    events = await ClickHouseObservedEvents(clickhouse=harness.clickhouse).read(new_tenant(), ["login"])

    assert events == ObservedEvents(event_types=(), complete=True, properties={})


@pytest.mark.parametrize(("credential", "status"), [(f"Service {SERVICE_TOKEN}", 200), ("Service x", 401), (None, 401)])
async def test_only_services_are_told(harness: MembershipHarness, credential: str | None, status: int) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u", "login")])

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases_of(harness), authenticator=FakeAuthenticator())

    async with in_process(api_app(lifespan)) as client:
        headers = {} if credential is None else {"Authorization": credential}
        answer = await client.post(OBSERVED_PATH, json={"tenant_id": tenant, "event_types": []}, headers=headers)

    assert answer.status_code == status
    assert (status == 200) == (answer.json().get("event_types") == ["login"])
