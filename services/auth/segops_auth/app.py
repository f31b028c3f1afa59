"""The long-running roles of auth: the API."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from segops_auth.api import accounts, api_keys, internal, invites, tenants
from segops_auth.api.state import State
from segops_auth.bootstrap import Bootstrap
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of


def api_app(lifespan: Lifespan[State], metrics: Metrics | None = None) -> FastAPI:
    """The HTTP interface over the given resources; what is internal is served and not documented."""
    return create_app(
        title="SegOps auth",
        description="Accounts, sessions, tenants, members and API keys.",
        lifespan=lifespan,
        routers=[accounts.router, tenants.router, invites.router, api_keys.router, internal.router],
        tags=[
            {"name": "accounts", "description": "People."},
            {"name": "sessions", "description": "Being signed in."},
            {"name": "tenants", "description": "Organisations, their members, and what was done in them."},
            {"name": "invites", "description": "Places offered to people."},
            {"name": "api-keys", "description": "Credentials of programs."},
        ],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without any engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await bootstrap.serve_api(api_app(bootstrap.api, bootstrap.metrics))
