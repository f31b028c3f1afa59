"""The chain of the audit log."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from segops_auth.domain.audit_log import FIRST_PREVIOUS_HASH, Act, Action, Head, follow

ACT = Act(
    at=datetime(2026, 1, 31, 9, 0, 0, 120, tzinfo=UTC),
    actor_id=7,
    action=Action.API_KEY_CREATED,
    target="api_key:5",
    details={"name": "wéb", "kind": "secret"},
)
START = Head(number=0, hash=FIRST_PREVIOUS_HASH)


def test_the_hash_is_the_documented_one() -> None:
    text = (
        f'["{"0" * 64}",1,1,"2026-01-31T09:00:00.000120+00:00",7,"api_key.created","api_key:5",'
        '{"kind":"secret","name":"wéb"}]'
    )
    entry = follow(1, START, ACT)
    assert (entry.number, entry.previous_hash) == (1, FIRST_PREVIOUS_HASH)
    assert entry.hash == hashlib.sha256(text.encode()).hexdigest()


def test_every_part_counts() -> None:
    entry = follow(1, START, ACT)
    others = [
        follow(2, START, ACT),
        follow(1, Head(number=1, hash=FIRST_PREVIOUS_HASH), ACT),
        follow(1, Head(number=0, hash="1" * 64), ACT),
        follow(1, START, replace(ACT, at=ACT.at + timedelta(microseconds=1))),
        follow(1, START, replace(ACT, actor_id=None)),
        follow(1, START, replace(ACT, action=Action.API_KEY_REVOKED)),
        follow(1, START, replace(ACT, target="api_key:6")),
        follow(1, START, replace(ACT, details={"name": "web", "kind": "secret"})),
    ]
    assert len({entry.hash, *(other.hash for other in others)}) == 1 + len(others)


def test_the_zone_of_the_instant_does_not_count() -> None:
    moved = replace(ACT, at=ACT.at.astimezone(timezone(timedelta(hours=5))))
    assert follow(1, START, moved).hash == follow(1, START, ACT).hash
