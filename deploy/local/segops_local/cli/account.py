"""The first account, created through the public API at the first run and kept for later runs."""

import json
import os
import secrets
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from segops_local.errors import LocalError
from segops_local.processes.probe import http
from segops_local.state.folder import StateFolder

_EMAIL = "demo@example.com"
_DEMO_TENANT = 1_000_000
_TENANT_IDS = "auth.tenants_id_seq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user who owns a tenant, and a key that may send events and read membership."""

    email: str
    password: str
    tenant_id: int
    api_key: str


async def first_account(url: str, state: StateFolder, *, postgres_url: str) -> Account:
    """Return the folder's account, signed up at the first call. Raises LocalError when the services refuse."""
    if state.account_file.exists():
        return _read(state)
    password = secrets.token_urlsafe(12)
    signup = {"email": _EMAIL, "password": password, "tenant_name": "Demo", "tenant_slug": "demo"}
    async with _demo_tenant_ids(postgres_url):
        signed_up = await _post(url, "/api/auth/signup/", signup)
    tenant_id = int(signed_up["tenant"]["id"])
    bearer = f"Bearer {signed_up['tokens']['access_token']}"
    key = await _post(url, "/api/auth/api-keys/", {"tenant": tenant_id, "name": "first key"}, bearer)
    account = Account(email=_EMAIL, password=password, tenant_id=tenant_id, api_key=str(key["key"]))
    _write(state, account)
    return account


def next_steps(url: str, account: Account) -> str:
    """Return the account and commands, ready to copy, that end in the user's segments."""
    json_type = '-H "Content-Type: application/json"'
    bearer, key = '-H "Authorization: Bearer $JWT"', f'-H "Authorization: ApiKey {account.api_key}"'
    event = {"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}
    viewed = {"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}
    segment = {
        "name": f"Visitors {secrets.token_hex(3)}",
        "tenant": account.tenant_id,
        "segment_type": "rule",
        "definition": {"logic": "AND", "conditions": [viewed]},
    }
    login = {"email": account.email, "password": account.password}
    create = _value_of(f"{url}/api/segments/ {bearer} {json_type} -d {_quoted(segment)}", "id")
    compute = _value_of(f"-X POST {url}/api/segments/$SEGMENT/compute/ {bearer}", "run_id")
    return "\n".join(
        [
            f"API key   {account.api_key}",
            f"Account   {account.email}   password {account.password}   tenant {account.tenant_id}",
            "Send an event, define a segment, compute it, ask for a user's segments:",
            f"  curl {url}/api/ingestion/track/ {key} {json_type} -d {_quoted(event)}",
            f"  JWT={_value_of(f'{url}/api/auth/token/ {json_type} -d {_quoted(login)}', 'access_token')}",
            f"  SEGMENT={create}",
            f"  RUN={compute}",
            f'  curl -sN "{url}/api/segments/$SEGMENT/runs/$RUN/events/" {bearer}',
            f'  curl "{url}/api/segments/membership/?user_id=user-123" {key}',
        ]
    )


def _value_of(request: str, field: str) -> str:
    """Return the shell expression for a field of the answer to a request."""
    return f"$(curl -s {request} | {shlex.quote(sys.executable)} -c 'import json, sys; print(json.load(sys.stdin)[\"{field}\"])')"


def _quoted(body: dict[str, Any]) -> str:
    return shlex.quote(json.dumps(body))


@asynccontextmanager
async def _demo_tenant_ids(postgres_url: str) -> AsyncIterator[None]:
    """Give the tenant that is created meanwhile a high id: the first person who signs up gets tenant 1."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""), timeout=15)
    try:
        await connection.execute(f"SELECT setval('{_TENANT_IDS}', {_DEMO_TENANT}, false)")
        try:
            yield
        finally:
            await connection.execute(
                f"SELECT setval('{_TENANT_IDS}', coalesce(max(id), 0) + 1, false)"  # noqa: S608
                f" FROM auth.tenants WHERE id < {_DEMO_TENANT}"
            )
    finally:
        await connection.close()


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
