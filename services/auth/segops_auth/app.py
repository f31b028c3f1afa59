"""The processes of auth: the API and the migrations."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI

from segops_auth.api import accounts, api_keys, internal, invites, tenants
from segops_auth.api.state import State
from segops_auth.bootstrap import MIGRATIONS, SERVICE, Bootstrap
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of
from segops_common.web.server import serve

_log = logging.getLogger(__name__)


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
    await serve(api_app(bootstrap.api, bootstrap.metrics), bootstrap.address)


async def run_migrations(bootstrap: Bootstrap) -> None:
    """Bring the schema up to date; safe to repeat."""
    done = await migrate_postgres(bootstrap.postgres_url, SERVICE, MIGRATIONS)
    _log.info("%d migrations were run", len(done))


async def are_migrations_pending(bootstrap: Bootstrap) -> bool:
    """Whether `migrate` has work to do in the schema."""
    pending = await migrate_postgres(bootstrap.postgres_url, SERVICE, MIGRATIONS, check=True)
    for revision in pending:
        _log.warning("pending: %s", revision)
    return bool(pending)
