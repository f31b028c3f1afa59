"""Events of people who were erased: refused or dropped by the API, and dropped by the sink in any case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from segops_common.contracts.person_hash import PersonHash
from segops_common.streams.log import Record
from segops_common.streams.loop.batches import Batch
from segops_ingest.adapters.memory.suppressions import MemorySuppressionLog
from segops_ingest.consumers.sink import Sink
from segops_ingest.domain.messages import CONFLICTS_HEADER
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.ports.suppressions import SuppressionChange, SuppressionsUnavailable
from segops_ingest.ports.warehouse import InsertFailed
from segops_ingest.service.suppressions import Suppressions
from tests.unit.ingest.harness import IngestHarness
from tests.unit.ingest.test_sink import MemoryWarehouse

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
KEY = "the-key-of-suppressions-in-tests-0123456789"
HASH = PersonHash(key=KEY)
TENANT = 7


class Erasing:
    """Ingestion with a list of suppressions."""

    def __init__(self) -> None:
        self.ingest = IngestHarness(NOW)
        self.log = MemorySuppressionLog()
        self.suppressions = Suppressions(log=self.log, key=KEY, clock=self.ingest.clock)
        self.ingest.service._suppressions = self.suppressions
        self.warehouse = MemoryWarehouse()
        self.sink = Sink(warehouse=self.warehouse, suppressions=self.suppressions)

    async def write(self, user_id: str | None, state: str, *, at_ms: int = NOW_MS, key_id: str = HASH.key_id) -> None:
        """Change the list, and let the process learn of it. None stands for the policy."""
        subject = "" if user_id is None else HASH.of(TENANT, user_id)
        change = SuppressionChange(
            tenant_id=TENANT, subject=subject, state=state, at_ms=at_ms, key_id=key_id, changed_ms=NOW_MS
        )
        self.log.write(change)
        await self.suppressions.refresh()

    async def stored(self, *rows: dict[str, Any], conflicting: bytes = b"") -> list[str]:
        """Let the sink store a record with these rows, and return the users whose rows were stored."""
        value = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        headers = ((CONFLICTS_HEADER, conflicting),) if conflicting else ()
        record = Record(offset=40, key=b"k", value=value, headers=headers)
        await self.sink.handle(Batch(topic="t", partition=3, first_offset=40, last_offset=40, records=(record,)))
        return [orjson.loads(row)["user_id"] for lines in self.warehouse.inserts.values() for row in lines]


@pytest.fixture
def erasing() -> Erasing:
    return Erasing()


def call(user_id: str = "ada", **more: Any) -> dict[str, Any]:
    return {"user_id": user_id, "event_type": "e", **more}


def row(user_id: str, received_at: str = "2026-06-01 00:00:00.000", tenant: int = TENANT) -> dict[str, Any]:
    return {"tenant_id": tenant, "user_id": user_id, "anonymous_id": "", "received_at": received_at, "message_id": "m"}


async def test_an_event_of_an_erased_user_is_refused(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    with pytest.raises(EventRefused) as refusal:
        await erasing.ingest.service.accept_one(TENANT, "track", call(), idempotency_key=None)
    assert (refusal.value.path, refusal.value.code) == ("user_id", "user-erased")
    assert await erasing.ingest.rows() == []


@pytest.mark.parametrize("fields", [{"user_id": "bob"}, {"user_id": "Ada"}, {"user_id": "bob", "anonymous_id": "ada"}])
async def test_others_are_accepted(erasing: Erasing, fields: dict[str, Any]) -> None:
    await erasing.write("ada", "suppressed")
    await erasing.ingest.service.accept_one(TENANT, "track", call(**fields), idempotency_key=None)
    await erasing.ingest.service.accept_one(TENANT + 1, "track", call(), idempotency_key=None)
    assert len(await erasing.ingest.rows()) == 2


async def test_an_anonymous_id_is_a_user_without_a_user_id(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    anonymous = {"anonymous_id": "ada", "event_type": "e"}
    with pytest.raises(EventRefused):
        await erasing.ingest.service.accept_one(TENANT, "track", anonymous, idempotency_key=None)


async def test_in_a_batch_the_others_are_stored(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    items = [call(type="track"), call("bob", type="track"), {"type": "track"}, call(type="track")]
    receipt = await erasing.ingest.service.accept_batch(TENANT, items, idempotency_key=None)
    assert [(index, refusal.code) for index, refusal in receipt.refused] == [
        (0, "user-erased"),
        (2, "missing"),
        (3, "user-erased"),
    ]
    assert [row["user_id"] for row in await erasing.ingest.rows()] == ["bob"]


async def test_by_policy_an_event_is_dropped(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    await erasing.write(None, "drop", key_id="any")
    receipt = await erasing.ingest.service.accept_one(TENANT, "track", call(), idempotency_key="k")
    assert len(receipt.message_ids) == 1
    assert [(warning.index, warning.code) for warning in receipt.warnings] == [(0, "user-erased")]
    assert await erasing.ingest.rows() == []
    await erasing.write(None, "refuse")
    with pytest.raises(EventRefused):
        await erasing.ingest.service.accept_one(TENANT, "track", call(), idempotency_key=None)


async def test_after_a_lift_new_events_are_accepted(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    await erasing.write("ada", "lifted", at_ms=NOW_MS - 1)
    await erasing.ingest.service.accept_one(TENANT, "track", call(), idempotency_key=None)
    assert await erasing.stored(row("ada", "2026-05-31 23:59:59.999"), row("ada")) == ["ada"]


async def test_the_sink_drops_what_was_on_its_way(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    assert await erasing.stored(row("ada"), row("bob"), row("ada"), conflicting=b"0,1") == ["bob"]
    (letters,) = erasing.warehouse.dead.values()
    assert b"ada" not in letters


async def test_the_sink_inserts_nothing_of_an_erased_user_alone(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    assert await erasing.stored(row("ada")) == []


async def test_the_sink_learns_by_itself(erasing: Erasing) -> None:
    change = SuppressionChange(
        tenant_id=TENANT, subject=HASH.of(TENANT, "ada"), state="suppressed", at_ms=0, key_id=HASH.key_id, changed_ms=1
    )
    erasing.log.write(change)
    assert await erasing.stored(row("ada"), row("ada", tenant=8)) == ["ada"], "the record is of another tenant too"


async def test_the_sink_waits_for_a_list_that_it_cannot_read(erasing: Erasing) -> None:
    erasing.log.reachable = False
    with pytest.raises(InsertFailed):
        await erasing.stored(row("bob"))
    assert erasing.warehouse.inserts == {}


async def test_another_key_is_noticed(erasing: Erasing) -> None:
    with pytest.raises(SuppressionsUnavailable, match="SEGOPS_SUPPRESSION_KEY"):
        await erasing.write("ada", "suppressed", key_id="another")
    unkeyed = Suppressions(log=erasing.log, key="", clock=erasing.ingest.clock)
    with pytest.raises(SuppressionsUnavailable, match="SEGOPS_SUPPRESSION_KEY"):
        await unkeyed.refresh()


async def test_the_api_goes_on_with_what_it_knows(erasing: Erasing) -> None:
    await erasing.write("ada", "suppressed")
    erasing.log.reachable = False
    with pytest.raises(EventRefused):
        await erasing.ingest.service.accept_one(TENANT, "track", call(), idempotency_key=None)
    await erasing.ingest.service.accept_one(TENANT, "track", call("bob"), idempotency_key=None)


def test_tenants_and_keys_have_hashes_of_their_own() -> None:
    hashes = {HASH.of(1, "ada"), HASH.of(2, "ada"), HASH.of(1, "bob"), PersonHash(key="x" * 32).of(1, "ada")}
    assert len(hashes) == 4
    assert all(len(digest) == 32 for digest in hashes)
