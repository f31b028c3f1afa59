"""The chain of the audit log."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

from segops_auth.domain.audit_log import FIRST_PREVIOUS_HASH, Action, AuditEvent, ChainHead, chain
from segops_common.contracts.http import ForeignAction

EVENT = AuditEvent(
    at=datetime(2026, 1, 31, 9, 0, 0, 120, tzinfo=UTC),
    actor_id=7,
    action=Action.API_KEY_CREATED,
    target="api_key:5",
    details={"name": "wéb", "kind": "secret"},
)
START = ChainHead(number=0, hash=FIRST_PREVIOUS_HASH)


def test_the_hash_is_the_documented_one() -> None:
    text = (
        f'["{"0" * 64}",1,1,"2026-01-31T09:00:00.000120+00:00",7,"api_key.created","api_key:5",'
        '{"kind":"secret","name":"wéb"}]'
    )
    entry = chain(1, START, EVENT)
    assert (entry.number, entry.previous_hash) == (1, FIRST_PREVIOUS_HASH)
    assert entry.hash == hashlib.sha256(text.encode()).hexdigest()


def test_every_part_counts() -> None:
    entry = chain(1, START, EVENT)
    others = [
        chain(2, START, EVENT),
        chain(1, ChainHead(number=1, hash=FIRST_PREVIOUS_HASH), EVENT),
        chain(1, ChainHead(number=0, hash="1" * 64), EVENT),
        chain(1, START, replace(EVENT, at=EVENT.at + timedelta(microseconds=1))),
        chain(1, START, replace(EVENT, actor_id=None)),
        chain(1, START, replace(EVENT, action=Action.API_KEY_REVOKED)),
        chain(1, START, replace(EVENT, target="api_key:6")),
        chain(1, START, replace(EVENT, details={"name": "web", "kind": "secret"})),
    ]
    assert len({entry.hash, *(other.hash for other in others)}) == 1 + len(others)


def test_the_zone_of_the_instant_does_not_count() -> None:
    moved = replace(EVENT, at=EVENT.at.astimezone(timezone(timedelta(hours=5))))
    assert chain(1, START, moved).hash == chain(1, START, EVENT).hash


def test_auth_knows_what_other_services_record() -> None:
    """Their calls are typed with `ForeignAction`, so they can send nothing else."""
    assert set(get_args(ForeignAction)) <= set(Action)
