"""Merging users: whose an id is, what is refused, and what happens when an engine fails on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.contracts.person_hash import PersonHash
from segops_common.core.problems import Conflict, Unavailable, ValidationFailed
from segops_membership.adapters.memory.identity.joins import MemoryJoinReader
from segops_membership.adapters.memory.identity.merges import (
    MemoryMergeProjection,
    MemoryMergeStore,
)
from segops_membership.adapters.memory.privacy.suppressions import MemorySuppressions
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.identity.joins import Claim, IdentityFacts
from segops_membership.domain.identity.merges import MAX_MERGED_IDS, Change, Merge, MergeGraph, MergeRefused, merged
from segops_membership.ports.identity.merges import MergesChanged
from segops_membership.service.identity.mergeable import MergeableIds
from segops_membership.service.identity.merges import Actor, Merges
from segops_membership.service.identity.persons import Persons
from segops_membership.service.identity.projection import ProjectedMerges
from segops_testkit.clock import ManualClock

NOW = datetime(2026, 3, 1, 9, 0, 0, 123_999, tzinfo=UTC)
HASH = PersonHash(key="k" * 32)
ADA, KEY = Actor(7, None), Actor(None, 12)


class RacedStore(MemoryMergeStore):
    """Another change comes before the first `races` ones."""

    races = 0

    async def append(self, tenant_id: int, change: Change) -> None:
        if self.races:
            self.races -= 1
            raise MergesChanged
        await super().append(tenant_id, change)


class Harness:
    """The use case on memory adapters."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.store, self.projection, self.audit = RacedStore(), MemoryMergeProjection(), MemoryAuditTrail()
        projected = ProjectedMerges(store=self.store, projection=self.projection)
        self.joins, self.suppressions = MemoryWarehouse(), MemorySuppressions()
        mergeable = MergeableIds(
            persons=Persons(reader=MemoryJoinReader(warehouse=self.joins)),
            merges=self.store,
            suppressions=self.suppressions,
            person_hash=HASH,
            clock=self.clock,
        )
        self.merges = Merges(
            store=self.store, projected=projected, mergeable=mergeable, audit=self.audit, clock=self.clock
        )

    def persons(self, at: datetime | None = None) -> dict[str, str]:
        """Whose each id is by the projection, for ids that belong to another one."""
        rows = sorted(self.projection.rows[1].values(), key=lambda row: row.at)
        owners = {row.user_id: row.canonical_id for row in rows if at is None or row.at <= at}
        return {user: owner for user, owner in owners.items() if user != owner}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_chains_resolve_to_the_last_person(harness: Harness) -> None:
    await harness.merges.merge(1, "c", "a", ADA)
    await harness.merges.merge(1, "a", "b", KEY)
    assert harness.persons() == {"c": "b", "a": "b"}
    await harness.merges.merge(1, "d", "c", ADA)
    assert harness.persons() == {"c": "b", "a": "b", "d": "b"}
    await harness.merges.unmerge(1, "a", ADA)
    assert harness.persons() == {"c": "a", "d": "a"}


@pytest.mark.parametrize(("source", "target"), [("visitor", "b"), ("b", "visitor")])
async def test_a_visitor_of_a_user_is_not_merged(harness: Harness, source: str, target: str) -> None:
    """A merge would make the visitor a user, whom nobody can claim: the events would be lost for the user for good."""
    claim = Claim("visitor", "a", int(NOW.timestamp() * 1000) - 1, "m")
    harness.joins.tenant(1).facts = IdentityFacts((claim,))
    with pytest.raises(Conflict) as refused:
        await harness.merges.merge(1, source, target, ADA)
    assert (refused.value.slug, "Merge `a` instead" in refused.value.detail) == ("anonymous-id-claimed", True)
    assert harness.persons() == {}
    await harness.merges.merge(1, "a", "b", ADA)
    assert harness.persons() == {"a": "b"}


@pytest.mark.parametrize(("source", "target"), [("erased", "b"), ("b", "erased")])
async def test_a_user_who_was_erased_is_not_merged(harness: Harness, source: str, target: str) -> None:
    subject = HASH.of(1, "erased")
    await harness.suppressions.suppress(1, [subject], NOW)
    with pytest.raises(ValidationFailed) as refused:
        await harness.merges.merge(1, source, target, ADA)
    (fault,) = refused.value.errors
    assert (fault.path, fault.code) == ("from_user_id" if source == "erased" else "into_user_id", "user-erased")
    await harness.suppressions.lift(1, subject, NOW)
    await harness.merges.merge(1, source, target, ADA)
    assert harness.persons() == {source: target}


async def test_an_instant_before_a_change_has_the_persons_of_then(harness: Harness) -> None:
    first = await harness.merges.merge(1, "c", "a", ADA)
    second = await harness.merges.merge(1, "a", "b", ADA)
    ended = await harness.merges.unmerge(1, "a", ADA)
    assert ended.unmerged_at is not None
    # The clock stands still, so each change is a millisecond after the one before.
    assert [first.merged_at, second.merged_at, ended.unmerged_at] == [
        NOW.replace(microsecond=123_000) + timedelta(milliseconds=step) for step in range(3)
    ]
    assert harness.persons(first.merged_at - timedelta(milliseconds=1)) == {}
    assert harness.persons(first.merged_at) == {"c": "a"}
    assert harness.persons(second.merged_at) == {"c": "b", "a": "b"}


