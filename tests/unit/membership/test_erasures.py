"""Erasures on memory adapters: later runs, reports, crashes, and what must settle before the receipt."""

from __future__ import annotations

import orjson
import pytest

from segops_common.contracts.jobs import IngestLag, StaticMembersChanged, SucceededResult
from segops_common.core.problems import Conflict, NotFound, Unavailable
from segops_common.security.permissions import Role
from segops_common.security.principal import UserPrincipal
from segops_membership.domain.identity.joins import Claim, IdentityFacts, Person
from segops_membership.domain.members.changes import BEGINNING, MemberChange
from segops_membership.domain.privacy.erasure import Erasure, ErasureStatus
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.members.changes import cursor_of, position_of
from segops_membership.service.privacy.erasures import ErasePeople
from segops_membership.service.privacy.people import ErasedPeople
from tests.corpus.builders import NOW_MS, count, event, group, job
from tests.unit.membership.erasing import PERSON_HASH
from tests.unit.membership.harness import TENANT, Crash, MembershipInMemory

OWNER = UserPrincipal(user_id=7, roles={TENANT: Role.OWNER})
BUYERS = group(count("buy"))
POINTS = ("after_suppression", "after_erased_exits", "before_receipt")


@pytest.fixture
async def product() -> MembershipInMemory:
    product = MembershipInMemory()
    for user_id in ("ada", "bob", "eve"):
        product.store(
            event(user_id, "buy", at=NOW_MS - 1000, id=user_id), event(user_id, "$identify", id=f"i{user_id}", plan="p")
        )
    await product.compute.run(job(TENANT, 1, {42: BUYERS}))
    return product


async def erase(product: MembershipInMemory, *user_ids: str) -> Erasure:
    erasure = await product.privacy.erase_people.request(TENANT, OWNER, user_ids)
    assert await product.privacy.run_erasures.run_next()
    return await product.privacy.erase_people.find(TENANT, erasure.id)


async def newest_result(product: MembershipInMemory) -> SucceededResult:
    result = product.reporter.results[-1]
    assert isinstance(result, SucceededResult)
    return result


async def digest_without(user_id: str) -> str | None:
    """Return the digest of a product that never knew the user."""
    other = MembershipInMemory()
    for name in {"ada", "bob", "eve"} - {user_id}:
        other.store(event(name, "buy", at=NOW_MS - 1000, id=name))
    await other.compute.run(job(TENANT, 1, {42: BUYERS}))
    return (await newest_result(other)).segments[0].digest


async def test_a_later_run_does_not_count_the_person(product: MembershipInMemory) -> None:
    await erase(product, "ada")
    assert (await product.lookup.segments_of(TENANT, "ada")).segment_ids == ()
    await product.compute.run(job(TENANT, 2, {42: BUYERS}))
    (segment,) = (await newest_result(product)).segments
    assert (segment.size, segment.entered, segment.exited) == (2, 0, 0)
    assert segment.digest == await digest_without("ada")


async def test_the_exit_is_reported_once(product: MembershipInMemory) -> None:
    await erase(product, "ada")
    await product.compute.run(job(TENANT, 2, {42: BUYERS}))
    exits = [change for _, _, change in product.reporter.changes if change[2] == "exited"]
    assert exits == [(42, "ada", "exited")]


