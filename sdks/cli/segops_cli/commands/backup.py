"""`segops backup` and `segops restore`: an installation in one file, and back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from segops_cli.api.login import SessionLogin
from segops_cli.bootstrap import connected
from segops_cli.clock import calendar
from segops_cli.commands.options import AsJson
from segops_cli.errors import CliError, ExitCode, usage
from segops_cli.output import say, say_json, warn

T = TypeVar("T")

File = Annotated[Path, typer.Argument(help="The file of the backup.")]
State = Annotated[
    Path | None, typer.Option(help="State folder of `make run`. The options below are for other installations.")
]
Postgres = Annotated[str | None, typer.Option(envvar="SEGOPS_BACKUP_POSTGRES_URL", help="PostgreSQL, as a superuser.")]
ClickHouse = Annotated[
    str | None,
    typer.Option(
        "--clickhouse-url", envvar="SEGOPS_BACKUP_CLICKHOUSE_URL", help="ClickHouse, as the owner of the tables."
    ),
]
Redis = Annotated[
    str | None, typer.Option(envvar="SEGOPS_BACKUP_REDIS_URL", help="The Redis that remembers deliveries.")
]
Secrets = Annotated[Path | None, typer.Option(help="Folder with api-key-pepper and jwt-private-key.pem.")]


def backup(
    file: File,
    state: State = None,
    postgres_url: Postgres = None,
    clickhouse_url: ClickHouse = None,
    redis_url: Redis = None,
    secrets: Secrets = None,
    as_json: AsJson = False,
) -> None:
    """Write PostgreSQL, ClickHouse, the memory of deliveries and the secrets to a file while the services run.

    Sign in as an owner first. The passphrase that encrypts the secrets is asked for, or read from standard input.
    """
    from segops_cli.backup.installation import read_secrets, running_stack
    from segops_cli.backup.taking import take

    source: AbstractAsyncContextManager[Any]
    if state is not None:
        source = running_stack(state)
    else:
        folder = _required(secrets, "--secrets")
        source = _given(postgres_url, clickhouse_url, redis_url, read_secrets(folder))

    async def run(api: Any) -> dict[str, Any]:
        async with source as installation:
            return await take(file, installation, api, passphrase, clock=calendar, say=warn)

    with connected() as api:
        if not isinstance(api.login, SessionLogin):
            raise CliError(
                "Only an owner sees when all events are stored.",
                ExitCode.ACCESS,
                advice="Sign in with `segops login --email EMAIL`.",
            )
        passphrase = _passphrase(confirm=True)
        facts = asyncio.run(run(api))
    if as_json:
        say_json({"file": str(file), **facts})
    else:
        say(f"The backup is in {file}: {file.stat().st_size:,} bytes. Only its secrets are encrypted: keep it private.")


def restore(
    file: File,
    state: State = None,
    postgres_url: Postgres = None,
    clickhouse_url: ClickHouse = None,
    redis_url: Redis = None,
    secrets: Secrets = None,
    as_json: AsJson = False,
) -> None:
    """Fill an empty installation with a backup, before its services start for the first time.

    With --state, the folder must be new: it is made, and `make run STATE=…` starts it afterwards.
    """
    from segops_cli.backup.installation import new_stack, write_secrets
    from segops_cli.backup.restoring import restore as restored

    def target(files: dict[str, str]) -> AbstractAsyncContextManager[Any]:
        if state is not None:
            return new_stack(state, files)
        write_secrets(_required(secrets, "--secrets"), files)
        return _given(postgres_url, clickhouse_url, redis_url, files)

    facts = asyncio.run(restored(file, target, _passphrase(confirm=False), clock=calendar, say=warn))
    if as_json:
        say_json(facts)
        return
    say(
        f"Restored {sum(facts['postgres'].values()):,} rows of PostgreSQL and {sum(facts['clickhouse'].values()):,} of ClickHouse."
    )
    if state is not None:
        say(f"Start it with `make run STATE={state}`.")


@asynccontextmanager
async def _given(
    postgres: str | None, clickhouse: str | None, redis: str | None, files: dict[str, str]
) -> AsyncIterator[Any]:
    from segops_cli.backup.installation import Installation

    yield Installation(
        postgres=_required(postgres, "--postgres-url"),
        clickhouse=_required(clickhouse, "--clickhouse-url"),
        redis=_required(redis, "--redis-url"),
        files=files,
    )


def _required(value: T | None, option: str) -> T:
    if value is None:
        raise usage(f"{option} must be given", "With `make run`, --state replaces all of these options.")
    return value


def _passphrase(*, confirm: bool) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise usage("the passphrase must be the first line of standard input")
    return line
