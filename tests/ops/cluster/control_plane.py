"""etcd, the API server, the scheduler, the controllers and kwok as processes of this machine, with TLS and RBAC."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from segops_local.processes.host import child_environment
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST, free_port
from tests.shared.certificates import Authority

STAGES: Final = Path(__file__).parent / "kwok.yaml"
USERS: Final[Mapping[str, tuple[str, str]]] = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", "system:masters"),
}
"""The user and the group in Kubernetes of each client."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the processes of a cluster share."""

    folder: Path
    programs: Path
    authority: Authority
    certificate: Path
    signing_key: Path

    @classmethod
    def made(cls, folder: Path, programs: Path) -> Plan:
        """Write certificates, keys and tokens into a new folder."""
        folder.mkdir(mode=0o700)
        authority = Authority(folder)
        signing_key = folder / "service-accounts.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        signing_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        # The folder is this user's only, and the cluster lives as long as a test.
        lines = [f'{name},{user},{name},"{group}"\n' for name, (user, group) in USERS.items()]
        (folder / "tokens.csv").write_text("".join(lines))
        return cls(folder, programs, authority, authority.issue(HOST), signing_key)

    def kubeconfig(self, name: str, port: int) -> Path:
        """Return a file with which a client signs in to the API server."""
        cluster = {"server": f"https://{HOST}:{port}", "certificate-authority": str(self.authority.ca_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "segops-test",
            "clusters": [{"name": "segops-test", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": name}}],
            "contexts": [{"name": "segops-test", "context": {"cluster": "segops-test", "user": name}}],
        }
        file = self.folder / f"{name}.kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file


class _Program(Server):
    """A program of the control plane."""

    ready_timeout_s = 120.0
    ready_poll_s = 0.2
    health = "/healthz"
    plain = False
    """Whether it answers without TLS."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.folder / self.name)
        self.title = self.name
        self.plan = plan

    @property
    def url(self) -> str:
        return f"{'http' if self.plain else 'https'}://{self.address(self.port)}"

    def command(self, port: int) -> Command:
        return Command(
            argv=[str(self.plan.programs / self.name), *self.options(port)],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
        )

    def options(self, port: int) -> Sequence[str]:
        """Return the arguments of the program."""
        raise NotImplementedError

    async def answers(self) -> bool:
        if self.plain:
            return (await http("GET", HOST, self.port, self.health)).status == 200
        return await asyncio.to_thread(_is_healthy, self.port, self.health, self.plan.authority.ca_file)

    def _tls(self, port: int) -> Sequence[str]:
        files = (f"--{name}={self.plan.certificate}" for name in ("tls-cert-file", "tls-private-key-file"))
        return (f"--bind-address={HOST}", f"--secure-port={port}", *files)


def _is_healthy(port: int, path: str, ca_file: Path) -> bool:
    connection = HTTPSConnection(HOST, port, timeout=5, context=ssl.create_default_context(cafile=str(ca_file)))
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Etcd(_Program):
    name = "etcd"
    health = "/health"
    plain = True

    def options(self, port: int) -> Sequence[str]:
        peer = f"http://{self.address(free_port())}"
        return (
            f"--data-dir={self.state_dir / 'data'}",
            f"--listen-client-urls=http://{self.address(port)}",
            f"--advertise-client-urls=http://{self.address(port)}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )


class ApiServer(_Program):
    name = "kube-apiserver"
    health = "/readyz"

    def __init__(self, plan: Plan, etcd: Etcd) -> None:
        super().__init__(plan)
        self._etcd = etcd

    def options(self, port: int) -> Sequence[str]:
        return (
            *self._tls(port),
            f"--etcd-servers={self._etcd.url}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self.plan.folder / 'tokens.csv'}",
            f"--service-account-issuer=https://{HOST}:{port}",
            f"--service-account-key-file={self.plan.signing_key}",
            f"--service-account-signing-key-file={self.plan.signing_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # There is one, on an address that no pod could reach.
            "--endpoint-reconciler-type=none",
        )


class _Client(_Program):
    """A program that works through the API server."""

    def __init__(self, plan: Plan, api: ApiServer) -> None:
        super().__init__(plan)
        self.kubeconfig = plan.kubeconfig(self.name, api.port)


class Scheduler(_Client):
    name = "kube-scheduler"

    def options(self, port: int) -> Sequence[str]:
        return (*self._tls(port), f"--kubeconfig={self.kubeconfig}", "--leader-elect=false")


class ControllerManager(_Client):
    name = "kube-controller-manager"

    def options(self, port: int) -> Sequence[str]:
        return (
            *self._tls(port),
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self.plan.signing_key}",
            f"--root-ca-file={self.plan.authority.ca_file}",
            "--horizontal-pod-autoscaler-sync-period=2s",
        )


class Kwok(_Client):
    name = "kwok"
    plain = True

    def options(self, port: int) -> Sequence[str]:
        return (
            f"--config={STAGES}",
            f"--kubeconfig={self.kubeconfig}",
            f"--server-address={self.address(port)}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
        )


@asynccontextmanager
async def control_plane(folder: Path, programs: Path) -> AsyncIterator[Path]:
    """Run a control plane without nodes; yield the file with which an administrator signs in."""
    plan = await asyncio.to_thread(Plan.made, folder, programs)
    async with AsyncExitStack() as running:

        async def start(program: _Program) -> None:
            running.push_async_callback(program.stop)
            await program.start()

        await start(etcd := Etcd(plan))
        await start(api := ApiServer(plan, etcd))
        for client in (ControllerManager(plan, api), Scheduler(plan, api), Kwok(plan, api)):
            await start(client)
        yield plan.kubeconfig("admin", api.port)
