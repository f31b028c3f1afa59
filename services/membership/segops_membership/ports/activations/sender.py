"""Requests to receivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request. `status_code` is None without an answer; then `error` says why.

    `retry_after_s` is what the receiver asked for by `Retry-After` (RFC 9110, section 10.2.3), None if it did not.
    """

    status_code: int | None
    duration_ms: int
    response: str = ""
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver has confirmed."""
        return self.status_code is not None and 200 <= self.status_code < 300


class Sender(Protocol):
    """Sends requests to addresses that are allowed, and to no others."""

    async def send(self, tenant_id: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request within 10 seconds. Never raises: what fails is an answer without a status."""
        ...
