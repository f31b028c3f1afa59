"""Test events reach the test tenant only."""

from __future__ import annotations

import pytest

from segops_common.core.problems import Conflict, Unavailable
from segops_ingest.adapters.memory.tenant_directory import MemoryTenantDirectory
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.sandbox import Sandbox
from tests.unit.ingest.harness import IngestHarness

EVENT = {"user_id": "u", "event_type": "e", "payload": {"n": 1}}


async def test_an_event_is_stored_in_the_test_tenant(ingest: IngestHarness) -> None:
    directory = MemoryTenantDirectory()
    directory.test_tenants[7] = 8
    published = await Sandbox(directory=directory, ingest=ingest.service).publish(7, EVENT, idempotency_key="k")
    assert published.test_tenant_id == 8
    (row,) = await ingest.rows()
    assert (row["tenant_id"], row["user_id"], row["payload"]) == (8, "u", {"n": 1})
    again = await Sandbox(directory=directory, ingest=ingest.service).publish(7, EVENT, idempotency_key="k")
    assert again.receipt.message_ids == published.receipt.message_ids


async def test_without_a_test_tenant_the_refusal_says_how_to_create_one(ingest: IngestHarness) -> None:
    with pytest.raises(Conflict, match="`test_of` 7") as refused:
        await Sandbox(directory=MemoryTenantDirectory(), ingest=ingest.service).publish(7, EVENT, idempotency_key=None)
    assert refused.value.slug == "no-test-tenant"
    assert await ingest.rows() == []


async def test_a_refused_event_and_an_outage_of_auth(ingest: IngestHarness) -> None:
    directory = MemoryTenantDirectory()
    directory.test_tenants[7] = 8
    sandbox = Sandbox(directory=directory, ingest=ingest.service)
    with pytest.raises(EventRefused):
        await sandbox.publish(7, {"user_id": "u"}, idempotency_key=None)
    directory.reachable = False
    with pytest.raises(Unavailable):
        await sandbox.publish(7, EVENT, idempotency_key=None)
    assert await ingest.rows() == []
