"""The contract of `RunResults`."""

from __future__ import annotations

import pytest
import xxhash
from pyroaring import BitMap

from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, Difference, SegmentHead
from segops_membership.ports.errors import EngineUnavailable
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import number_users, outcome, publication, segment_result
from tests.corpus.builders import NOW, NOW_MS, new_tenant

ATTEMPT = Attempt(5, 2)


def digest_of(*user_ids: str) -> Digest:
    digest = Digest()
    for user_id in user_ids:
        digest += Digest(xxhash.xxh64_intdigest(user_id.encode()), xxhash.xxh3_64_intdigest(user_id.encode()))
    return digest


async def test_members_are_those_of_the_attempt(ports: Ports) -> None:
    tenant = new_tenant()
    large = range(1000)
    await ports.results.write_outcomes(tenant, ATTEMPT, [outcome(1, [1, 5]), outcome(2, large)], NOW_MS, NOW)
    await ports.results.write_outcomes(tenant, Attempt(5, 3), [outcome(1, [9])], NOW_MS, NOW)
    heads = {1: SegmentHead(ATTEMPT, NOW_MS), 2: SegmentHead(ATTEMPT, NOW_MS)}
    assert await ports.results.published_members(tenant, heads) == {1: BitMap([1, 5]), 2: BitMap(large)}


async def test_members_that_were_not_stored_cannot_be_read(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.results.write_outcomes(tenant, ATTEMPT, [outcome(1, [1])], NOW_MS, NOW)
    heads = {1: SegmentHead(ATTEMPT, NOW_MS), 2: SegmentHead(ATTEMPT, NOW_MS)}
    with pytest.raises(EngineUnavailable):
        await ports.results.published_members(tenant, heads)


async def test_a_digest_is_of_user_ids_and_not_of_numbers(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "ö", "bob")
    members = [numbers["ada"], numbers["ö"]]
    outcomes = [outcome(1, members, entered=members), outcome(2, [])]
    await ports.results.write_outcomes(tenant, ATTEMPT, outcomes, NOW_MS, NOW)
    digests = await ports.results.digests(tenant, ATTEMPT, outcomes)
    assert digests == {1: digest_of("ada", "ö"), 2: Digest()}


async def test_a_digest_is_updated_by_the_difference_from_its_base(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "bob", "cyd")
    base = SegmentHead(Attempt(4, 1), NOW_MS, digest_of("ada", "bob"))
    unknown = SegmentHead(Attempt(4, 1), NOW_MS)
    members, entered, exited = [numbers["bob"], numbers["cyd"]], [numbers["cyd"]], [numbers["ada"]]
    outcomes = [
        outcome(id, members, entered=entered, exited=exited, base=head) for id, head in ((1, base), (2, unknown))
    ]
    await ports.results.write_outcomes(tenant, ATTEMPT, outcomes, NOW_MS, NOW)
    digests = await ports.results.digests(tenant, ATTEMPT, outcomes)
    assert digests == dict.fromkeys((1, 2), digest_of("bob", "cyd"))


async def test_changes_have_the_ids_of_users_who_entered_and_exited(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "bob", "cyd")
    outcomes = [
        outcome(1, [numbers["ada"]], entered=[numbers["ada"]], exited=[numbers["bob"], numbers["cyd"]]),
        outcome(2, []),
    ]
    await ports.results.write_outcomes(tenant, ATTEMPT, outcomes, NOW_MS, NOW)
    visible = publication(tenant, ATTEMPT, segments=[segment_result(1), segment_result(2)], number=1)
    changes = [
        (change.segment_id, user_id, change.change)
        async for change in ports.results.changes(tenant, visible)
        for user_id in change.user_ids
    ]
    assert sorted(changes) == [(1, "ada", "entered"), (1, "bob", "exited"), (1, "cyd", "exited")]


async def test_changes_are_since_the_members_that_were_reported_last(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "bob", "cyd")
    ada, bob, cyd = (numbers[name] for name in ("ada", "bob", "cyd"))
    outcomes = [
        outcome(1, [ada], unreported=Difference(BitMap([ada]), BitMap([bob]))),
        outcome(2, [bob], entered=[bob], unreported=Difference(BitMap(), BitMap([ada]))),
        outcome(3, [cyd], entered=[cyd]),
        outcome(4, [cyd], entered=[cyd], unreported=Difference(BitMap(), BitMap())),
    ]
    await ports.results.write_outcomes(tenant, ATTEMPT, outcomes, NOW_MS, NOW)
    visible = publication(tenant, ATTEMPT, segments=[segment_result(id) for id in (1, 2, 3, 4)], number=1)
    changes = [
        (change.segment_id, user_id, change.change)
        async for change in ports.results.changes(tenant, visible)
        for user_id in change.user_ids
    ]
    assert sorted(changes) == [(1, "ada", "entered"), (1, "bob", "exited"), (2, "ada", "exited"), (3, "cyd", "entered")]
