"""Real engines for the whole test session: each starts when the first test asks for it and stops at the end."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from segops_local.engines import ClickHouseEngine, KafkaEngine, PostgresEngine, ValkeyEngine
from segops_local.engines.kafka_jars import missing
from segops_local.server import Server
from segops_local.stack import Stack
from segops_testkit.fork_server import ForkServer, fork_server
from tests.runtimes import Runtimes, installed, lacking
from tests.typescript_sdk import ROOT, TypescriptSdk, prepared


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """Where the session's engines keep their data; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="segops-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@asynccontextmanager
async def _running(engine: Server) -> AsyncIterator[None]:
    try:
        await engine.start()
        yield
    finally:
        await engine.stop()


@pytest.fixture(scope="session")
async def postgres_url(engines_folder: Path) -> AsyncIterator[str]:
    """`postgresql+asyncpg://…/segops`: an empty database, no migration was run."""
    engine = PostgresEngine(engines_folder / "postgres")
    async with _running(engine):
        yield engine.url


@pytest.fixture(scope="session")
async def redis_url(engines_folder: Path) -> AsyncIterator[str]:
    """`redis://…/0`; other tests use the same server, so a test names its own keys."""
    engine = ValkeyEngine(engines_folder / "valkey")
    async with _running(engine):
        yield engine.url


@pytest.fixture(scope="session")
async def clickhouse_url(engines_folder: Path) -> AsyncIterator[str]:
    """`http://segops:…@…/segops`: an empty database, no migration was run."""
    engine = ClickHouseEngine(engines_folder / "clickhouse")
    async with _running(engine):
        yield engine.url


@pytest.fixture(scope="session")
def kafka_possible() -> None:
    """Skips without Java and Maven; fails instead where SEGOPS_REQUIRE_KAFKA=1 says that they must be there."""
    lacking = missing()
    if lacking is not None and os.environ.get("SEGOPS_REQUIRE_KAFKA") == "1":
        pytest.fail(f"{lacking} SEGOPS_REQUIRE_KAFKA=1 forbids to skip.", pytrace=False)
    if lacking is not None:
        pytest.skip(lacking)


@pytest.fixture(scope="session")
async def kafka_bootstrap(engines_folder: Path, kafka_possible: None) -> AsyncIterator[str]:
    """host:port of a real broker, without topics."""
    engine = KafkaEngine(engines_folder / "kafka")
    async with _running(engine):
        yield engine.bootstrap


@asynccontextmanager
async def _standing(stack: Stack) -> AsyncIterator[None]:
    await stack.start()
    try:
        yield
    finally:
        await stack.stop()


@pytest.fixture(scope="session")
async def stack(engines_folder: Path) -> AsyncIterator[Stack]:
    """The whole product behind its gateway, with the event log on Valkey streams; shared, so a test makes its own tenant."""
    running = Stack(engines_folder / "stack")
    async with _standing(running):
        yield running


@pytest.fixture(scope="session")
async def kafka_stack(engines_folder: Path, kafka_possible: None) -> AsyncIterator[Stack]:
    """The same with the event log on a real Apache Kafka."""
    running = Stack(engines_folder / "kafka-stack", event_log="kafka")
    async with _standing(running):
        yield running


@pytest.fixture(scope="session")
async def forks() -> AsyncIterator[ForkServer]:
    """Starts Python programs without their imports: `forks.preload("segops_ingest.app")`, then `forks.start(...)`."""
    async with fork_server(ROOT) as server:
        yield server


@pytest.fixture(scope="session")
def typescript_sdk() -> TypescriptSdk:
    """The TypeScript SDK, installed and built."""
    return prepared()


@pytest.fixture(scope="session")
def runtimes(typescript_sdk: TypescriptSdk) -> Runtimes:
    """Where JavaScript runs beside the system's Node; skips on a system that they are not made for."""
    why = lacking()
    if why is not None:
        pytest.skip(why)
    return installed(typescript_sdk)
