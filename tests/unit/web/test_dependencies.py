"""What a request runs stays on the event loop."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from scripts.openapi import SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_is_handed_to_a_thread(service: str) -> None:
    # FastAPI runs a plain function in its pool: two changes of thread, which cost as much CPU as a whole lookup.
    calls = [call for route in _routes(service) for call in _calls(route.dependant)]
    assert len(calls) > 3
    assert [call for call in calls if not _is_coroutine_function(call)] == []


def _routes(service: str) -> list[APIRoute]:
    @asynccontextmanager
    async def never() -> Any:
        yield

    app = importlib.import_module(f"segops_{service}.app").api_app(never)
    return [route for route in app.routes if isinstance(route, APIRoute)]


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from _calls(dependency)


def _is_coroutine_function(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
