"""Real engines for a run: PostgreSQL, ClickHouse and the stacks are shared by all test processes, see `tests/shared`."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.cluster.tables import DEFAULT_CLUSTER, create_shard_databases
from segops_local.engines import KafkaEngine, ValkeyEngine
from segops_local.engines.kafka_jars import missing_programs
from segops_local.processes.server import Server
from tests.node import ROOT
from tests.runtimes import Runtimes, installed, lacking
from tests.shared.client import RunningStack, Shared
from tests.shared.figures import pytest_terminal_summary
from tests.shared.fork_server import ForkServer, fork_server
from tests.shared.plugin import (
    SHARED,
    pytest_collection,
    pytest_collection_finish,
    pytest_configure,
    pytest_configure_node,
    pytest_runtest_teardown,
    pytest_unconfigure,
)
from tests.shared.scheduling import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.shared.times import (
    pytest_addoption,
    pytest_runtest_protocol,
    pytest_sessionfinish,
    pytest_testnodedown,
)
from tests.typescript_sdk import TypescriptSdk, prepared

# No test may depend on the speed of the machine.
hypothesis.settings.register_profile("segops", deadline=None)
hypothesis.settings.load_profile("segops")
__all__ = [
    "pytest_addoption",
    "pytest_collection",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_runtest_protocol",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_unconfigure",
    "pytest_xdist_make_scheduler",
]


@pytest.fixture(autouse=True)
def _needs_one_server(request: pytest.FixtureRequest) -> None:
    """Skips with `--cluster` what is about the statements or the tables of one server."""
    if request.config.getoption("cluster") and request.node.get_closest_marker("one_server"):
        pytest.skip("is about one server of ClickHouse")


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Shared:
    """What all test processes of the run share; each part starts when the first test asks for it."""
    return pytestconfig.stash[SHARED]


@pytest.fixture(scope="session")
def worker_database(pytestconfig: pytest.Config) -> str:
    """The name of this test process's database on each shared engine."""
    return f"segops_{getattr(pytestconfig, 'workerinput', {}).get('workerid', 'main')}"


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """Where engines of this test process keep their data; removed at the end."""
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
async def postgres_urls(shared: Shared, worker_database: str) -> dict[str, str]:
    """`postgresql+asyncpg://…/segops_…` for `superuser`, `owner` and each service: an empty database of this process."""
    urls = await asyncio.to_thread(shared.postgres)
    connection = await asyncpg.connect(urls["superuser"].replace("+asyncpg", ""))
    await connection.execute(f"CREATE DATABASE {worker_database} OWNER segops_owner")
    await connection.close()
    return {role: f"{url.rpartition('/')[0]}/{worker_database}" for role, url in urls.items()}


@pytest.fixture(scope="session")
def owner_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role that runs migrations."""
    return postgres_urls["owner"]


@pytest.fixture(scope="session")
def superuser_url(postgres_urls: dict[str, str]) -> str:
    """The database for the superuser, whom no policy stops: for tests that look at all rows."""
    return postgres_urls["superuser"]


@pytest.fixture(scope="session")
def postgres_url(owner_url: str) -> str:
    """The database for what a folder tests: tests of a service get it for the service's role."""
    return owner_url


@pytest.fixture(scope="session")
async def redis_url(engines_folder: Path) -> AsyncIterator[str]:
    """`redis://…/0`, a server of this test process: channels know no database number. A test names its own keys."""
    engine = ValkeyEngine(engines_folder / "valkey")
    async with _running(engine):
        yield engine.url


@pytest.fixture(scope="session")
async def clickhouse_url(pytestconfig: pytest.Config, shared: Shared, worker_database: str) -> str:
    """`http://segops:…@…/segops_…`: an empty database of this test process, no migration was run.

    With the option `--cluster`, it is on two shards.
    """
    name = "clickhouse_cluster" if pytestconfig.getoption("cluster") else "clickhouse"
    base = await asyncio.to_thread(shared.engine, name)
    url = f"{base.rpartition('/')[0]}/{worker_database}"
    clickhouse = ClickHouse(url=url)
    if clickhouse.is_cluster:
        await create_shard_databases(clickhouse, DEFAULT_CLUSTER)
    else:
        (server,) = clickhouse.servers("system")
        await server.command(f"CREATE DATABASE {worker_database}")
        await server.close()
    await clickhouse.close()
    return url


@pytest.fixture(scope="session")
def kafka_possible() -> None:
    """Skips without Java and Maven; fails instead where SEGOPS_REQUIRE_KAFKA=1 says that they must be there."""
    lacking = missing_programs()
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


@pytest.fixture(scope="session")
async def valkey_stack(pytestconfig: pytest.Config, shared: Shared) -> RunningStack:
    """The whole product behind its gateway, with the event log on Valkey streams. With `--cluster`, on two shards."""
    name = "cluster_stack" if pytestconfig.getoption("cluster") else "valkey_stack"
    return await asyncio.to_thread(shared.stack, name)


@pytest.fixture(scope="session")
async def kafka_stack(shared: Shared, kafka_possible: None) -> RunningStack:
    """The same with the event log on a real Apache Kafka."""
    return await asyncio.to_thread(shared.stack, "kafka_stack")


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