async def test_readers_of_changes_forget_the_person(product: MembershipInMemory) -> None:
    """Also a reader who is behind: a later run has removed eve, and that change goes with her."""
    changes = product.changes
    behind = (await changes.page(TENANT, None, BEGINNING, 1000)).end
    start = await changes.position(TENANT, None, None, "now", None)
    assert start == behind
    product.clock.advance(1)
    await product.compute.run(job(TENANT, 2, {42: group(count("sell"))}, version=2))
    await product.compute.run(job(TENANT, 3, {42: BUYERS}, version=3))
    await erase(product, "ada", "bob")
    page = await changes.page(TENANT, None, behind, 1000)
    exits = [change for change in page.changes if change.reason == "erasure"]
    assert [(change.user_id, change.change, change.run_id, change.version) for change in exits] == [
        *(("ada", "exited", 3, 3), ("bob", "exited", 3, 3)),
    ]
    assert [change.user_id for change in page.changes if change not in exits] == ["eve", "eve"]
    assert page.changes[-2:] == exits, "after all changes of the last run"
    by_one: list[MemberChange] = []
    position, has_more = behind, True
    while has_more:
        one = await changes.page(TENANT, None, position_of(cursor_of(position)), 1)
        by_one += one.changes
        position, has_more = one.end, one.has_more
    assert (by_one, position) == (list(page.changes), page.end)
    assert (await changes.page(TENANT, 43, behind, 1000)).changes == []
    product.store(event("new", "buy", id="new"))
    await product.compute.run(job(TENANT, 4, {42: BUYERS}, version=3))
    later = await changes.page(TENANT, 42, page.end, 1000)
    assert [(change.user_id, change.reason) for change in later.changes] == [("new", "run")]
    assert (await changes.page(TENANT, 42, behind, 1000)).changes[-3:] == [*exits, *later.changes]
    assert await changes.position(TENANT, None, None, "now", None) == later.end


async def test_exits_are_kept_for_a_month(product: MembershipInMemory) -> None:
    await erase(product, "ada")
    await product.privacy.run_erasures.forget_exits()
    end = await product.changes.position(TENANT, None, None, "now", None)
    product.clock.advance(31 * 86_400)
    await product.privacy.run_erasures.forget_exits()
    assert not [c for c in (await product.changes.page(TENANT, None, BEGINNING, 100)).changes if c.reason == "erasure"]
    assert await product.changes.position(TENANT, None, None, "now", None) < end


async def test_the_receipt_counts_and_names_nobody(product: MembershipInMemory) -> None:
    erasure = await erase(product, "ada", "bob")
    assert (erasure.status, erasure.user_ids) == (ErasureStatus.COMPLETE, ())
    assert erasure.subjects == tuple(PERSON_HASH.of(TENANT, user_id) for user_id in ("ada", "bob"))
    assert erasure.receipt is not None
    assert erasure.receipt.before["events"] == 4
    assert erasure.receipt.before["segment_runs"] == 1
    assert set(erasure.receipt.after.values()) == {0}


@pytest.mark.parametrize("point", POINTS)
async def test_another_worker_goes_on_after_a_crash(product: MembershipInMemory, point: str) -> None:
    erasure = await product.privacy.erase_people.request(TENANT, OWNER, ["ada"])
    product.faults.armed = point
    with pytest.raises(Crash):
        await product.privacy.run_erasures.run_next()
    assert await product.privacy.run_erasures.run_next()
    erasure = await product.privacy.erase_people.find(TENANT, erasure.id)
    assert (erasure.status, erasure.attempts) == (ErasureStatus.COMPLETE, 2)
    assert erasure.before is not None
    assert erasure.before["events"] == 2
    await product.compute.run(job(TENANT, 2, {42: BUYERS}))
    assert (await newest_result(product)).segments[0].digest == await digest_without("ada")


async def test_it_waits_for_the_sink(product: MembershipInMemory) -> None:
    product.watermark.lag = IngestLag(positions=3, seconds=1.0)
    erasure = await erase(product, "ada")
    assert erasure.status is ErasureStatus.PENDING
    # What was on its way arrives now, after the first deletion.
    product.store(event("ada", "buy", id="late"))
    product.watermark.lag = None
    assert not await product.privacy.run_erasures.run_next(), "it is due later"
    product.clock.advance(10)
    assert await product.privacy.run_erasures.run_next()
    assert (await product.privacy.erase_people.find(TENANT, erasure.id)).status is ErasureStatus.COMPLETE
    assert await product.privacy.directory.events_of(TENANT, Person("ada", ("ada",))) is None


def join(product: MembershipInMemory, anonymous_id: str, user_id: str) -> None:
    rows = product.warehouse.tenant(TENANT)
    claim = Claim(anonymous_id, user_id, NOW_MS - 500, f"claim-{anonymous_id}")
    rows.facts = rows.facts.with_more(IdentityFacts((claim,), {user_id: NOW_MS - 500}))


