"""What was refused is counted in memory, written once a second, and never in the way of a request."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segops_common.core.ids import SystemIds
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import MalformedRequest, Unavailable
from segops_ingest.adapters.memory.rejections import MemoryRejectionLog
from segops_ingest.adapters.memory.tenant_directory import MemoryTenantDirectory
from segops_ingest.ports.rejections import Rejection, RejectionEntry
from segops_ingest.ports.tenant_directory import KeyOwner
from segops_ingest.service.rejections import MAX_KINDS, MAX_TENANTS, MAX_UNKNOWN_KEYS, Rejections
from tests.unit.ingest.harness import IngestHarness, StandingClock

MISSING = Rejection(
    route="/api/ingestion/track/", status=422, reason="validation-failed", code="missing", path="user_id"
)
OTHER = Rejection(route="/api/ingestion/track/", status=413, reason="event-too-large")
REVOKED = Rejection(route="/api/ingestion/track/", status=401, reason="invalid-api-key", key_prefix="sk_live_")


class Harness:
    """The recorder on memory adapters."""

    def __init__(self, clock: StandingClock) -> None:
        self.clock = clock
        self.log = MemoryRejectionLog(clock=clock)
        self.directory = MemoryTenantDirectory()
        self.rejections = Rejections(log=self.log, directory=self.directory, ids=SystemIds(clock), clock=clock)

    async def after(self, **passed: float) -> None:
        self.clock.instant += timedelta(**passed)
        await self.rejections.flush()

    async def counts(self, tenant_id: int = 7) -> list[tuple[str, int]]:
        """Return reasons and counts, newest first."""
        return [(entry.rejection.reason, entry.count) for entry in await self.log.entries(tenant_id)]


@pytest.fixture
def harness(ingest: IngestHarness) -> Harness:
    return Harness(ingest.clock)


async def test_the_first_is_written_at_once_and_repetitions_once_a_minute(harness: Harness) -> None:
    for _ in range(3):
        harness.rejections.record(7, MISSING)
    await harness.after(seconds=1)
    assert await harness.counts() == [("validation-failed", 3)]
    for _ in range(40):
        harness.rejections.record(7, MISSING)
        await harness.after(seconds=1)
    assert await harness.counts() == [("validation-failed", 3)]
    await harness.after(seconds=20)
    assert await harness.counts() == [("validation-failed", 40), ("validation-failed", 3)]


async def test_after_a_quiet_minute_the_next_one_is_written_at_once(harness: Harness) -> None:
    harness.rejections.record(7, MISSING)
    await harness.after(seconds=1)
    await harness.after(minutes=2)
    harness.rejections.record(7, MISSING)
    await harness.after(seconds=1)
    assert await harness.counts() == [("validation-failed", 1)] * 2


async def test_different_rejections_and_tenants_are_counted_apart(harness: Harness) -> None:
    harness.rejections.record(7, MISSING, 5)
    harness.rejections.record(7, OTHER)
    harness.rejections.record(8, MISSING)
    await harness.after(seconds=1)
    assert sorted(await harness.counts()) == [("event-too-large", 1), ("validation-failed", 5)]
    assert await harness.counts(8) == [("validation-failed", 1)]


async def test_a_flood_of_different_rejections_is_bounded(harness: Harness) -> None:
    for number in range(MAX_KINDS + 50):
        harness.rejections.record(7, Rejection(route="r", status=422, reason=f"r{number}"))
    for tenant in range(100, 100 + MAX_TENANTS):
        harness.rejections.record(tenant, MISSING)
    await harness.after(seconds=1)
    assert len(await harness.counts()) == MAX_KINDS
    assert await harness.counts(100 + MAX_TENANTS - 2) == [("validation-failed", 1)]
    assert await harness.counts(100 + MAX_TENANTS - 1) == []


async def test_a_revoked_key_is_reported_to_its_tenant(harness: Harness) -> None:
    harness.directory.owners["revoked"] = KeyOwner(tenant_id=7, key_id=3)
    for key in ("revoked", "invented", "revoked"):
        harness.rejections.record_of_key(key, REVOKED)
    await harness.after(seconds=1)
    (entry,) = await harness.log.entries(7)
    assert (entry.count, entry.rejection.key_id, entry.rejection.reason) == (2, 3, "invalid-api-key")


async def test_of_many_wrong_keys_few_are_looked_up(harness: Harness) -> None:
    for number in range(MAX_UNKNOWN_KEYS + 5):
        harness.directory.owners[f"k{number}"] = KeyOwner(tenant_id=7, key_id=number)
        harness.rejections.record_of_key(f"k{number}", REVOKED)
    await harness.after(seconds=1)
    assert len(await harness.counts()) == MAX_UNKNOWN_KEYS


@pytest.mark.parametrize("broken", ["log", "directory"])
async def test_what_cannot_be_written_is_dropped(harness: Harness, broken: str) -> None:
    harness.rejections.record(7, MISSING)
    harness.rejections.record_of_key("k", REVOKED)
    harness.directory.owners["k"] = KeyOwner(tenant_id=7, key_id=3)
    (harness.log if broken == "log" else harness.directory).reachable = False
    await harness.after(seconds=1)
    harness.log.reachable = True
    assert await harness.counts() == ([] if broken == "log" else [("validation-failed", 1)])


async def test_everything_is_written_at_the_end(harness: Harness) -> None:
    async with harness.rejections.writing():
        harness.rejections.record(7, MISSING)
        await harness.rejections.flush()
        harness.rejections.record(7, MISSING)
    assert await harness.counts() == [("validation-failed", 1)] * 2


async def entries(harness: Harness, number: int) -> list[RejectionEntry]:
    at = harness.clock.now()
    made = [RejectionEntry(f"id{n:03}", at + timedelta(seconds=n // 3), 1, MISSING) for n in range(number)]
    await harness.log.add(7, made)
    return made


async def test_pages_by_cursor_while_entries_arrive(harness: Harness) -> None:
    made = await entries(harness, 20)
    ids: list[str] = []
    query = PageQuery(limit=3)
    while True:
        page = await harness.rejections.page(7, query)
        ids += [entry.id for entry in page.results]
        await harness.log.add(7, [RejectionEntry("new", harness.clock.now() + timedelta(hours=1), 1, OTHER)])
        if page.next_cursor is None:
            break
        query = PageQuery(limit=3, cursor=page.next_cursor)
    assert ids == [entry.id for entry in reversed(made)]


async def test_pages_by_number_and_the_count(harness: Harness) -> None:
    made = await entries(harness, 7)
    pages = [await harness.rejections.page(7, PageQuery(limit=3, page=number)) for number in (1, 2, 3)]
    assert [entry.id for page in pages for entry in page.results] == [entry.id for entry in reversed(made)]
    assert [page.count for page in pages] == [7, 7, 7]
    assert pages[2].next_cursor is None


async def test_a_cursor_of_another_list_is_refused(harness: Harness) -> None:
    with pytest.raises(MalformedRequest):
        await harness.rejections.page(7, PageQuery(cursor="WzQyXQ"))


async def test_reading_says_when_the_log_is_down(harness: Harness) -> None:
    harness.log.reachable = False
    with pytest.raises(Unavailable):
        await harness.rejections.page(7, PageQuery())
