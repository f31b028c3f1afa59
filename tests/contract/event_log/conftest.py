"""One engine of each kind for the whole suite: its tests kill it, so no other test shares it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_local.engines import KafkaEngine, ValkeyEngine
from tests.contract.event_log.harnesses import engine_folder


@pytest.fixture(scope="session")
async def own_valkey(engines_folder: Path) -> AsyncIterator[ValkeyEngine]:
    """A server that tests may kill; whoever does starts it again."""
    engine = ValkeyEngine(engine_folder(engines_folder, "valkey"))
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture(scope="session")
async def own_kafka(engines_folder: Path, kafka_possible: None) -> AsyncIterator[KafkaEngine]:
    """A broker that tests may kill; whoever does starts it again."""
    engine = KafkaEngine(engine_folder(engines_folder, "kafka"))
    await engine.start()
    yield engine
    await engine.stop()
