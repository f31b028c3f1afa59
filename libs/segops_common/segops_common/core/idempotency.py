"""Idempotency keys: a repeated call with the same key is answered as the first one was, and done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """A call that carries a key. `scope` is the caller, the method and the path; `digest` the body."""

    scope: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the first call was answered; `body` is None when it was a secret, which is not kept."""

    status: int
    body: bytes | None


class IdempotencyStore(Protocol):
    """Remembers calls for a day."""

    async def reserve(self, call: IdempotentCall) -> StoredAnswer | None:
        """None when the call is the first and now in flight; else the stored answer.

        Raises Conflict (idempotency-in-progress) while the first is in flight, and ValidationFailed
        (idempotency-key-reused) for another body.
        """
        ...

    async def complete(self, call: IdempotentCall, answer: StoredAnswer) -> None:
        """Keep the answer of the call that was reserved."""
        ...

    async def release(self, call: IdempotentCall) -> None:
        """Forget a reserved call that did nothing."""
        ...
