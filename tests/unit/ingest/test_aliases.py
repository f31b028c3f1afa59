"""Joining an anonymous id to a user: what is stored, and what is refused."""

from __future__ import annotations

from datetime import datetime

import pytest

from segops_common.core.problems import Conflict, Problem, Unavailable, ValidationFailed
from segops_ingest.adapters.memory.identity_claims import MemoryIdentityClaims
from segops_ingest.ports.identity_claims import StoredClaim
from segops_ingest.service.aliases import Aliases
from tests.unit.ingest.harness import IngestHarness


@pytest.fixture
def claims() -> MemoryIdentityClaims:
    return MemoryIdentityClaims()


@pytest.fixture
def aliases(ingest: IngestHarness, claims: MemoryIdentityClaims) -> Aliases:
    return Aliases(claims=claims, ingest=ingest.service, clock=ingest.clock)


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


async def test_an_alias_is_an_event_that_joins(ingest: IngestHarness, aliases: Aliases) -> None:
    receipts = [await aliases.alias(7, "v", "anna", idempotency_key="k") for _ in range(2)]
    assert [receipt.duplicates for receipt in receipts] == [0, 1]
    row = (await ingest.rows())[0]
    assert (row["event_type"], row["user_id"], row["anonymous_id"], row["joins"]) == ("$alias", "anna", "v", True)
    assert row["payload"] == {"previous_id": "v"}


async def test_the_usual_alias_call_joins_the_previous_id(ingest: IngestHarness) -> None:
    call = {"user_id": "anna", "previous_id": "v", "anonymous_id": "other"}
    await ingest.service.accept_one(7, "alias", call, idempotency_key=None, joins=True)
    (row,) = await ingest.rows()
    assert (row["anonymous_id"], row["joins"]) == ("v", True)


@pytest.mark.parametrize(
    ("claimed_by", "since_ms", "known_ms", "slug"),
    [
        ("anna", -5, None, None),
        ("bert", 1, None, None),
        ("bert", 0, None, "anonymous-id-claimed"),
        (None, 0, 0, "anonymous-id-is-user"),
        (None, 0, 1, None),
        ("anna", -5, -9, "anonymous-id-is-user"),
    ],
)
async def test_a_claim_without_effect_is_refused(
    ingest: IngestHarness,
    aliases: Aliases,
    claims: MemoryIdentityClaims,
    claimed_by: str | None,
    since_ms: int,
    known_ms: int | None,
    slug: str | None,
) -> None:
    now = ms(ingest.clock.now())
    claims.claims[7, "v"] = StoredClaim(claimed_by, now + since_ms, None if known_ms is None else now + known_ms)
    if slug is None:
        await aliases.alias(7, "v", "anna", idempotency_key=None)
        assert len(await ingest.rows()) == 1
        return
    with pytest.raises(Conflict) as refusal:
        await aliases.alias(7, "v", "anna", idempotency_key=None)
    assert refusal.value.slug == slug
    assert f"`{claimed_by if slug == 'anonymous-id-claimed' else 'v'}`" in refusal.value.detail
    assert await ingest.rows() == []
    await aliases.alias(8, "v", "anna", idempotency_key=None)


@pytest.mark.parametrize(
    ("anonymous_id", "reachable", "error"), [("anna", True, ValidationFailed), ("v", False, Unavailable)]
)
async def test_nothing_is_stored_after_a_refusal(
    ingest: IngestHarness,
    aliases: Aliases,
    claims: MemoryIdentityClaims,
    anonymous_id: str,
    reachable: bool,
    error: type[Problem],
) -> None:
    claims.reachable = reachable
    with pytest.raises(error):
        await aliases.alias(7, anonymous_id, "anna", idempotency_key=None)
    assert await ingest.rows() == []
