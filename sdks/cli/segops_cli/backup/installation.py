"""Where the engines and the secrets of an installation are."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from segops_cli.errors import CliError, ExitCode, usage

_SECRETS: Final = ("api-key-pepper", "jwt-private-key.pem")
_OPTIONAL_SECRETS: Final = ("suppression-key", "activation-key")
"""An installation that erases nobody, or has no activations, may do without."""
_LINE: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Addresses for the superuser of PostgreSQL, the owner of ClickHouse's tables, and the memory of deliveries.

    `files` are the secrets by the names that their places have below the folder of secrets or state. `secrets` is the
    folder that a restore makes for them, None if they are there. `ca_file` has certificates of private authorities.
    """

    postgres: str
    clickhouse: str
    redis: str
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Path | None = None
    ca_file: Path | None = None


@asynccontextmanager
async def running_stack(state: Path) -> AsyncIterator[Installation]:
    """Give the addresses of a stack of `make run` that runs. Raises CliError."""
    process = await _local("addresses", "--state", str(state))
    out, err = await process.communicate()
    if process.returncode != 0:
        raise usage(err.decode().strip() or f"{state} is no folder of `make run`", "Start it: `make run STATE=…`.")
    yield Installation(**json.loads(out))


@asynccontextmanager
async def new_stack(state: Path, files: Mapping[str, str]) -> AsyncIterator[Installation]:
    """Make a folder for `make run` with these secrets, and run only its engines meanwhile. Raises CliError."""
    process = await _local("engines", "--state", str(state))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(dict(files)).encode() + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        _, err = await process.communicate()
        raise usage(err.decode().strip().splitlines()[-1] if err.strip() else f"{state} cannot be used")
    try:
        yield Installation(**json.loads(line))
    finally:
        process.stdin.close()
        await process.wait()


def read_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets on which data depend, and the optional ones that are there. Raises CliError if one is missing."""
    names = (*_SECRETS, *(name for name in _OPTIONAL_SECRETS if (folder / name).exists()))
    try:
        return {f"secrets/{name}": (folder / name).read_text() for name in names}
    except OSError as error:
        raise usage(f"a secret cannot be read: {error}", f"The folder must have {' and '.join(_SECRETS)}.") from None


def check_new(folder: Path) -> None:
    """Raise CliError if there is something where the folder for the secrets will be."""
    if folder.exists() or folder.is_symlink():
        raise usage(f"{folder} exists", "Name a new folder for the secrets.")


def write_secrets(folder: Path, files: Mapping[str, str]) -> None:
    """Write the secrets into a new folder, for the processes of the installation. Raises CliError."""
    check_new(folder)
    try:
        folder.mkdir(mode=0o700, parents=True)
        for name, text in files.items():
            if name.startswith("secrets/"):
                file = folder / Path(name).name
                file.touch(mode=0o600)
                file.write_text(text)
    except OSError as error:
        raise usage(f"the secrets cannot be written: {error}", "Name another new folder for them.") from None


async def _local(*arguments: str) -> Any:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "segops_local",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE,
            start_new_session=True,
        )
    except OSError as error:
        raise CliError(f"`make run` is not installed here: {error}", ExitCode.USAGE) from error
