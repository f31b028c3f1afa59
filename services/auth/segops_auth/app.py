"""The long-running roles of auth: the API."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI

from segops_auth.api import accounts, api_keys, client_sessions, internal, invites, recovery, sessions, tenants
from segops_auth.api.state import State
from segops_auth.bootstrap import Bootstrap
from segops_common.contracts.http import SESSION_PATH
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of
from segops_common.web.request.cors import Cors


def api_app(lifespan: Lifespan[State], metrics: Metrics | None = None) -> FastAPI:
    """Return the API. Internal routes are served, but not documented."""
    return create_app(
        title="SegOps auth",
        description="Accounts, sessions, tenants, members and API keys.",
        lifespan=lifespan,
        routers=[
            accounts.router,
            sessions.router,
            recovery.router,
            tenants.router,
            invites.router,
            api_keys.router,
            client_sessions.router,
            internal.router,
        ],
        tags=[
            {"name": "accounts", "description": "User accounts."},
            {"name": "sessions", "description": "Signing in and out."},
            {"name": "tenants", "description": "Organisations, their members and their audit logs."},
            {"name": "invites", "description": "Invites to tenants."},
            {"name": "api-keys", "description": "API keys of programs."},
            {"name": "client-sessions", "description": "Sessions in which pages and apps send events for one user."},
        ],
        metrics=metrics,
        around=partial(Cors, prefix=SESSION_PATH.rstrip("/")),
    )


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document. Needs no engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await bootstrap.serve_api(api_app(bootstrap.api, bootstrap.metrics))
