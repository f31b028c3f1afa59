"""Requests to the internal routes of another service."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel

from segops_common.telemetry.tracing import continue_trace

T = TypeVar("T", bound=BaseModel)
_log = logging.getLogger(__name__)


class ServiceClient:
    """The base of clients of a service. Use it with `async with`, which closes its connections."""

    def __init__(
        self,
        *,
        url: str,
        service_token: str,
        timeout: float | httpx.Timeout,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`url` is the base address, `timeout` in seconds. `transport` replaces the network."""
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Service {service_token}"},
            event_hooks={"request": [continue_trace]},
            timeout=timeout,
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def _answer(self, path: str, request: BaseModel, answer: type[T], *, is_optional: bool = False) -> T | None:
        """Return the answer; None if the service is away, and for a 404 if the answer `is_optional`. Never raises."""
        try:
            response = await self._client.post(path, json=request.model_dump(mode="json"))
            if is_optional and response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            return answer.model_validate_json(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            _log.warning("%s does not answer %s: %r", self._client.base_url, path, error)
            return None
