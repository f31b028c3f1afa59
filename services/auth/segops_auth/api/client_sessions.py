"""The route with which a publishable key begins a session. Web pages call it from any origin: see `web/request/cors.py`."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from segops_auth.api.dependencies import ClientAddress, UseCases
from segops_auth.api.schemas.client_sessions import BeginSession, SessionBegun
from segops_common.contracts.http import AUTH_PREFIX, SESSION_PATH
from segops_common.security.credentials import split_authorization
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal
from segops_common.web.app import new_router
from segops_common.web.dependencies import require
from segops_common.web.request.charges import charged
from segops_common.web.request.route import READS_ONLY

SESSIONS: Final = "sessions"
"""The rate limits of this route, so that pages cannot use up what managing the tenant needs."""
router: APIRouter = new_router(prefix=AUTH_PREFIX, tags=["client-sessions"])


async def _publishable_key(
    request: Request, caller: Annotated[KeyPrincipal, require(Scope.EVENTS_WRITE, users=False)]
) -> str:
    """Return the key. Raises Forbidden for a secret key, and for a page whose origin the key does not list."""
    origin = request.headers.get("origin")
    if origin is not None:
        caller.require_page(origin)
    caller.require_session_key()
    return split_authorization(request.headers["authorization"])[1]


PublishableKey = Annotated[str, Depends(_publishable_key)]


@router.post(SESSION_PATH.removeprefix(AUTH_PREFIX), summary="Begin a session", openapi_extra=READS_ONLY)
@charged(SESSIONS)
async def begin_session(
    auth: UseCases, key: PublishableKey, address: ClientAddress, body: BeginSession
) -> SessionBegun:
    """Exchange a publishable key for a token that sends events for one user or visitor during 15 minutes.

    Ingestion stores every event of the session under `uid`, whatever id the event has. If the key requires signed user
    ids, a `user_id` needs the signature of your server, and the id of a visitor gets the prefix `anon_`. A session ends
    with its key. Nothing is stored, so the request can be repeated.
    """
    return SessionBegun.of(await auth.client_sessions.begin(key, body.claim, address=address))