@pytest.mark.parametrize("named", ["ada", "visitor"])
async def test_joined_ids_are_erased_along(product: MembershipInMemory, named: str) -> None:
    product.store(event("visitor", "buy", id="v"))
    join(product, "visitor", "ada")
    erasure = await erase(product, named)
    assert erasure.status is ErasureStatus.COMPLETE
    assert set(erasure.subjects) == {PERSON_HASH.of(TENANT, id) for id in ("ada", "visitor")}
    assert erasure.subjects[0] == PERSON_HASH.of(TENANT, named)
    assert await product.privacy.suppressions.suppressed(TENANT) == set(erasure.subjects)
    assert erasure.receipt is not None
    assert (erasure.receipt.before["events"], erasure.receipt.before["identity_claims"]) == (3, 1)
    assert set(erasure.receipt.after.values()) == {0}
    assert "visitor" not in product.warehouse.tenant(TENANT).events


async def test_ids_that_are_joined_meanwhile_are_erased_too(product: MembershipInMemory) -> None:
    product.store(event("visitor", "buy", id="v"))
    erasure = await product.privacy.erase_people.request(TENANT, OWNER, ["ada"])
    assert len(erasure.subjects) == 1
    product.watermark.on_wait = lambda: join(product, "visitor", "ada")
    assert await product.privacy.run_erasures.run_next()
    waiting = await product.privacy.erase_people.find(TENANT, erasure.id)
    assert (waiting.status, waiting.user_ids) == (ErasureStatus.PENDING, ("ada", "visitor"))
    product.watermark.on_wait = None
    product.clock.advance(10)
    assert await product.privacy.run_erasures.run_next()
    complete = await product.privacy.erase_people.find(TENANT, erasure.id)
    assert complete.receipt is not None
    assert complete.receipt.before["events"] == 3
    assert await product.privacy.suppressions.suppressed(TENANT) == set(complete.subjects)
    assert len(complete.subjects) == 2
    assert "visitor" not in product.warehouse.tenant(TENANT).events


async def test_the_export_has_every_id(product: MembershipInMemory) -> None:
    product.store(event("visitor", "buy", id="v"))
    join(product, "visitor", "ada")
    lines = [orjson.loads(line) async for line in await product.privacy.export_people.lines(TENANT, OWNER, "visitor")]
    assert lines[0]["ids"] == ["visitor", "ada"]
    assert [line["id"] for line in lines if line["type"] == "profile"] == ["visitor", "ada"]
    assert lines[-1]["lines"] == len(lines)


async def test_without_the_warehouse_the_worker_suppresses(product: MembershipInMemory) -> None:
    product.privacy.suppressions.reachable = False
    erasure = await product.privacy.erase_people.request(TENANT, OWNER, ["ada"])
    assert erasure.suppressed_at is None
    product.privacy.suppressions.reachable = True
    assert await product.privacy.run_erasures.run_next()
    assert await product.privacy.suppressions.suppressed(TENANT) == {PERSON_HASH.of(TENANT, "ada")}
    assert (await product.privacy.erase_people.find(TENANT, erasure.id)).suppressed_at is not None


async def test_nothing_is_erased_that_cannot_be_audited(product: MembershipInMemory) -> None:
    product.privacy.audit.reachable = False
    with pytest.raises(Unavailable):
        await product.privacy.erase_people.request(TENANT, OWNER, ["ada"])
    with pytest.raises(Unavailable):
        await product.privacy.export_people.lines(TENANT, OWNER, "ada")
    assert await product.privacy.erasures.count(TENANT) == 0
    assert not await product.privacy.suppressions.suppressed(TENANT)


async def test_the_audit_log_has_the_hash_only(product: MembershipInMemory) -> None:
    await erase(product, "ada")
    await product.privacy.export_people.lines(TENANT, OWNER, "bob")
    await product.privacy.erase_people.lift(TENANT, OWNER, "ada")
    targets = [target for _, _, _, target, _ in product.privacy.audit.entries]
    assert targets == [f"profile:{PERSON_HASH.of(TENANT, user_id)}" for user_id in ("ada", "bob", "ada")]
    assert "ada" not in repr(product.privacy.audit.entries)


