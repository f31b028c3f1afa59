"""The end-to-end suite runs on each event log."""

from __future__ import annotations

import pytest

from segops_local.stack import Stack


@pytest.fixture(scope="session", params=["stack", pytest.param("kafka_stack", marks=pytest.mark.kafka)])
def either_stack(request: pytest.FixtureRequest) -> Stack:
    """A running stack, once with its events on Valkey streams and once on Apache Kafka."""
    stack: Stack = request.getfixturevalue(request.param)
    return stack
