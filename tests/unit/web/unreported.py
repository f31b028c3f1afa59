"""What the API of ingestion needs to refuse a request: a place for its report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class Unreported:
    """Takes reports of refusals, and keeps none."""

    def record(self, tenant_id: int, rejection: Any, count: int = 1) -> None:
        """See `Rejections`."""

    def record_of_key(self, key: str, rejection: Any) -> None:
        """See `Rejections`."""


def without_use_cases() -> SimpleNamespace:
    """Return the state of an app whose requests are refused before they need a use case."""
    return SimpleNamespace(auth=None, rejections=Unreported())
