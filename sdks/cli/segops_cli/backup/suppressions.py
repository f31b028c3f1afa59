"""The list of erased people: keyed hashes, which outlive a backup. A restored installation erases them again.

It is an archive with one table, so a newer backup can take its place.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from segops_cli.backup import clickhouse
from segops_cli.backup.archive import new_archive, read_archive
from segops_cli.clock import Clock
from segops_cli.errors import usage

_KEY: Final = "secrets/suppression-key"
_CHECKED: Final = b"the key of suppressions"


async def save(path: Path, url: str, ca_file: Path | None, *, clock: Clock) -> int:
    """Write the list to a new file; return how many people it has. Raises CliError."""
    async with clickhouse.connection(url, ca_file) as server:
        with new_archive(path) as archive:
            count = await clickhouse.dump_suppressions(server, archive)
            archive.finish({"taken_at": email.utils.formatdate(clock(), usegmt=True), "suppressions": count})
    return count


async def add(server: clickhouse.ClickHouse, path: Path, secrets: Mapping[str, str], tenants: Sequence[int]) -> None:
    """Add a list to a restored one; of each person, the newest state counts. Raises CliError for one with another key."""
    with read_archive(path) as archive:
        await clickhouse.add_suppressions(server, archive, tenants)
    if await clickhouse.suppression_keys(server) - {key_id(secrets)}:
        raise usage(
            f"the people in {path} were erased with another suppression key than the one of the backup",
            "Restore a backup that was made after the key was set, into another empty installation.",
        )


def key_id(secrets: Mapping[str, str]) -> str | None:
    """Return the digits that tell the key among the secrets from others, as services compute them; None without a key."""
    key = secrets.get(_KEY)
    if key is None:
        return None
    return hmac.digest(key.strip().encode(), _CHECKED, hashlib.sha256)[:16].hex()
