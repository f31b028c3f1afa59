"""The event schemas of tenants, which the service of segments owns, and a copy of them that outlives a process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from segops_common.contracts.http import TenantSchemasMessage


class SchemasUnavailable(Exception):
    """The schemas cannot be read now."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Tenants whose schemas have changed, ascending by number, and the number of the latest change of all tenants."""

    tenants: Sequence[TenantSchemasMessage]
    last: int


class SchemaSource(Protocol):
    """Knows all schemas."""

    async def changes(self, after: int) -> Changes:
        """Return some of the tenants that changed after this number; 0 for all. Raises SchemasUnavailable."""
        ...


class SchemaCopy(Protocol):
    """Keeps the schemas of all tenants for processes that start while the source does not respond.

    Every method raises SchemasUnavailable.
    """

    async def load(self) -> Sequence[TenantSchemasMessage]:
        """Return the schemas of all tenants that have some."""
        ...

    async def save(self, tenants: Sequence[TenantSchemasMessage], *, replace: bool = False) -> None:
        """Keep these tenants' schemas, unless later ones are kept. With `replace`, forget what was kept before."""
        ...
