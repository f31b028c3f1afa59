"""The long-running roles of membership: the API and the compute worker."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of
from segops_membership.api.activations.activations import router as activations
from segops_membership.api.analysis import documented
from segops_membership.api.analysis import router as analysis
from segops_membership.api.analytics import router as analytics
from segops_membership.api.changes import router as changes
from segops_membership.api.explain import router as explain
from segops_membership.api.explorer.events import router as explorer_events
from segops_membership.api.explorer.stream import router as explorer_stream
from segops_membership.api.explorer.users import router as explorer_users
from segops_membership.api.exports import router as exports
from segops_membership.api.identity import router as identity
from segops_membership.api.internal import router as internal
from segops_membership.api.lookup import router as lookup
from segops_membership.api.members import router as members
from segops_membership.api.privacy.retention import router as retention
from segops_membership.api.privacy.routes import router as privacy
from segops_membership.api.status import router as status
from segops_membership.bootstrap import Bootstrap
from segops_membership.service.use_cases import UseCases


def api_app(lifespan: Lifespan[UseCases], metrics: Metrics | None = None) -> FastAPI:
    """Return the API."""
    return create_app(
        title="SegOps membership",
        description="Looks up the segments of a user and the members of a segment, now or at a past instant, and analyses"
        " definitions before they are saved.",
        lifespan=lifespan,
        routers=[
            lookup,
            explain,
            documented,
            analysis,
            changes,
            activations,
            members,
            exports,
            identity,
            explorer_users,
            explorer_events,
            explorer_stream,
            privacy,
            retention,
            analytics,
            status,
            internal,
        ],
        tags=[
            {"name": "membership", "description": "Membership lookups and their explanations."},
            {"name": "members", "description": "The members of a segment, and its size over time."},
            {"name": "changes", "description": "Users who enter and exit segments, in order."},
            {"name": "activations", "description": "Receivers to which changes of segments are sent."},
            {"name": "exports", "description": "Files with all members of a segment, written in the background."},
            {
                "name": "analysis",
                "description": "Previews and plans of definitions, and overlaps of segments.",
            },
            {"name": "identity", "description": "Which users are one person."},
            {"name": "explorer", "description": "Users with their traits, events and segments, and stored events."},
            {"name": "privacy", "description": "Exports of all that is stored about a user, and erasures."},
            {"name": "analytics", "description": "Numbers of a tenant: members, events, overlaps and usage."},
            {"name": "status", "description": "How the platform does, for owners."},
        ],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document. Needs no engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await bootstrap.serve_api(api_app(bootstrap.api, bootstrap.metrics))


async def run_worker(bootstrap: Bootstrap) -> None:
    """Run the worker until SIGTERM. A job in progress is finished or left to the next owner."""
    async with bootstrap.worker() as worker:
        checks = {name: loop.check for name, loop in worker.loops.items()}
        loops = [
            *(loop.run for loop in worker.loops.values()),
            *(timer.run for timer in worker.timers),
            *worker.deliveries,
        ]
        await bootstrap.serve_worker("SegOps compute worker", checks=checks, loops=loops)
