"""Requests to an installation, as the user or key that signed in."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

from segops_cli.api.login import KeyLogin, Login, LoginStore, SessionLogin, with_tokens
from segops_cli.api.problems import not_segops, refused, unreachable
from segops_cli.clock import Clock

Json = Mapping[str, Any]

_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_ATTEMPTS: Final = 6
_MAX_WAIT_S: Final = 30.0
_WAIT_S: Final = 0.5
_WAIT_STATUSES: Final = frozenset({429, 502, 503, 504})
_EARLY_S: Final = 30
"""How long before its end an access token is replaced."""


@dataclass(slots=True)
class Api:
    """Sends requests to one installation. Use it with `with`, which closes its connections.

    A request that the server cannot take now is repeated after `Retry-After`. That is safe: a request that changes
    something carries an `Idempotency-Key`. `store` is None for a login that is not stored.
    """

    login: Login
    clock: Clock
    store: LoginStore | None = None
    _client: httpx.Client | None = None

    def __enter__(self) -> Self:
        self._client = httpx.Client(base_url=self.login.url, timeout=_TIMEOUT, headers={"User-Agent": "segops-cli"})
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def tenant(self) -> dict[str, int]:
        """What names the tenant in a query or a body. A key needs nothing: it belongs to one tenant."""
        return {"tenant": self.login.tenant} if isinstance(self.login, SessionLogin) else {}

    def get(self, path: str, **params: Any) -> Any:
        """Return the parsed response of a GET. Raises CliError."""
        return self.send("GET", path, params=params)

    def post(self, path: str, body: Json) -> Any:
        """Return the parsed response of a POST. Raises CliError."""
        return self.send("POST", path, json=body)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        params: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the parsed response, None if it is empty. Raises CliError unless it is a success."""
        response = self.respond(method, path, json=json, params=params, headers=headers)
        if not response.is_success:
            raise refused(response)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise not_segops(response) from None

    def respond(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        params: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the response, whatever its status. Raises CliError without one."""
        fields = {"Idempotency-Key": uuid.uuid4().hex, **(headers or {})} if method != "GET" else dict(headers or {})
        request = self._open.build_request(method, path, json=json, params=dict(params or {}), headers=fields)
        request.headers["Authorization"] = self._authorization()
        return self._patiently(request)

    @contextmanager
    def stream(self, path: str, *, params: Json, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a response that arrives in parts. Raises CliError unless it is a success."""
        fields = {"Authorization": self._authorization(), "Accept": "text/event-stream", **headers}
        try:
            with self._open.stream("GET", path, params=dict(params), headers=fields) as response:
                if not response.is_success:
                    response.read()
                    raise refused(response)
                yield response
        except httpx.HTTPError as error:
            raise unreachable(self.login.url, error) from error

    @property
    def _open(self) -> httpx.Client:
        if self._client is None:
            raise RuntimeError("use the API with `with`")
        return self._client

    def _patiently(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._open.send(request)
            except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
                raise unreachable(self.login.url, error) from error
            except httpx.HTTPError as error:
                if attempt == _ATTEMPTS:
                    raise unreachable(self.login.url, error) from error
                time.sleep(_WAIT_S)
                continue
            wait_s = _wait_s(response)
            if wait_s is None or attempt == _ATTEMPTS:
                return response
            time.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _authorization(self) -> str:
        if isinstance(self.login, KeyLogin):
            return f"ApiKey {self.login.api_key}"
        if self.clock() > self.login.expires_at - _EARLY_S:
            self.login = self._refreshed(self.login)
        return f"Bearer {self.login.access_token}"

    def _refreshed(self, login: SessionLogin) -> SessionLogin:
        if self.store is None:
            return self._exchanged(login)
        with self.store.alone():
            stored = self.store.read()
            if not isinstance(stored, SessionLogin) or stored.url != login.url or stored.email != login.email:
                return self._exchanged(login)
            if self.clock() > stored.expires_at - _EARLY_S:
                stored = self._exchanged(stored)
                self.store.write(stored)
            return stored

    def _exchanged(self, login: SessionLogin) -> SessionLogin:
        request = self._open.build_request(
            "POST", "/api/auth/token/refresh/", json={"refresh_token": login.refresh_token}
        )
        response = self._patiently(request)
        if not response.is_success:
            raise refused(response)
        return with_tokens(login, response.json(), self.clock())


def _wait_s(response: httpx.Response) -> float | None:
    """Return how long to wait before the request is repeated, None if it is not."""
    if response.status_code not in _WAIT_STATUSES:
        return None
    try:
        wait_s = float(response.headers.get("Retry-After", _WAIT_S))
    except ValueError:
        return None
    return wait_s if wait_s <= _MAX_WAIT_S else None
