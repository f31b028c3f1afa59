"""How long a tenant keeps events, and what was removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from segops_language.lint.retention import Retention

MAX_DAYS: Final = 36_500
MAX_EVENT_TYPES: Final = 200
"""Event types with a retention of their own."""
NO_LIMIT: Final = Retention()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRetention:
    """The retention of a tenant, since when, and when events were last removed."""

    tenant_id: int
    retention: Retention = field(default_factory=Retention)
    changed_at: datetime | None = None
    applied_at: datetime | None = None
