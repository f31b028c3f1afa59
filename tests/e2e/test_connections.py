"""The processes of a running stack connect to what ARCHITECTURE.md lists, which is what network policies allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import psutil

from scripts.manifests.processes import BY_NAME, EVENT_LOG, REDIS
from tests.e2e.people import patient_client, send, sign_up
from tests.shared.client import RunningStack, StackProcess

VALKEY = {REDIS.name, EVENT_LOG.name}
"""Both are one server on one machine."""


def ports_of(process: StackProcess) -> set[int]:
    """Return the ports on which a process listens."""
    names = ("SEGOPS_HTTP_PORT", "SEGOPS_INTERNAL_PORT")
    return {int(process.settings[name]) for name in names if name in process.settings}


def targets(processes: Mapping[str, StackProcess]) -> dict[int, set[str]]:
    """Return what listens on a port: engines or a process."""
    names = {"POSTGRES": {"postgres"}, "CLICKHOUSE": {"clickhouse"}, "REDIS": VALKEY, "EVENT_LOG": VALKEY}
    ports = {port: {name} for name, process in processes.items() for port in ports_of(process)}
    for process in processes.values():
        for engine, meaning in names.items():
            if address := process.settings.get(f"SEGOPS_{engine}_URL"):
                # The shards of a cluster are separated by commas.
                servers = urlsplit(re.sub(r"^[a-z+]+:", "http:", address)).netloc.rpartition("@")[2].split(",")
                ports |= {int(server.rpartition(":")[2]): meaning for server in servers}
    return ports


def connections_of(process: StackProcess, by_port: dict[int, set[str]]) -> set[frozenset[str]]:
    """Return what a process has connected to. What others have opened to it does not count."""
    own = ports_of(process)
    parts = psutil.Process(process.pid).net_connections(kind="tcp")
    opened = [part for part in parts if part.status == psutil.CONN_ESTABLISHED and part.laddr.port not in own]
    return {frozenset(by_port[part.raddr.port]) for part in opened if part.raddr.port in by_port}


async def test_processes_connect_as_documented(valkey_stack: RunningStack) -> None:
    processes = {name: valkey_stack.process(name) for name in BY_NAME}
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "ada", "event_type": "page_viewed"})
        await person.compute(await person.new_segment("all"))
        await person.ask("GET", f"/api/status/?tenant={person.tenant}", 200)
        by_port = targets(processes)
        connections = {name: connections_of(process, by_port) for name, process in processes.items()}
    for name, reached in connections.items():
        process = BY_NAME[name]
        documented = {*(engine.name for engine in process.uses), *process.calls}
        assert reached, f"{name} connects to nothing"
        assert [target for target in reached if not target & documented] == [], name
