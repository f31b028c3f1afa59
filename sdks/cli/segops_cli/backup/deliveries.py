"""The memory of deliveries in Redis: without it, a repeated event without a time of its own would count twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import redis

from segops_cli.backup.addresses import redis_url
from segops_cli.backup.archive import ArchiveReader, ArchiveWriter
from segops_cli.clock import Clock
from segops_cli.errors import CliError, ExitCode

MEMBER: Final = "redis/deliveries.ndjson"
_PATTERN: Final = "segops:stamp:*"
_PAGE: Final = 1000


@contextmanager
def connection(url: str, ca_file: Path | None) -> Iterator[redis.Redis]:
    """Connect to `redis://user:password@host:port/database`. Raises CliError, at once if Redis does not answer."""
    options: dict[str, Any] = {}
    if redis_url(url).startswith("rediss:"):
        options = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options |= {} if ca_file is None else {"ssl_ca_certs": str(ca_file)}
    try:
        with redis.Redis.from_url(url, **options) as server:
            server.ping()
            yield server
    except redis.RedisError as error:
        raise CliError(f"Redis cannot be used: {error}", ExitCode.UNAVAILABLE) from error


def check(url: str, ca_file: Path | None) -> None:
    """Raise CliError unless Redis answers."""
    with connection(url, ca_file):
        pass


def dump(url: str, ca_file: Path | None, archive: ArchiveWriter, clock: Clock) -> int:
    """Add all notes with the instants at which they expire; return their number."""
    count = 0
    with archive.member(MEMBER) as path, path.open("w") as file, connection(url, ca_file) as server:
        for key, value, left_ms in _notes(server):
            expires_ms = int(clock() * 1000) + left_ms
            file.write(json.dumps([key.decode(), value.decode(), expires_ms]) + "\n")
            count += 1
    return count


def load(url: str, ca_file: Path | None, archive: ArchiveReader, clock: Clock) -> int:
    """Write the notes that have not expired; return their number."""
    now_ms = int(clock() * 1000)
    count = 0
    with connection(url, ca_file) as server, archive.unpacked(MEMBER) as path, path.open() as file:
        pipeline = server.pipeline(transaction=False)
        for key, value, expires_ms in map(json.loads, file):
            if expires_ms > now_ms:
                pipeline.set(key, value, pxat=expires_ms)
                count += 1
            if len(pipeline) >= _PAGE:
                pipeline.execute()
        pipeline.execute()
    return count


def _notes(server: redis.Redis) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield each note that expires, with the milliseconds that are left. A note without an end is none of ours."""
    page: list[bytes] = []
    for key in server.scan_iter(match=_PATTERN, count=_PAGE):
        page.append(key)
        if len(page) == _PAGE:
            yield from _read(server, page)
            page = []
    yield from _read(server, page)


def _read(server: redis.Redis, keys: list[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    if not keys:
        return
    pipeline = server.pipeline(transaction=False)
    pipeline.mget(keys)
    for key in keys:
        pipeline.pttl(key)
    values, *left = pipeline.execute()
    entries: Iterator[tuple[bytes, Any, int]] = zip(keys, values, left, strict=True)
    for key, value, left_ms in entries:
        if isinstance(value, bytes) and left_ms > 0:
            yield key, value, left_ms
