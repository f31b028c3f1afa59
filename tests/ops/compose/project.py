"""Starts what compose.yaml names, in the order that it names, on the engines that the packages bring along."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import asyncpg
import yaml

from scripts.manifests.console import files_config
from scripts.manifests.envoy import program as envoy
from segops_local.engines import clickhouse_host
from segops_local.engines.postgres import _programs as postgres_folder
from segops_local.engines.valkey import valkey_program
from segops_local.gateway import pages
from segops_local.gateway.nginx import program as nginx
from tests.ops.compose.container import DEVICE, Form
from tests.shared.client import ROOT

COMPOSE: Final = ROOT / "deploy" / "compose"
ENGINES: Final = ("postgres", "valkey", "clickhouse")
_ENGINE_USER: Final = 65534
"""The images of the engines run their servers as users of their own; initdb wants one that the machine knows."""
_BRIDGE: Final = "segops0"
_START_S: Final = 180
# What a server needs that runs inside of a library; the image has its own.
_HOST_USER: Final = """<clickhouse>
  <profiles><host><max_sessions_for_user>1</max_sessions_for_user></host></profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>host</profile><quota>default</quota>
    <grants><query>GRANT SYSTEM LISTEN ON *.*</query><query>GRANT READ ON FILE</query>
      <query>GRANT CREATE TEMPORARY TABLE ON *.*</query></grants></default></users>
</clickhouse>"""
_USERS: Final = """<clickhouse>
  <profiles><default><implicit_select>0</implicit_select>
    <storage_file_read_method>pread</storage_file_read_method></default></profiles>
  <quotas><default/></quotas><users><default><password></password><profile>default</profile></default></users>
</clickhouse>"""
_SERVER: Final = """<clickhouse>
  <logger><console>true</console></logger><log-level>warning</log-level>
  <path>{data}/</path><users_config>users.xml</users_config>
  <listen_host>0.0.0.0</listen_host><http_port>8123</http_port>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
  </access_control_improvements>
