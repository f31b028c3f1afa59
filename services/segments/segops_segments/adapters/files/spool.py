"""Uploads in an unnamed temporary file, which the system deletes with the process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

import orjson

from segops_segments.domain.static_list import PORTION_BYTES, message_bytes


class FileSpool:
    """See the port `Spool`. Writes one portion a line, as a JSON array."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._portion: list[str] = []
        self._size = 0
        self._lines = 0
        self.count = 0

    @property
    def parts(self) -> int:
        return max(1, self._lines + bool(self._portion))

    def add(self, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            self._portion.append(user_id)
            self._size += message_bytes(user_id)
            if self._size >= PORTION_BYTES:
                self._write_portion()
        self.count += len(user_ids)

    def portions(self) -> Iterator[Sequence[str]]:
        if self._portion or not self._lines:
            self._write_portion()
        self._file.seek(0)
        for line in self._file:
            yield orjson.loads(line)

    def _write_portion(self) -> None:
        self._file.write(orjson.dumps(self._portion) + b"\n")
        self._portion, self._size = [], 0
        self._lines += 1


@contextmanager
def file_spool() -> Iterator[FileSpool]:
    """Yield a spool in the system's folder for temporary files."""
    with TemporaryFile() as file:
        yield FileSpool(file)
