"""The end-to-end suite runs on each event log."""

from __future__ import annotations

import pytest

from tests.shared.client import RunningStack


@pytest.fixture(scope="session", params=["valkey_stack", pytest.param("kafka_stack", marks=pytest.mark.kafka)])
def either_stack(request: pytest.FixtureRequest) -> RunningStack:
    """A running stack, once with its events on Valkey streams and once on Apache Kafka."""
    stack: RunningStack = request.getfixturevalue(request.param)
    return stack
