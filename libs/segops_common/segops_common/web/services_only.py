"""Routes for other services: they need the service token, are not behind the gateway, and are not documented publicly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from segops_common.security.introspect import require_service_token
from segops_common.web.app import new_router


class ServicesOnly:
    """Admits callers with the service token, before the body is read."""

    def __init__(self, token: Callable[[Request], str]) -> None:
        self._token = token
        self.documented: dict[str, Any] = {}

    async def admit(self, request: Request) -> None:
        """Raise Unauthenticated without the token."""
        require_service_token(request.headers.get("authorization"), self._token(request))

    async def __call__(self, request: Request) -> None:
        await self.admit(request)


def internal_router(token: Callable[[Request], str]) -> APIRouter:
    """Return a router for services only; `token` reads the expected service token from the application's state."""
    return new_router(dependencies=[Depends(ServicesOnly(token))], include_in_schema=False)
