"""Verifies the hash chain of every audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from segops_auth.domain.audit_log import FIRST_PREVIOUS_HASH, ChainHead, break_in_chain
from segops_auth.ports.store import ReadUnit, Store

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The result for one tenant: the number of intact entries, and what is wrong with the first broken one."""

    tenant_id: int
    intact: int
    broken: str | None


async def review_audit_logs(store: Store) -> AsyncIterator[Review]:
    """Yield a review of each tenant, by ascending id. Entries that are added meanwhile are not an error."""
    tenant_id = 0
    while True:
        async with store.read() as unit:
            tenants = await unit.audited_tenants(tenant_id, PAGE)
        for tenant_id in tenants:
            async with store.read() as unit:
                yield await _review(unit, tenant_id)
        if not tenants:
            return


async def _review(unit: ReadUnit, tenant_id: int) -> Review:
    # An entry and the head are stored together, so a head that is read after the newest entry has at least its number.
    newest = await unit.audit_log(tenant_id, 2**63 - 1, 1)
    expected = await unit.audit_head(tenant_id)
    head = ChainHead(number=0, hash=FIRST_PREVIOUS_HASH)
    while head.number < expected.number:
        entries = await unit.audit_entries(tenant_id, head.number, min(PAGE, expected.number - head.number))
        if not entries:
            return _broken(tenant_id, head, f"entry {head.number + 1} is missing")
        for entry in entries:
            broken = break_in_chain(head, entry)
            if broken is not None:
                return _broken(tenant_id, head, broken)
            head = ChainHead(number=entry.number, hash=entry.hash)
    if head.hash != expected.hash:
        return _broken(tenant_id, head, f"entry {head.number} is not the newest that was recorded")
    if newest and newest[0].number > expected.number:
        return _broken(tenant_id, head, f"entry {expected.number + 1} was not recorded by SegOps")
    return Review(tenant_id=tenant_id, intact=head.number, broken=None)


def _broken(tenant_id: int, head: ChainHead, reason: str) -> Review:
    return Review(tenant_id=tenant_id, intact=head.number, broken=reason)
