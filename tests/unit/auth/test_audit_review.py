"""Verifying audit logs names the first entry that was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from segops_auth.adapters.memory.tables import Tables
from segops_auth.domain.audit_log import ChainHead
from segops_auth.domain.values import AuditEntry
from segops_auth.service.audit_review import Review, review_audit_logs
from tests.unit.auth.harness import MemoryAuth

Tamper = Callable[[Tables, int, AuditEntry], None]


def change(**values: object) -> Tamper:
    def tamper(tables: Tables, tenant_id: int, entry: AuditEntry) -> None:
        tables.audit_log[tenant_id, entry.number] = replace(entry, **values)  # type: ignore[arg-type]

    return tamper


def delete(tables: Tables, tenant_id: int, entry: AuditEntry) -> None:
    del tables.audit_log[tenant_id, entry.number]


def cut(tables: Tables, tenant_id: int, entry: AuditEntry) -> None:
    """Remove the entry and all later ones, and tell the tenant another head."""
    for key in [key for key in tables.audit_log if key[0] == tenant_id and key[1] >= entry.number]:
        del tables.audit_log[key]
    tables.chain_heads[tenant_id] = ChainHead(number=entry.number - 1, hash="0" * 64)


def append(tables: Tables, tenant_id: int, entry: AuditEntry) -> None:
    tables.audit_log[tenant_id, 9] = replace(entry, number=9)


async def reviews(memory: MemoryAuth) -> list[Review]:
    return [review async for review in review_audit_logs(memory.store)]


async def test_untouched_logs_are_intact(memory: MemoryAuth) -> None:
    for name in ("ada", "grace"):
        user = await memory.sign_up(name)
        for _ in range(3):
            await memory.auth.sessions.end_all(user.id)
    assert [(review.intact, review.broken) for review in await reviews(memory)] == [(4, None), (4, None)]


@pytest.mark.parametrize(
    ("tamper", "intact", "reason"),
    [
        (change(target="user:8"), 2, "entry 3 was changed: its content does not match its hash"),
        (change(details={"slug": "x"}), 2, "entry 3 was changed: its content does not match its hash"),
        (change(hash="0" * 64), 2, "entry 3 was changed: its content does not match its hash"),
        (change(previous_hash="0" * 64), 2, "entry 3 does not follow the entry before it"),
        (delete, 2, "entry 3 is missing"),
        (cut, 2, "entry 2 is not the newest that was recorded"),
        (append, 5, "entry 6 was not recorded by SegOps"),
    ],
)
async def test_the_first_broken_entry_is_named(memory: MemoryAuth, tamper: Tamper, intact: int, reason: str) -> None:
    ada, grace = await memory.sign_up(), await memory.sign_up("grace")
    for _ in range(4):
        await memory.auth.sessions.end_all(ada.id)
    entry = (await memory.audit_log(ada.tenant))[2]
    tamper(memory.store._tables, ada.tenant.id, entry)
    first, second = await reviews(memory)
    assert first == Review(tenant_id=ada.tenant.id, intact=intact, broken=reason)
    assert second == Review(tenant_id=grace.tenant.id, intact=1, broken=None)