</clickhouse>"""


class Project:
    """The containers of compose.yaml in a folder, with secrets made by `make secrets`. Run it in a network of its own."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        self._folder, self.secrets = folder, secrets
        self._document: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
        self._services: dict[str, dict[str, Any]] = self._document["services"]
        subnet = self._document["networks"]["default"]["ipam"]["config"][0]["subnet"]
        self._prefix = subnet.rpartition(".")[0]
        self.addresses = {name: f"{self._prefix}.{number}" for number, name in enumerate(self._services, start=2)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def up(self) -> None:
        """Start everything, as `docker compose up -d` does; return when all healthchecks pass."""
        self.up_to_migrations()
        self.up_processes()

    def up_to_migrations(self) -> None:
        """Start the engines, and bring the tables up to date."""
        for name in ENGINES:
            getattr(self, f"_start_{name}")()
        migrations = [name for name in self._services if name.endswith("-migrate")]
        for name in migrations:
            self._start(name)
        for name in migrations:
            code = self._running.pop(name).wait(_START_S)
            assert code == 0, f"{name} ended with {code}: {self.log(name)}"

    def up_processes(self) -> None:
        """Start what remains; the engines and the tables must be there."""
        others = [name for name in self._services if name not in ENGINES and not name.endswith("-migrate")]
        for name in others:
            self._start(name)
        for name in others:
            self._wait(name, lambda name=name: self._is_healthy(name))  # type: ignore[misc]

    @property
    def url(self) -> str:
        """The address of the gateway, which compose publishes on the machine."""
        return f"http://{self.addresses['segops-gateway']}:8000"

    @property
    def backup_addresses(self) -> dict[str, str]:
        """The variables of `segops backup`, as `make secrets` has written them."""
        return dict(line.split("=", 1) for line in (self.secrets / "backup.env").read_text().splitlines())

    def down(self) -> None:
        """Stop everything, the engines last."""
        for name in reversed(list(self._running)):
            process = self._running.pop(name)
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        """Return the end of what a container has written."""
        return (self._folder / f"{name}.log").read_text(errors="replace")[-3_000:]

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a container, as compose puts it together."""
        service = self._services[name]
        values: dict[str, str] = {}
        for file in service.get("env_file", ()):
            lines = self._place(file).read_text().splitlines()
            values |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        return values | {name: str(value) for name, value in service.get("environment", {}).items()}

    def _place(self, path: str) -> Path:
        return self.secrets / path.removeprefix("./secrets/") if path.startswith("./secrets/") else COMPOSE / path

    def make_network(self) -> None:
        """Make the network of the project, in which its names lead to the containers; also for this process."""
        hosts = "".join(f"{address} {name}\n" for name, address in self.addresses.items())
        (self._folder / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "link", "add", _BRIDGE, "type", "bridge"),
            ("ip", "address", "add", f"{self._prefix}.1/24", "dev", _BRIDGE),
            ("ip", "link", "set", _BRIDGE, "up"),
            ("mount", "--make-rprivate", "/"),
            ("mount", "--bind", str(self._folder / "hosts"), "/etc/hosts"),
        ):
            subprocess.run(command, check=True)

    def _start(self, name: str) -> None:
        service = self._services[name]
        files = {}
        for mount in service.get("volumes", ()):
            source, place, *_ = mount.split(":")
            if source.startswith("."):
                files[place] = str(self._place(source))
        self._run(name, self._argv(name), files=files, user=int(service["user"].partition(":")[0]))

    def _argv(self, name: str) -> list[str]:
        """Return what the image of the container starts."""
        image = re.split("[/:]", self._services[name]["image"])[1]
        if image == "gateway":
            config = str(ROOT / "deploy" / "gateway" / "envoy.json")
            return [str(envoy()), "--config-path", config, "--concurrency", "2", "--disable-hot-restart"]
        if image == "console":
            files = self._folder / "files"
            pages.publish(files, url="/")
            (files / "nginx.conf").write_text(files_config("default-src 'none'", folder=str(files), run="/var/run"))
            return [str(nginx()), "-p", "/tmp/", "-e", "stderr", "-c", str(files / "nginx.conf")]
        return [sys.executable, "-m", f"segops_{image}", *self._services[name].get("command", ["api"])]

    def _run(
        self,
        name: str,
        argv: list[str],
        *,
        files: Mapping[str, str],
        user: int,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        values = self.environment(name) if environment is None else dict(environment)
        form = Form(
            address=self.addresses[name],
            argv=argv,
            environment={"PATH": "/usr/bin:/bin", "HOME": "/tmp", **values},
            user=user,
            files=dict(files),
            folder=str(folder or "/"),
        )
        command = ["unshare", "--net", "--mount", sys.executable, "-m", "tests.ops.compose.container", str(form)]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        self._running[name] = process
        self._connect(name, process)

    def _connect(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Put one end of a line into the container's network, and tell the container that it is there."""
        end = f"so{self.addresses[name].rpartition('.')[2]}"
        own = os.stat("/proc/self/ns/net").st_ino
        while os.stat(f"/proc/{process.pid}/ns/net").st_ino == own:
            time.sleep(0.05)
        subprocess.run(("ip", "link", "delete", end), check=False, stderr=subprocess.DEVNULL)
        peer = ("peer", "name", DEVICE, "netns", str(process.pid))
        subprocess.run(("ip", "link", "add", end, "type", "veth", *peer), check=True)
        subprocess.run(("ip", "link", "set", end, "master", _BRIDGE, "up"), check=True)
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()

    def _start_postgres(self) -> None:
        data, environment = self._own("postgres"), self.environment("postgres")
        programs, user = postgres_folder(), _ENGINE_USER
        cluster = str(data / "cluster")
        if not (data / "cluster").exists():
            self._make_cluster(data, environment)
        settings = ("listen_addresses=*", "unix_socket_directories=", "dynamic_shared_memory_type=mmap")
        server = [str(programs / "postgres"), "-D", cluster]
        argv = [*server, *(word for setting in settings for word in ("-c", setting))]
        self._run("postgres", argv, files={}, user=user, environment={})
        self._wait("postgres", lambda: self._listens("postgres", 5432))
        if not (data / "done").exists():
            asyncio.run(self._run_script(environment))
            (data / "done").touch()

    def _make_cluster(self, data: Path, environment: Mapping[str, str]) -> None:
        programs, user = postgres_folder(), _ENGINE_USER
        cluster = str(data / "cluster")
        password = data / "password"
        password.write_text(environment["POSTGRES_PASSWORD"])
        os.chown(password, user, user)
        options = ("--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", "--locale=C")
        for argv, text in (
            ([str(programs / "initdb"), "-D", cluster, *options], ""),
            (
                [str(programs / "postgres"), "--single", "-D", cluster, "postgres"],
                f"CREATE DATABASE {environment['POSTGRES_DB']}\n",
            ),
        ):
            run = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *argv]
            subprocess.run(run, input=text.encode(), check=True, capture_output=True, cwd="/")
        with (data / "cluster" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")

    async def _run_script(self, environment: Mapping[str, str]) -> None:
        """Do what the image does with files in /docker-entrypoint-initdb.d."""
        connection = await asyncpg.connect(
            host=self.addresses["postgres"],
            user="postgres",
            password=environment["POSTGRES_PASSWORD"],
            database=environment["POSTGRES_DB"],
        )
        await connection.execute(self._place("./secrets/postgres-init.sql").read_text())
        await connection.close()

    def _start_valkey(self) -> None:
        service = self._services["valkey"]
        _, *options = service["command"]
        acl = {"/var/run/users.acl": str(self._place("./secrets/valkey-users.acl"))}
        # The folder of the image is not on this machine, so the file is mounted at another place.
        argv = [str(valkey_program()), *("/var/run/users.acl" if word.endswith(".acl") else word for word in options)]
        self._run("valkey", argv, files=acl, user=_ENGINE_USER, folder=self._own("valkey"))
        self._wait("valkey", lambda: self._listens("valkey", 6379))

    def _start_clickhouse(self) -> None:
        folder = self._own("clickhouse")
        (folder / "users.d").mkdir(exist_ok=True)
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
        os.chown(folder / "data", _ENGINE_USER, _ENGINE_USER)
        (folder / "config.xml").write_text(_SERVER.format(data=folder / "data"))
        (folder / "users.xml").write_text(_USERS)
        (folder / "users.d" / "segops.xml").write_text(self._place("./secrets/clickhouse-users.xml").read_text())
        (folder / "users.d" / "zz-host.xml").write_text(_HOST_USER)
        spec = importlib.util.find_spec("chdb")
        assert spec is not None
        assert spec.origin is not None
        library = str(Path(spec.origin).parent / "_chdb.abi3.so")
        argv = [sys.executable, "-I", "-S", str(clickhouse_host.__file__), library, str(folder / "data"), "HTTP=8123"]
        self._run("clickhouse", argv, files={}, user=_ENGINE_USER, folder=folder)
        self._wait("clickhouse", lambda: self._answers("clickhouse", 8123, "/ping"))

    def _own(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(mode=0o711, exist_ok=True)
        os.chown(folder, _ENGINE_USER, _ENGINE_USER)
        return folder

    def _is_healthy(self, name: str) -> bool:
        """Ask what the container's healthcheck asks, from outside; the gateway has none."""
        test = self._services[name].get("healthcheck", {}).get("test", [""])[-1]
        match = re.search(r"'127\.0\.0\.1', (\d+), .*'GET', '([^']+)'", test)
        port, path = (match[1], match[2]) if match else ("8000", "/healthz")
        return self._answers(name, int(port), path)

    def _answers(self, name: str, port: int, path: str) -> bool:
        connection = HTTPConnection(self.addresses[name], port, timeout=4)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _listens(self, name: str, port: int) -> bool:
        connection = HTTPConnection(self.addresses[name], port, timeout=4)
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def _wait(self, name: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_S
        while not holds():
            assert self._running[name].poll() is None, f"{name} ended: {self.log(name)}"
            assert time.monotonic() < deadline, f"{name} is not healthy: {self.log(name)}"
            time.sleep(0.2)
