"""The routers of the API, in the order of the OpenAPI document."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from segops_segments.api import (
    internal,
    representations,
    run_events,
    runs,
    segments,
    static_lists,
    validation,
    versions,
)
from segops_segments.api.event_schemas import routes as event_schemas

ROUTERS: Final[tuple[APIRouter, ...]] = tuple(
    module.router
    for module in (
        segments,
        validation,
        runs,
        versions,
        representations,
        static_lists,
        run_events,
        event_schemas,
        internal,
    )
)
