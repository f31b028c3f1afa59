"""`segops backup` and `segops restore`: an installation in one file, and back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from segops_cli.api.login import SessionLogin
from segops_cli.bootstrap import connected, private_authorities
from segops_cli.clock import calendar
from segops_cli.commands.options import AsJson
from segops_cli.errors import CliError, ExitCode, usage
from segops_cli.output import say, say_json, warn

if TYPE_CHECKING:
    from segops_cli.backup.installation import Installation

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
Secrets = Annotated[Path | None, typer.Option(help="Folder with the secrets on which data depend.")]

Erased = Annotated[
    Path | None,
    typer.Option("--suppressions", help="The newest list of `segops suppressions`, or a newer backup."),
]


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
        files = read_secrets(_required(secrets, "--secrets"))
        source = _with_secrets(_given(postgres_url, clickhouse_url, redis_url), files)

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


def suppressions(
    file: Annotated[Path, typer.Argument(help="A new file for the list.")],
    state: State = None,
    clickhouse_url: ClickHouse = None,
    as_json: AsJson = False,
) -> None:
    """Write the list of erased people to a file, for restores of earlier backups. It has keyed hashes, and no ids.

    Keep the newest list apart from the machines of the installation.
    """
    from segops_cli.backup import addresses
    from segops_cli.backup.installation import running_stack
    from segops_cli.backup.suppressions import save

    async def run() -> int:
        if state is None:
            return await save(file, url, private_authorities(), clock=calendar)
        async with running_stack(state) as installation:
            return await save(file, installation.clickhouse, installation.ca_file, clock=calendar)

    url = "" if state is not None else addresses.clickhouse_url(_required(clickhouse_url, "--clickhouse-url"))
    count = asyncio.run(run())
    if as_json:
        say_json({"file": str(file), "people": count})
    else:
        say(f"{file} has {count:,} erased {'person' if count == 1 else 'people'}.")


def restore(
    file: File,
    state: State = None,
    postgres_url: Postgres = None,
    clickhouse_url: ClickHouse = None,
    redis_url: Redis = None,
    secrets: Secrets = None,
    erased: Erased = None,
    as_json: AsJson = False,
) -> None:
    """Fill an empty installation with a backup, before its services start for the first time.

    With --state, the folder must be new: it is made, and `make run STATE=…` starts it afterwards. With --suppressions, people
    who were erased after the backup are erased again when the services start.
    """
    from segops_cli.backup.installation import check_new, new_stack
    from segops_cli.backup.restoring import restore as restored

    target: Callable[[dict[str, str]], AbstractAsyncContextManager[Any]]
    if state is not None:
        target = partial(new_stack, state)
    else:
        folder = _required(secrets, "--secrets")
        check_new(folder)
        target = partial(_with_secrets, replace(_given(postgres_url, clickhouse_url, redis_url), secrets=folder))

    if erased is None:
        warn(
            "People who were erased after the backup come back. Name the newest list to erase them again: --suppressions."
        )
    facts = asyncio.run(restored(file, target, _passphrase(confirm=False), clock=calendar, say=warn, erased=erased))
    if as_json:
        say_json(facts)
        return
    say(
        f"Restored {sum(facts['postgres'].values()):,} rows of PostgreSQL and {sum(facts['clickhouse'].values()):,} of ClickHouse."
    )
    if state is not None:
        say(f"Start it with `make run {_event_log_of(state)}STATE={state}`.")


def _event_log_of(state: Path) -> str:
    """Return the option of `make run` for the event log that the folder has."""
    return "KAFKA=1 " if (state / "event-log").read_text().strip() == "kafka" else ""


def _given(postgres: str | None, clickhouse: str | None, redis: str | None) -> Installation:
    """Return the engines of the options. Raises CliError before anything is asked or made."""
    from segops_cli.backup import addresses
    from segops_cli.backup.installation import Installation

    installation = Installation(
        postgres=_required(postgres, "--postgres-url"),
        clickhouse=addresses.clickhouse_url(_required(clickhouse, "--clickhouse-url")),
        redis=addresses.redis_url(_required(redis, "--redis-url")),
        ca_file=private_authorities(),
    )
    addresses.postgres_target(installation.postgres, installation.ca_file)
    addresses.trusted(installation.ca_file)
    return installation


def _with_secrets(installation: Installation, files: dict[str, str]) -> AbstractAsyncContextManager[Installation]:
    return nullcontext(replace(installation, files=files))


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
