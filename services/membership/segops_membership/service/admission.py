"""How many questions to the warehouse may be open at once, so that a tenant's do not hold up everybody's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from segops_common.core.problems import RateLimited, Unavailable

OPEN_OF_A_TENANT: Final = 2
OPEN_OF_A_PROCESS: Final = 8
_RETRY_AFTER_S: Final = 1


class Admission:
    """Counts what is open in this process; nobody waits, who is too many is told to come back."""

    def __init__(self, *, of_a_tenant: int = OPEN_OF_A_TENANT, of_a_process: int = OPEN_OF_A_PROCESS) -> None:
        self._of_a_tenant = of_a_tenant
        self._of_a_process = of_a_process
        self._open: Counter[int] = Counter()

    @contextmanager
    def admitted(self, tenant_id: int) -> Iterator[None]:
        """Raises RateLimited when the tenant has enough open, Unavailable (overloaded) when all have."""
        if self._open[tenant_id] >= self._of_a_tenant:
            raise RateLimited(
                f"The tenant has {self._of_a_tenant} previews open already.", retry_after_s=_RETRY_AFTER_S
            )
        if self._open.total() >= self._of_a_process:
            raise Unavailable("Too many previews are open.", retry_after_s=_RETRY_AFTER_S, slug="overloaded")
        self._open[tenant_id] += 1
        try:
            yield
        finally:
            self._open[tenant_id] -= 1
            if not self._open[tenant_id]:
                del self._open[tenant_id]
