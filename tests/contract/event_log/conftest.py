"""One engine of each kind for the whole suite: its tests kill it, so no other test shares it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_local.engines import ValkeyEngine
from tests.contract.event_log.harnesses import engine_folder
from tests.contract.event_log.secured_kafka import SecuredKafka
from tests.shared.certificates import Authority


@pytest.fixture(scope="session")
async def own_valkey(engines_folder: Path) -> AsyncIterator[ValkeyEngine]:
    """A server that tests may kill; whoever does starts it again."""
    engine = ValkeyEngine(engine_folder(engines_folder, "valkey"))
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signed the broker's certificate."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
async def own_kafka(engines_folder: Path, kafka_possible: None, authority: Authority) -> AsyncIterator[SecuredKafka]:
    """A broker that tests may kill; whoever does starts it again."""
    engine = SecuredKafka(engine_folder(engines_folder, "kafka"), keystore=authority.issue("127.0.0.1"))
    await engine.start()
    yield engine
    await engine.stop()
