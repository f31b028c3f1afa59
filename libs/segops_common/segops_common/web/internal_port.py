"""A port of its own for what only the installation may reach: `/internal/`, health and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from segops_common.contracts.http import JWKS_PATH

PROBES: Final = frozenset({"/livez", "/healthz", "/readyz", "/versions", "/metrics"})
_PREFIX: Final = "/internal/"


@dataclass(slots=True)
class InternalPort:
    """The internal port of a process. None: one port serves everything."""

    port: int | None = None

    def refuses(self, scope: Scope, path: str) -> bool:
        """Return whether the request came to the wrong port for this path. Services and clients both read the public keys."""
        if self.port is None or path == JWKS_PATH:
            return False
        is_internal = path in PROBES or path.startswith(_PREFIX)
        return is_internal is not (scope["server"][1] == self.port)
