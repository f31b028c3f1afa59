"""Limits how much expensive work runs at once, so that one tenant's work does not block all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from segops_common.core.problems import RateLimited, Unavailable

MAX_OPEN_PER_TENANT: Final = 2
MAX_OPEN_PER_PROCESS: Final = 8
_RETRY_AFTER_S: Final = 1


class Admission:
    """Limits concurrent work in this process. Callers over the limit fail at once with 429 or 503.

    `work` names it for messages, in the plural.
    """

    def __init__(
        self,
        *,
        per_tenant: int = MAX_OPEN_PER_TENANT,
        per_process: int = MAX_OPEN_PER_PROCESS,
        work: str = "previews",
    ) -> None:
        self._work = work
        self._per_tenant = per_tenant
        self._per_process = per_process
        self._open: Counter[int] = Counter()

    @contextmanager
    def admitted(self, tenant_id: int) -> Iterator[None]:
        """Raise RateLimited when the tenant is at its limit, Unavailable (overloaded) when the process is."""
        if self._open[tenant_id] >= self._per_tenant:
            raise RateLimited(
                f"The tenant has {self._per_tenant} {self._work} open. Wait until one has ended.",
                retry_after_s=_RETRY_AFTER_S,
            )
        if self._open.total() >= self._per_process:
            raise Unavailable(f"Too many {self._work} are open.", retry_after_s=_RETRY_AFTER_S, slug="overloaded")
        self._open[tenant_id] += 1
        try:
            yield
        finally:
            self._open[tenant_id] -= 1
            if not self._open[tenant_id]:
                del self._open[tenant_id]