@pytest.mark.parametrize(
    ("source", "target", "code", "holder"),
    [
        ("c", "b", "already-merged", "`a`"),
        ("c", "c", "already-merged", "`a`"),
        ("a", "c", "merge-cycle", "`a`"),
        ("x", "x", "merge-cycle", "`x`"),
    ],
)
async def test_refusals_name_the_holder(harness: Harness, source: str, target: str, code: str, holder: str) -> None:
    await harness.merges.merge(1, "c", "a", ADA)
    with pytest.raises(Conflict) as refusal:
        await harness.merges.merge(1, source, target, ADA)
    assert (refusal.value.slug, holder in refusal.value.detail) == (code, True)
    assert harness.persons() == {"c": "a"}


def test_a_person_has_a_bounded_number_of_ids() -> None:
    def edge(source: str, target: str) -> Merge:
        return Merge(version=1, from_user_id=source, into_user_id=target, merged_at=NOW, merged_by="user:7")

    edges = [edge("x", "y"), *(edge(f"u{number}", "a") for number in range(MAX_MERGED_IDS - 1))]
    graph = MergeGraph(last_version=1, last_at=NOW, merges={merge.from_user_id: merge for merge in edges})
    with pytest.raises(MergeRefused) as refusal:
        merged(graph, "y", "u0", now=NOW, by="user:7")
    assert (refusal.value.code, refusal.value.holder) == ("too-many-merged-ids", "a")
    change = merged(graph, "z", "u0", now=NOW, by="user:7")
    assert isinstance(change, Change)
    assert [row.canonical_id for row in change.resolutions] == ["a"]


async def test_who_was_never_merged_cannot_be_unmerged(harness: Harness) -> None:
    await harness.merges.merge(1, "a", "b", ADA)
    for user in ("b", "c"):
        with pytest.raises(Conflict) as refusal:
            await harness.merges.unmerge(1, user, ADA)
        assert refusal.value.slug == "not-merged"
    with pytest.raises(Conflict):
        await harness.merges.unmerge(2, "a", ADA)


async def test_a_repetition_changes_nothing(harness: Harness) -> None:
    first = await harness.merges.merge(1, "a", "b", ADA)
    assert await harness.merges.merge(1, "a", "b", KEY) == first
    ended = await harness.merges.unmerge(1, "a", KEY)
    assert await harness.merges.unmerge(1, "a", ADA) == ended
    assert (ended.merged_by, ended.unmerged_by) == ("user:7", "api_key:12")
    assert [(actor, action, target) for _, actor, action, target, _ in harness.audit.entries] == [
        (7, "identity.merged", "merge:1"), (None, "identity.unmerged", "merge:1"),
    ]  # fmt: skip


async def test_the_audit_log_names_no_user(harness: Harness) -> None:
    await harness.merges.merge(1, "secret-a", "secret-b", ADA)
    assert "secret" not in repr(harness.audit.entries)


async def test_nothing_is_merged_without_an_audit_log(harness: Harness) -> None:
    harness.audit.reachable = False
    with pytest.raises(Unavailable):
        await harness.merges.merge(1, "a", "b", ADA)
    assert (await harness.store.extent(1)).count == 0


async def test_a_repetition_completes_what_the_warehouse_lacks(harness: Harness) -> None:
    harness.projection.reachable = False
    for _ in range(2):
        with pytest.raises(Unavailable) as failure:
            await harness.merges.merge(1, "a", "b", ADA)
        assert "Retry-After" in failure.value.headers
    harness.projection.reachable = True
    assert harness.persons() == {}
    await harness.merges.merge(1, "a", "b", ADA)
    assert (harness.persons(), len(harness.audit.entries)) == ({"a": "b"}, 1)


async def test_a_change_that_comes_in_between_is_taken_into_account(harness: Harness) -> None:
    harness.store.races = 2
    await harness.merges.merge(1, "a", "b", ADA)
    assert harness.persons() == {"a": "b"}
    harness.store.races = 99
    with pytest.raises(Unavailable):
        await harness.merges.merge(1, "c", "b", ADA)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=12))
async def test_persons_are_those_of_the_merges_in_force(steps: list[tuple[bool, str, str]]) -> None:
    harness, edges = Harness(), dict[str, str]()
    for is_merge, source, target in steps:
        try:
            if is_merge:
                await harness.merges.merge(1, source, target, ADA)
                edges[source] = target
            else:
                await harness.merges.unmerge(1, source, ADA)
                edges.pop(source, None)
        except Conflict:
            pass
    roots = {}
    for user in edges:
        roots[user] = user
        while roots[user] in edges:
            roots[user] = edges[roots[user]]
    assert harness.persons() == roots
