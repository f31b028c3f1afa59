"""The contract of `JoinReader`."""

from __future__ import annotations

from segops_language.values.instants import from_ms
from segops_membership.domain.identity.joins import Claim
from segops_membership.domain.identity.merges import Resolution
from tests.contract.membership.conftest import Ports
from tests.corpus.builders import NOW_MS, new_tenant

CLAIMS = [
    Claim("device", "ben", NOW_MS - 5, "b"),
    Claim("device", "ann", NOW_MS - 5, "a"),
    Claim("device", "cid", NOW_MS, "0"),
    Claim("t'ablet", "ann", NOW_MS - 9, "z"),
]
MERGES = [
    Resolution(1, from_ms(NOW_MS - 3), "ben", "ann"),
    Resolution(2, from_ms(NOW_MS - 1), "ben", "ben"),
    Resolution(3, from_ms(NOW_MS), "cid", "é"),
]


async def test_the_smallest_claim_on_an_id_counts(ports: Ports) -> None:
    tenant = new_tenant()
    assert not await ports.joins.has_joins(tenant)

    await ports.store_facts(tenant, CLAIMS, [])

    assert await ports.joins.has_joins(tenant)
    assert await ports.joins.claims_on(tenant, ["device", "other"]) == [CLAIMS[1]]
    assert sorted(await ports.joins.claimed_by(tenant, ["ann", "cid"], 10)) == ["device", "t'ablet"]
    assert len(await ports.joins.claimed_by(tenant, ["ann", "cid"], 1)) == 1
    assert await ports.joins.known_since(tenant, ["ann", "device"]) == {"ann": NOW_MS - 9}


async def test_what_nobody_asked_for_is_not_read(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_facts(tenant, CLAIMS, MERGES)

    assert [*await ports.joins.claims_on(tenant, []), *await ports.joins.resolutions(tenant, [])] == []
    assert not await ports.joins.has_joins(new_tenant())


async def test_the_resolutions_of_a_user_and_of_everyone_merged_into_them_are_read(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_facts(tenant, [], MERGES)

    def versions(resolutions: object) -> list[int]:
        assert isinstance(resolutions, list)
        return sorted(resolution.version for resolution in resolutions)

    assert await ports.joins.has_joins(tenant)
    assert versions(await ports.joins.resolutions(tenant, ["ann"])) == [1, 2]
    assert versions(await ports.joins.resolutions(tenant, ["ben"])) == [1, 2]
    assert await ports.joins.resolutions(tenant, ["é"]) == [MERGES[2]]
