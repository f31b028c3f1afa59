"""Routes for the other services: with the service token, never behind the gateway, and not in the public document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from segops_common.security.introspect import require_service_token
from segops_common.web.app import new_router


class ServicesOnly:
    """Admits the holder of the service token, before the body is read."""

    def __init__(self, token: Callable[[Request], str]) -> None:
        self._token = token
        self.documented: dict[str, Any] = {}

    async def admit(self, request: Request) -> None:
        """Raises Unauthenticated."""
        require_service_token(request.headers.get("authorization"), self._token(request))

    async def __call__(self, request: Request) -> None:
        await self.admit(request)


def internal_router(token: Callable[[Request], str]) -> APIRouter:
    """A router that only services may use; `token` finds the service token in what the application holds."""
    return new_router(dependencies=[Depends(ServicesOnly(token))], include_in_schema=False)
