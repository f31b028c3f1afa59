"""Which events join their two ids: it depends on the ids, and on the credential that they were sent with."""

from __future__ import annotations

from typing import Any

import pytest

from segops_common.contracts.topics import EVENT_IMPORTS
from segops_common.security.permissions import KeyKind, Scope
from segops_common.security.principal import KeyPrincipal, Session
from tests.unit.ingest.harness import IngestHarness

BOTH: dict[str, Any] = {"user_id": "anna", "anonymous_id": "v"}


@pytest.mark.parametrize(
    ("ids", "joins"),
    [
        (BOTH, True),
        ({"user_id": "anna"}, False),
        ({"anonymous_id": "v"}, False),
        (BOTH | {"anonymous_id": "anna"}, False),
    ],
)
async def test_an_event_joins_two_ids_that_differ(ingest: IngestHarness, ids: dict[str, str], joins: bool) -> None:
    call = ids | {"event_type": "view"}
    await ingest.service.accept_one(7, "track", call, idempotency_key=None, joins=True)
    await ingest.service.accept_one(7, "track", call, idempotency_key=None, joins=False)
    assert [row.get("joins", False) for row in await ingest.rows()] == [joins, False]


async def test_every_way_in_says_whether_events_join(ingest: IngestHarness) -> None:
    timed = BOTH | {"timestamp": "2026-05-20T11:00:00Z", "message_id": "m"}
    item = timed | {"type": "identify"}
    await ingest.service.accept_batch(7, [item], idempotency_key=None, joins=True)
    await ingest.service.accept_tracked(7, [timed | {"event_type": "view"}], idempotency_key=None, joins=True)
    await ingest.service.accept_again(7, "page", timed, position=0, joins=True)
    assert [row["joins"] for row in await ingest.rows()] == [True] * 3
    await ingest.service.accept_import(7, [item], idempotency_key=None, joins=True)
    assert [row["joins"] for row in await ingest.rows(EVENT_IMPORTS)] == [True]


async def test_a_repetition_with_another_credential_has_the_same_content(ingest: IngestHarness) -> None:
    call = BOTH | {"event_type": "view", "message_id": "m"}
    for joins in (True, False):
        receipt = await ingest.service.accept_one(7, "track", dict(call), idempotency_key=None, joins=joins)
        assert receipt.conflicting == ()


def _key(kind: KeyKind, *, signed: bool | None = None, unsigned_ids: bool = True) -> KeyPrincipal:
    session = None if signed is None else Session(uid="anna", is_anonymous=False, is_signed=signed)
    return KeyPrincipal(
        key_id=1,
        tenant_id=7,
        scopes=frozenset({Scope.EVENTS_WRITE}),
        kind=kind,
        session=session,
        joins_unsigned_ids=unsigned_ids,
    )


@pytest.mark.parametrize(
    ("key", "joins"),
    [
        (_key(KeyKind.SECRET), True),
        (_key(KeyKind.SECRET, unsigned_ids=False), True),
        (_key(KeyKind.PUBLISHABLE), True),
        (_key(KeyKind.PUBLISHABLE, signed=False), True),
        (_key(KeyKind.PUBLISHABLE, unsigned_ids=False), False),
        (_key(KeyKind.PUBLISHABLE, signed=False, unsigned_ids=False), False),
        (_key(KeyKind.PUBLISHABLE, signed=True, unsigned_ids=False), True),
    ],
)
def test_ids_that_nobody_signed_join_if_the_tenant_allows_it(key: KeyPrincipal, joins: bool) -> None:
    assert key.joins_ids is joins
