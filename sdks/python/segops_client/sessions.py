"""Sessions: a client with a publishable key sends events with a token that belongs to one user."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Union

import httpx

SESSION_PATH = "/api/auth/session/"
RENEW_BEFORE_S = 60.0
"""How long before its end a session is renewed."""


@dataclass
class UserContext:
    """Who uses the program: a user, signed if the key requires it, or a visitor."""

    user_id: str | None = None
    anonymous_id: str | None = None
    user_id_sig: str | None = None
    user_id_ts: int | None = None


@dataclass(frozen=True)
class _Session:
    token: str
    renew_at: float

    @property
    def is_valid(self) -> bool:
        return time.time() < self.renew_at


_NONE = _Session("", 0.0)
GetUser = Callable[[], Union[UserContext, Mapping[str, Any]]]


class SessionFailed(httpx.HTTPError):
    """A session did not begin. Events wait, and another attempt follows."""


def sign_user_id(secret_hex: str, user_id: str, ts: int | None = None) -> dict[str, str | int]:
    """Sign the id of a user on your server, for a key that requires it. Return what `get_user` needs.

    `secret_hex` is the `hmac_secret` of the key. `ts` is in Unix seconds, by default now; a session must begin within 5
    minutes of it. Raises ValueError for a secret that is not hexadecimal, or an empty id.
    """
    if not user_id:
        raise ValueError("user_id must not be empty")
    try:
        secret = bytes.fromhex(secret_hex)
    except ValueError:
        secret = b""
    if not secret:
        raise ValueError("secret_hex must be the hmac_secret of a key, in hexadecimal")
    signed_at = int(time.time()) if ts is None else ts
    signature = hmac.new(secret, f"{user_id}|{signed_at}".encode(), hashlib.sha256).hexdigest()
    return {"user_id": user_id, "user_id_sig": signature, "user_id_ts": signed_at}


class SessionAuth(httpx.Auth):
    """Sends requests with the token of a session in place of the key.

    A session begins with the first request, a minute before the end of the previous one, and once after a 401. If it is
    refused, the refusal is the response.
    """

    def __init__(self, api_url: str, api_key: str, get_user: GetUser) -> None:
        self._url = api_url + SESSION_PATH
        self._key = api_key
        self._get_user = get_user
        self._session = _NONE

    def reset(self) -> None:
        """Begin another session with the next request, because the user has changed."""
        self._session = _NONE

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, after beginning a session if there is none, and repeat it once after a 401."""
        for _ in range(2):
            if not self._session.is_valid:
                answer = yield self._beginning()
                answer.read()
                if not self._began(answer):
                    return
            response = yield self._signed(request)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            self.reset()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Do the same without blocking."""
        for _ in range(2):
            if not self._session.is_valid:
                answer = yield self._beginning()
                await answer.aread()
                if not self._began(answer):
                    return
            response = yield self._signed(request)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            self.reset()

    def _beginning(self) -> httpx.Request:
        try:
            user = self._get_user()
            fields = asdict(user) if isinstance(user, UserContext) else dict(user)
        except Exception as error:
            raise SessionFailed(f"get_user raised {type(error).__name__}") from error
        body = {name: value for name, value in fields.items() if value is not None}
        return httpx.Request("POST", self._url, json=body, headers={"Authorization": f"ApiKey {self._key}"})

    def _began(self, answer: httpx.Response) -> bool:
        """Keep the session of a successful answer. Return whether there is one."""
        if answer.is_success:
            try:
                began = answer.json()
                end = datetime.strptime(began["expires_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
                self._session = _Session(str(began["token"]), end.timestamp() - RENEW_BEFORE_S)
            except (ValueError, KeyError, TypeError) as error:
                raise SessionFailed("The session cannot be read.") from error
            return True
        if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
            # These statuses would mean that the events are refused, and they would be dropped.
            answer.status_code = httpx.codes.FORBIDDEN
        return False

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._session.token}"
        return request


def session_auth(api_url: str, api_key: str, get_user: GetUser | None) -> SessionAuth | None:
    """Return what begins sessions, or None: a secret key and a client without `get_user` send the key itself."""
    return SessionAuth(api_url, api_key, get_user) if get_user is not None and api_key.startswith("pk_") else None
