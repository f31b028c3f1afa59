"""No port of auth is without a memory adapter, and no memory adapter lacks a method of its port."""

from __future__ import annotations

import pytest

import segops_auth.adapters.memory
import segops_auth.ports
import segops_auth.ports.mail
from segops_auth.adapters.memory.access_tokens import MemoryAccessTokens
from segops_auth.adapters.memory.cache_invalidation import MemoryCacheInvalidation
from segops_auth.adapters.memory.known_addresses import MemoryKnownAddresses
from segops_auth.adapters.memory.mail import MemoryMail
from segops_auth.adapters.memory.passwords import MemoryPasswords
from segops_auth.adapters.memory.reader import MemoryReadUnit
from segops_auth.adapters.memory.store import MemoryStore
from segops_auth.adapters.memory.writer import MemoryWriteUnit
from tests.contract.port_coverage import classes_in, ports_in

ADAPTERS: dict[str, type] = {
    "AccessTokens": MemoryAccessTokens,
    "AccountReads": MemoryReadUnit,
    "AccountWrites": MemoryWriteUnit,
    "ApiKeyReads": MemoryReadUnit,
    "ApiKeyWrites": MemoryWriteUnit,
    "AuditLogReads": MemoryReadUnit,
    "AuditLogReviews": MemoryReadUnit,
    "AuditLogWrites": MemoryWriteUnit,
    "CacheInvalidation": MemoryCacheInvalidation,
    "InviteReads": MemoryReadUnit,
    "InviteWrites": MemoryWriteUnit,
    "KnownAddresses": MemoryKnownAddresses,
    "LinkReads": MemoryReadUnit,
    "LinkWrites": MemoryWriteUnit,
    "MailQueueWrites": MemoryWriteUnit,
    "MailTransport": MemoryMail,
    "Passwords": MemoryPasswords,
    "ReadUnit": MemoryReadUnit,
    "RefreshTokenWrites": MemoryWriteUnit,
    "SessionReads": MemoryReadUnit,
    "SigningKeyReads": MemoryReadUnit,
    "SigningKeyWrites": MemoryWriteUnit,
    "Store": MemoryStore,
    "TenantReads": MemoryReadUnit,
    "TenantWrites": MemoryWriteUnit,
    "WriteUnit": MemoryWriteUnit,
}


PORTS = ports_in(segops_auth.ports) | ports_in(segops_auth.ports.mail)


def test_every_port_has_a_memory_adapter() -> None:
    assert set(PORTS) == set(ADAPTERS)


def test_every_memory_adapter_is_of_a_port() -> None:
    adapters = {name for name in classes_in(segops_auth.adapters.memory) if name.startswith("Memory")}
    assert adapters == {adapter.__name__ for adapter in ADAPTERS.values()}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_has_every_method_of_its_port(name: str) -> None:
    methods = {method for method in dir(PORTS[name]) if not method.startswith("_")} - {"lifetime_s"}
    assert methods <= set(dir(ADAPTERS[name]))
