"""Fixtures of the end-to-end suite, which runs on each event log."""

from __future__ import annotations

import pytest

from tests.shared.client import RunningStack


@pytest.fixture(scope="session", params=["valkey_stack", pytest.param("kafka_stack", marks=pytest.mark.kafka)])
def either_stack(request: pytest.FixtureRequest) -> RunningStack:
    """Return a running stack: once with Valkey streams as its event log, once with Apache Kafka."""
    stack: RunningStack = request.getfixturevalue(request.param)
    return stack
