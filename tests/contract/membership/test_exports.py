"""The contracts of `Exports` and `ExportFiles`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_membership.domain.members.exports import Export, ExportStatus
from segops_membership.domain.members.sets import MemberFormat, MemberSet
from segops_membership.domain.publication import Attempt
from segops_membership.ports.members.export_files import StoredFile
from segops_membership.ports.members.exports import ExportTaken
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import EXPIRED, LONG, number_users, outcome, publish
from tests.corpus.builders import NOW, NOW_MS, new_tenant

IDS = SystemIds(SystemClock())
SEGMENT = 42
OPEN = 10
LATER = NOW + timedelta(hours=1)


def export(tenant: int, *, segment_id: int = SEGMENT, at_s: float = 0) -> Export:
    """Return a new export. Exports are taken in the order of `at_s`."""
    return Export(
        tenant_id=tenant,
        id=IDS.uuid7(),
        segment_id=segment_id,
        member_format=MemberFormat.CSV,
        publication=Attempt(2**62, 2**61),
        total=5,
        created_at=NOW + timedelta(seconds=at_s),
    )


async def added(ports: Ports, tenant: int, *, segment_id: int = SEGMENT, at_s: float = 0) -> Export:
    new = export(tenant, segment_id=segment_id, at_s=at_s)
    assert await ports.exports.add(tenant, new, max_open=OPEN)
    return new


async def taken(ports: Ports, lease: timedelta = LONG) -> Export:
    """Take the next export. Tests end all exports that they add, so none of another test is in the way."""
    export = await ports.exports.take(lease)
    assert export is not None
    return export


async def ended(ports: Ports, tenant: int) -> Export:
    """Add an export, take it and complete it."""
    await added(ports, tenant)
    held = await taken(ports)
    await ports.exports.complete(tenant, held.id, held.attempts, NOW, LATER)
    return held


async def test_an_export_is_found_in_its_tenant(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    new = await added(ports, tenant)
    assert await ports.exports.find([other, tenant], new.id) == new
    assert await ports.exports.find([other], new.id) is None
    assert await ports.exports.find([], new.id) is None
    held = await taken(ports)
    await ports.exports.complete(tenant, held.id, 1, NOW, LATER)
    stored = await ports.exports.find([tenant], new.id)
    assert stored is not None
    assert (stored.status, stored.rows, stored.finished_at, stored.expires_at) == (ExportStatus.COMPLETE, 5, NOW, LATER)


async def test_exports_of_a_segment_are_newest_first(ports: Ports) -> None:
    tenant = new_tenant()
    ids = [(await ended(ports, tenant)).id for _ in range(3)]
    page = [item.id for item in await ports.exports.of_segment(tenant, SEGMENT, before=None, limit=2)]
    assert page == ids[:0:-1]
    rest = await ports.exports.of_segment(tenant, SEGMENT, before=page[-1], limit=2)
    skipped = await ports.exports.of_segment(tenant, SEGMENT, before=None, limit=2, offset=2)
    assert [[item.id for item in items] for items in (rest, skipped)] == [ids[:1], ids[:1]]
    counts = [await ports.exports.count_of_segment(*key) for key in ((tenant, SEGMENT), (tenant, 43), (1, SEGMENT))]
    assert counts == [3, 0, 0]


async def test_a_tenant_has_a_limit_of_open_exports(ports: Ports) -> None:
    tenant = new_tenant()
    await added(ports, tenant)
    assert not await ports.exports.add(tenant, export(tenant), max_open=1)
    held = await taken(ports)
    assert not await ports.exports.add(tenant, export(tenant), max_open=1)
    await ports.exports.fail(tenant, held.id, 1, "export-failed", NOW, LATER)
    assert await ports.exports.add(tenant, export(tenant), max_open=1)
    held = await taken(ports)
    await ports.exports.complete(tenant, held.id, 1, NOW, LATER)


async def test_each_export_is_taken_once_and_the_oldest_first(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    second, first = await added(ports, tenant, at_s=1), await added(ports, other)
    held = [await taken(ports), await taken(ports)]
    assert [(item.id, item.status, item.attempts) for item in held] == [
        (first.id, ExportStatus.RUNNING, 1),
        (second.id, ExportStatus.RUNNING, 1),
    ]
    assert await ports.exports.take(LONG) is None
    for item in held:
        await ports.exports.complete(item.tenant_id, item.id, 1, NOW, LATER)


async def test_a_silent_worker_is_followed_and_can_do_no_more(ports: Ports) -> None:
    tenant = new_tenant()
    await added(ports, tenant)
    silent, next_one = await taken(ports, EXPIRED), await taken(ports)
    assert (silent.id, next_one.attempts) == (next_one.id, 2)
    calls: list[Callable[[], Awaitable[None]]] = [
        lambda: ports.exports.renew(tenant, silent.id, 1, 3, LONG),
        lambda: ports.exports.put_back(tenant, silent.id, 1),
        lambda: ports.exports.complete(tenant, silent.id, 1, NOW, LATER),
        lambda: ports.exports.fail(tenant, silent.id, 1, "export-failed", NOW, LATER),
    ]
    for call in calls:
        with pytest.raises(ExportTaken):
            await call()
    await ports.exports.complete(tenant, silent.id, 2, NOW, LATER)
    with pytest.raises(ExportTaken):
        await ports.exports.renew(tenant, silent.id, 2, 3, LONG)


async def test_a_worker_renews_its_lease_and_tells_the_rows(ports: Ports) -> None:
    tenant = new_tenant()
    await added(ports, tenant)
    held = await taken(ports, EXPIRED)
    await ports.exports.renew(tenant, held.id, 1, 3, LONG)
    assert await ports.exports.take(LONG) is None
    running = await ports.exports.find([tenant], held.id)
    assert running is not None
    assert (running.status, running.rows, running.progress) == (ExportStatus.RUNNING, 3, 0.6)
    await ports.exports.put_back(tenant, held.id, 1)
    again = await taken(ports)
    assert (again.id, again.attempts, again.rows) == (held.id, 2, 0)
    await ports.exports.complete(tenant, held.id, 2, NOW, LATER)


async def test_expired_exports_are_removed_and_then_forgotten(ports: Ports) -> None:
    tenant = new_tenant()
    held = await ended(ports, tenant)

    async def mine() -> list[str]:
        return [item.id for item in await ports.exports.expired(LATER, 10_000) if item.tenant_id == tenant]

    assert held.id not in [item.id for item in await ports.exports.expired(LATER - timedelta(seconds=1), 10_000)]
    assert await mine() == [held.id]
    await ports.exports.forget(LATER)
    assert await ports.exports.find([tenant], held.id) is not None
    await ports.exports.mark_removed(new_tenant(), held.id)
    assert await mine() == [held.id]
    await ports.exports.mark_removed(tenant, held.id)
    assert await mine() == []
    await ports.exports.forget(LATER - timedelta(seconds=1))
    assert await ports.exports.find([tenant], held.id) is not None
    await ports.exports.forget(LATER)
    assert await ports.exports.find([tenant], held.id) is None


async def published(ports: Ports, tenant: int) -> MemberSet:
    n = await number_users(ports, tenant, "ada", "bob")
    everyone = list(n.values())
    outcomes = [outcome(SEGMENT, everyone, entered=everyone)]
    await publish(ports, tenant, Attempt(1, 1), outcomes, number=1, as_of_ms=NOW_MS)
    members = await ports.member_sets.newest(tenant, SEGMENT)
    assert members is not None
    return members


async def content(ports: Ports, item: Export) -> bytes | None:
    file = await ports.files.open(item.tenant_id, item)
    if file is None:
        return None
    assert isinstance(file, StoredFile)
    chunks = b"".join([chunk async for chunk in file.chunks])
    assert len(chunks) == file.size
    return chunks


async def test_a_file_is_written_whole_and_removed(ports: Ports) -> None:
    tenant = new_tenant()
    members, item = await published(ports, tenant), export(tenant)
    assert await content(ports, item) is None
    rows: list[int] = []
    for _ in range(2):
        await ports.files.write(tenant, item, members, rows.append)
        lines = (await content(ports, item) or b"").decode().splitlines()
        assert (lines[0], len(lines), rows[-1]) == ('"user_id","computed_at"', 3, 2)
    for _ in range(2):
        await ports.files.remove(tenant, item)
        assert await content(ports, item) is None
