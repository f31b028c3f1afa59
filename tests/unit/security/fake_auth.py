"""A stand-in for the auth service over ASGI: counts what it is asked, and can be down or slow."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from segops_common.contracts.http import INTROSPECT_PATH, JWKS_PATH, SESSION_KEY_PATH

SERVICE_TOKEN = "service-token"


class FakeAuth:
    """Answers from dictionaries; `asked` counts requests by what they ask for."""

    def __init__(self) -> None:
        self.jwks: list[dict[str, str]] = []
        self.keys: dict[str, dict[str, Any]] = {}
        self.session_keys: dict[str, dict[str, Any]] = {}
        self.users: dict[int, list[dict[str, Any]]] = {}
        self.ended_sessions: set[str] = set()
        self.requests: Counter[str] = Counter()
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self._app = Starlette(
            routes=[
                Route(JWKS_PATH, self._jwks),
                Route(INTROSPECT_PATH, self._introspect, methods=["POST"]),
                Route(SESSION_KEY_PATH, self._session_key, methods=["POST"]),
                Route("/internal/users/{user_id:int}/memberships/", self._memberships),
            ]
        )

    def transport(self) -> httpx.AsyncBaseTransport:
        """For the client of the authenticator."""
        return httpx.ASGITransport(app=self._app)

    async def _jwks(self, _request: Request) -> Response:
        self.requests["jwks"] += 1
        return Response(status_code=503) if self.down else JSONResponse({"keys": self.jwks})

    async def _introspect(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Service {SERVICE_TOKEN}"
        self.requests["key"] += 1
        key = self.keys.get((await request.json())["key"], {"active": False})
        await self.gate.wait()
        return Response(status_code=503) if self.down else JSONResponse(key)

    async def _session_key(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Service {SERVICE_TOKEN}"
        self.requests["session key"] += 1
        key = self.session_keys.get((await request.json())["key_hash"], {"active": False})
        return Response(status_code=503) if self.down else JSONResponse(key)

    async def _memberships(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Service {SERVICE_TOKEN}"
        self.requests["user"] += 1
        memberships = self.users.get(request.path_params["user_id"])
        if request.query_params.get("session") in self.ended_sessions:
            memberships = None
        if self.down:
            return Response(status_code=500)
        return Response(status_code=404) if memberships is None else JSONResponse({"memberships": memberships})
