"""Idempotency keys with peppered digests: bodies contain passwords, which a plain fast hash would let an attacker guess."""

from __future__ import annotations

from dataclasses import replace

from segops_auth.service.secrets import Secrets
from segops_common.core.idempotency import IdempotencyStore, IdempotentCall, StoredAnswer


class PepperedIdempotency:
    """Hashes each digest of a body or of credentials with the pepper before another store gets it."""

    def __init__(self, *, store: IdempotencyStore, secrets: Secrets) -> None:
        self._store = store
        self._secrets = secrets

    async def reserve(self, call: IdempotentCall) -> StoredAnswer | None:
        return await self._store.reserve(self._peppered(call))

    async def complete(self, call: IdempotentCall, answer: StoredAnswer) -> None:
        await self._store.complete(self._peppered(call), answer)

    async def release(self, call: IdempotentCall) -> None:
        await self._store.release(self._peppered(call))

    def _peppered(self, call: IdempotentCall) -> IdempotentCall:
        scope = self._secrets.hash(call.scope) if call.holds_credentials else call.scope
        return replace(call, scope=scope, digest=self._secrets.hash(call.digest))
