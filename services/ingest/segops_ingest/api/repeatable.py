"""Routes that may be repeated without a stored response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segops_common.web.request.route import TAKES_IDEMPOTENCY_KEY, StrictRoute


class RepeatableRoute(StrictRoute):
    """A route whose repetition stores nothing twice, so no response is kept for an Idempotency-Key."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        self.takes_idempotency_key = False
        self.openapi_extra = {
            name: value for name, value in (self.openapi_extra or {}).items() if name != TAKES_IDEMPOTENCY_KEY
        }
