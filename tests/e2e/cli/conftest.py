"""People who use `segops` on the shared stack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli.terminal import Terminal
from tests.e2e.people import PASSWORD, Person, patient_client, sign_up
from tests.shared.client import RunningStack


@pytest.fixture(scope="module")
async def client(valkey_stack: RunningStack) -> AsyncIterator[httpx.AsyncClient]:
    async with patient_client(valkey_stack.url) as client:
        yield client


@pytest.fixture(scope="module")
async def person(client: httpx.AsyncClient) -> Person:
    """Return the owner of a tenant for this file."""
    return await sign_up(client, "cli")


@pytest.fixture(scope="module")
async def key(person: Person) -> str:
    """Return a key of the tenant with all scopes of a key."""
    return str((await person.new_key())["key"])


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a terminal where nobody has signed in."""
    return Terminal(tmp_path / "config")


@pytest.fixture
async def owner(terminal: Terminal, valkey_stack: RunningStack, person: Person) -> Terminal:
    """Return a terminal where the owner has signed in."""
    await terminal.succeeds("login", "--url", valkey_stack.url, "--email", person.email, stdin=f"{PASSWORD}\n")
    return terminal


@pytest.fixture
async def server(terminal: Terminal, valkey_stack: RunningStack, key: str) -> Terminal:
    """Return a terminal with the tenant's key."""
    await terminal.succeeds("login", "--url", valkey_stack.url, "--key", stdin=f"{key}\n")
    return terminal