async def test_a_lift_needs_an_erasure(product: MembershipInMemory) -> None:
    with pytest.raises(NotFound):
        await product.privacy.erase_people.lift(TENANT, OWNER, "ada")
    await erase(product, "ada")
    assert (await product.privacy.erase_people.suppression(TENANT, "ada")).lifted_at is None
    await product.privacy.erase_people.lift(TENANT, OWNER, "ada")
    assert (await product.privacy.erase_people.suppression(TENANT, "ada")).lifted_at is not None


async def test_without_a_key_nobody_is_erased(product: MembershipInMemory) -> None:
    unkeyed = ErasePeople(
        erasures=product.privacy.erasures,
        suppressions=product.privacy.suppressions,
        audit=product.privacy.audit,
        person_hash=None,
        all_ids=product.privacy.all_ids,
        clock=product.clock,
        ids=product.privacy.erase_people._ids,
    )
    with pytest.raises(Conflict) as refusal:
        await unkeyed.request(TENANT, OWNER, ["ada"])
    assert refusal.value.slug == "erasure-not-configured"


async def test_an_engine_that_is_down_puts_the_erasure_back(product: MembershipInMemory) -> None:
    product.reporter.reachable = False
    erasure = await erase(product, "ada")
    assert erasure.status is ErasureStatus.PENDING
    product.reporter.reachable = True
    product.clock.advance(10)
    assert await product.privacy.run_erasures.run_next()
    assert (await product.privacy.erase_people.find(TENANT, erasure.id)).status is ErasureStatus.COMPLETE


async def test_people_whom_a_backup_brought_back_are_erased_again(product: MembershipInMemory) -> None:
    """The restored list names ada and somebody whom the backup never had; bob was erased before, and is known as erased."""
    await erase(product, "bob")
    ada, nobody = (PERSON_HASH.of(TENANT, user_id) for user_id in ("ada", "nobody"))
    await product.privacy.suppressions.suppress(TENANT, [ada, nobody], product.clock.now())
    await product.privacy.suppressions.lift(TENANT, ada, product.clock.now())
    await product.privacy.repeat_erasures.queue()
    await product.privacy.repeat_erasures.queue()
    page = await product.privacy.erasures.page(TENANT, before=None, limit=5)
    (queued,) = [erasure for erasure in page if erasure.requested_by == "restore"]
    assert queued.user_ids == ("ada",)
    assert set(queued.subjects) == {ada, nobody}
    assert await product.privacy.run_erasures.run_next()
    complete = await product.privacy.erase_people.find(TENANT, queued.id)
    assert complete.receipt is not None
    assert complete.receipt.before["events"] == 2
    assert ada in await product.privacy.suppressions.suppressed(TENANT), "a lift is not repeated"
    await product.privacy.repeat_erasures.queue()
    assert await product.privacy.erasures.count(TENANT) == 2


async def test_erased_people_stay_out_of_lists(product: MembershipInMemory) -> None:
    await erase(product, "ada")
    people = ErasedPeople(suppressions=product.privacy.suppressions, person_hash=PERSON_HASH)
    portion = StaticMembersChanged(
        tenant_id=TENANT,
        segment_id=9,
        list_version=1,
        base_version=0,
        part=0,
        parts=1,
        add=("ada", "bob"),
        remove=("ada",),
    )
    (kept,) = await people.left_out(TENANT, [portion])
    assert (kept.add, kept.remove) == (("bob",), ())
    product.privacy.suppressions.reachable = False
    with pytest.raises(EngineUnavailable):
        await people.left_out(TENANT, [portion])


async def test_an_export_has_everything_and_an_end(product: MembershipInMemory) -> None:
    lines = [orjson.loads(line) async for line in await product.privacy.export_people.lines(TENANT, OWNER, "ada")]
    assert [line["type"] for line in lines] == [
        *("export", "profile", "trait", "membership", "event", "event", "membership_change", "end"),
    ]
    assert lines[-1]["lines"] == len(lines)
    assert lines[2] | {"set_at": None} == {
        "type": "trait",
        "name": "plan",
        "value": "p",
        "set_at": None,
        "message_id": "iada",
    }
