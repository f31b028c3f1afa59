"""Valkey as a cluster, and as a master with a replica and a Sentinel, from the program that `make run` uses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from segops_local.engines.access import sha256, valkey_users
from segops_local.engines.valkey import valkey_program
from segops_local.processes.host import child_environment
from segops_local.processes.probe import tcp_answer
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST, free_port
from segops_local.state.secrets import write_private

OPERATOR: Final = "segops"
PASSWORD: Final = "p@ss/word%1"
ENCODED: Final = "p%40ss%2Fword%251"
SLOTS: Final = 16_384
_READY_S: Final = 60.0


async def command(client: Redis, *words: str | int) -> Any:
    """Run a command that the driver has no method for."""
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


class ValkeyNode(Server):
    """A server whose options are given. Services sign in with the rules of `deploy/valkey/users.toml`."""

    name = "valkey"
    title = "Valkey"

    def __init__(self, state_dir: Path, *options: str) -> None:
        super().__init__(state_dir)
        self._options = options

    @property
    def url(self) -> str:
        return f"redis://{OPERATOR}:{ENCODED}@{self.address(self.port)}/0"

    def prepare(self) -> None:
        users = valkey_users()
        rules = {name: users.rules(name, on_cluster=True) for name in users.names} | {OPERATOR: "~* &* +@all"}
        lines = [f"user {name} on #{sha256(PASSWORD)} {rule}" for name, rule in rules.items()]
        write_private(self._users, "\n".join(["user default off", *lines]))

    def command(self, port: int) -> Command:
        return Command(
            argv=[str(valkey_program()), *self.arguments(port)],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
        )

    def arguments(self, port: int) -> Sequence[str]:
        own = ("--bind", HOST, "--port", str(port), "--dir", str(self.state_dir), "--aclfile", str(self._users))
        return (*own, "--save", "", *self._options)

    async def answers(self) -> bool:
        request = f"AUTH {OPERATOR} {PASSWORD}\r\nPING\r\nQUIT\r\n".encode()
        return b"+PONG" in await tcp_answer(HOST, self.port, request)

    @property
    def _users(self) -> Path:
        return self.state_dir / "users.acl"


class ClusterNode(ValkeyNode):
    """A node without slots."""

    def __init__(self, state_dir: Path) -> None:
        self.bus_port = free_port()
        options = ("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port), "--cluster-node-timeout", "2000")
        super().__init__(state_dir, *options, "--cluster-require-full-coverage", "no")


class ValkeySentinel(ValkeyNode):
    """A Sentinel that knows the master as `main` and alone decides that it is down."""

    def __init__(self, state_dir: Path, master: ValkeyNode) -> None:
        super().__init__(state_dir)
        self._master = master

    async def answers(self) -> bool:
        return self.log.exists() and b"+monitor master main" in self.log.read_bytes()

    def arguments(self, port: int) -> Sequence[str]:
        file = self.state_dir / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind {HOST}\ndir {self.state_dir}\n"
            f"user default off\nuser {OPERATOR} on #{sha256(PASSWORD)} ~* &* +@all\n"
            f"sentinel monitor main {HOST} {self._master.port} 1\n"
            f"sentinel auth-user main {OPERATOR}\nsentinel auth-pass main {PASSWORD}\n"
            "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n"
        )
        return (str(file), "--sentinel")


class ValkeyCluster:
    """Three masters that share the slots."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [ClusterNode(folder / f"node-{number}") for number in range(3)]

    def url_for(self, user: str) -> str:
        """Return the address of the cluster for a user; it names one node."""
        return f"redis+cluster://{user}:{ENCODED}@{HOST}:{self.nodes[0].port}"

    async def start(self) -> None:
        """Return when every node says that the cluster is complete."""
        await asyncio.gather(*(node.start() for node in self.nodes))
        clients = [Redis.from_url(node.url) for node in self.nodes]
        for number, client in enumerate(clients):
            share = SLOTS // len(clients)
            last = SLOTS - 1 if number == len(clients) - 1 else (number + 1) * share - 1
            await command(client, "CLUSTER", "ADDSLOTSRANGE", number * share, last)
        for node in self.nodes[1:]:
            await command(clients[0], "CLUSTER", "MEET", HOST, node.port, node.bus_port)
        async with asyncio.timeout(_READY_S):
            for client in clients:
                while b"cluster_state:ok" not in await command(client, "CLUSTER", "INFO"):
                    await asyncio.sleep(0.05)
        for client in clients:
            await client.aclose()

    async def stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))
