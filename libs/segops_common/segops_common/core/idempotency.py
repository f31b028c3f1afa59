"""Idempotency keys: a repeated call takes effect once and gets the first response again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """A call with a key. `scope` is the caller, the method and the path; `digest` identifies the body."""

    scope: str
    key: str
    digest: str
    holds_credentials: bool = False
    """Whether `scope` contains a digest of what an anonymous caller sent, such as a password."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The response to the first call. `body` is None when it contained a secret, which is not stored."""

    status: int
    body: bytes | None


class IdempotencyStore(Protocol):
    """Stores the responses of calls for a day."""

    async def reserve(self, call: IdempotentCall) -> StoredAnswer | None:
        """Reserve the key and return None for the first call; return the stored response for a later one.

        Raises Conflict (idempotency-in-progress) while the first call runs, and ValidationFailed
        (idempotency-key-reused) for a different body.
        """
        ...

    async def complete(self, call: IdempotentCall, answer: StoredAnswer) -> None:
        """Store the response to the reserved call."""
        ...

    async def release(self, call: IdempotentCall) -> None:
        """Free the key of a reserved call that had no effect. Has no effect once the response is stored."""
        ...
