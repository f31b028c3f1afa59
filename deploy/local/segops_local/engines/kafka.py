"""Apache Kafka, one KRaft node, from jars that Maven downloads."""

import base64
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from segops_local.engines.kafka_jars import fetch, java
from segops_local.errors import LocalError
from segops_local.processes.host import child_environment
from segops_local.processes.process import Command, child_setup
from segops_local.processes.server import Server
from segops_local.state.ports import HOST, remembered_port

_STARTED = b"Kafka Server started"
# No forced flushes: acknowledged records are in the page cache, which survives kill -9 of the process.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.recovery.threads.per.data.dir=2
log.retention.hours=-1
# After kill -9 a broker waits until its previous session has expired, by default for 9 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
_LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


class KafkaEngine(Server):
    """One node that is broker and controller. Needs Java 17 and Maven. `url` is the event log's address."""

    name = "kafka"
    title = "Apache Kafka"
    ready_timeout_s = 120.0

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        super().__init__(state_dir, port)
        self._data = self.state_dir / "data"
        self._log_start = 0

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"

    @property
    def bootstrap(self) -> str:
        """The address for a Kafka client, as host:port."""
        return self.address(self.port)

    @property
    def storage_options(self) -> Sequence[str]:
        """Options for the creation of the storage, such as users with passwords."""
        return ("--standalone",)

    @property
    def cluster(self) -> str:
        """The id of the cluster that a new storage belongs to."""
        return f"A{base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')[1:]}"

    def settings(self, port: int) -> str:
        """Return the broker's properties. If one is given twice, the last counts."""
        controller = remembered_port(self.state_dir / "controller-port")
        data = str(self._data).replace("\\", "\\\\")
        return _PROPERTIES.format(host=HOST, port=port, controller=controller, data=data)

    def prepare(self) -> None:
        fetch()
        self.state_dir.chmod(0o700)
        (self.state_dir / "log4j2.properties").write_text(_LOGGING)
        if not (self._data / "meta.properties").exists():
            self._format()

    def command(self, port: int) -> Command:
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        return Command(
            argv=[*self._java("-Xms256m", "-Xmx512m"), "kafka.Kafka", str(self._configure(port))],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
            stop_timeout_s=30.0,
        )

    async def answers(self) -> bool:
        """Return whether the log says that the broker serves: it opens its port earlier."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return _STARTED in log.read()

    def _java(self, *options: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={(self.state_dir / 'log4j2.properties').as_uri()}"
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true"]
        return [str(java()), *options, *quick, logging, "-cp", f"{fetch()}/*"]

    def _configure(self, port: int) -> Path:
        file = self.state_dir / "server.properties"
        file.write_text(self.settings(port))
        return file

    def _format(self) -> None:
        config = self._configure(self._given_port or remembered_port(self.state_dir / "port"))
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", self.cluster]
        process = subprocess.run(
            [*self._java("-Xmx128m"), *tool, "-c", str(config), *self.storage_options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=child_environment(),
            check=False,
            start_new_session=True,
            preexec_fn=child_setup(None),
        )
        if process.returncode != 0:
            lines = process.stdout.decode(errors="replace").strip().splitlines() or ["no output"]
            raise LocalError(f"Kafka's storage in {self.state_dir} could not be created: {lines[-1]}")
