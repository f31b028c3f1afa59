"""The first account, created through the public API at the first run and kept for later runs."""

import json
import os
import secrets
import shlex
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from segops_local.errors import LocalError
from segops_local.processes.probe import http
from segops_local.state.folder import StateFolder

_EMAIL = "demo@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user who owns a tenant, and a key that may send events and read membership."""

    email: str
    password: str
    tenant_id: int
    api_key: str


async def first_account(url: str, state: StateFolder) -> Account:
    """Return the folder's account, signed up at the first call. Raises LocalError when the services refuse."""
    if state.account_file.exists():
        return _read(state)
    password = secrets.token_urlsafe(12)
    signup = {"email": _EMAIL, "password": password, "tenant_name": "Demo", "tenant_slug": "demo"}
    signed_up = await _post(url, "/api/auth/signup/", signup)
    tenant_id = int(signed_up["tenant"]["id"])
    bearer = f"Bearer {signed_up['tokens']['access_token']}"
    key = await _post(url, "/api/auth/api-keys/", {"tenant": tenant_id, "name": "first key"}, bearer)
    account = Account(email=_EMAIL, password=password, tenant_id=tenant_id, api_key=str(key["key"]))
    _write(state, account)
    return account


def next_steps(url: str, account: Account) -> str:
    """Return the key and three commands, ready to copy."""
    key, json_type = f'-H "Authorization: ApiKey {account.api_key}"', '-H "Content-Type: application/json"'
    event = '{"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}'
    login = shlex.quote(json.dumps({"email": account.email, "password": account.password}))
    return "\n".join(
        [
            f"API key   {account.api_key}",
            f"Account   {account.email}   password {account.password}   tenant {account.tenant_id}",
            "Send an event, get a token (for /api/segments/), ask for a user's segments:",
            f"  curl -X POST {url}/api/ingestion/track/ {key} {json_type} -d '{event}'",
            f"  curl -X POST {url}/api/auth/token/ {json_type} -d {login}",
            f'  curl "{url}/api/segments/membership/?user_id=user-123" {key}',
        ]
    )


def _read(state: StateFolder) -> Account:
    try:
        return Account(**json.loads(state.account_file.read_text()))
    except (OSError, ValueError, TypeError):
        raise LocalError(
            f"{state.account_file} is damaged: delete it and sign up by hand, or `make reset` to start afresh."
        ) from None


def _write(state: StateFolder, account: Account) -> None:
    descriptor = os.open(state.account_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(account), file)


async def _post(url: str, path: str, body: dict[str, Any], authorization: str | None = None) -> dict[str, Any]:
    address = urlsplit(url)
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    content = json.dumps(body).encode()
    answer = await http(
        "POST", str(address.hostname), int(address.port or 80), path, body=content, headers=headers, timeout_s=15
    )
    if answer.status != 201:
        detail = " ".join(answer.body.decode(errors="replace").split())[:300]
        raise LocalError(f"The first account could not be created: POST {path} returned {answer.status}: {detail}")
    result: dict[str, Any] = json.loads(answer.body)
    return result
