"""Routes for other services: they need the service token, are not behind the gateway, and are not documented publicly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request

from segops_common.security.introspect import require_service_token
from segops_common.web.app import new_router


class ServicesOnly:
    """Admits callers with a service token, before the body is read."""

    def __init__(self, tokens: Callable[[Request], Sequence[str]]) -> None:
        self._tokens = tokens
        self.documented: dict[str, Any] = {}

    async def admit(self, request: Request) -> None:
        """Raise Unauthenticated without a token."""
        require_service_token(request.headers.get("authorization"), self._tokens(request))

    async def __call__(self, request: Request) -> None:
        await self.admit(request)


def internal_router(tokens: Callable[[Request], Sequence[str]]) -> APIRouter:
    """Return a router for services only; `tokens` reads the accepted service tokens from the application's state."""
    return new_router(dependencies=[Depends(ServicesOnly(tokens))], include_in_schema=False)
