"""The text of a CSV upload: its encoding, and its records. RFC 4180, with any of `\\r\\n`, `\\n`, `\\r` as line end."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from segops_common.web.request.lines import MAX_LINE_BYTES

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LONGEST_BOM: Final = 3


class MalformedCsv(Exception):
    """The text breaks RFC 4180 or its encoding in this line, counted from 1."""

    def __init__(self, line: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.line = line
        self.code = code
        self.detail = detail


class Record(NamedTuple):
    """A record, which may span several lines, and the number of its first line."""

    line: int
    text: str


class CsvText:
    """Turns the bytes of an upload into records, however they are cut into pieces."""

    def __init__(self) -> None:
        self.encoding = "utf-8"
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._rest = ""
        self._lines = 0
        self._open: list[str] = []
        """The lines of a record whose last quoted value has not ended yet."""
        self._open_chars = 0

    def feed(self, piece: bytes, *, is_last: bool = False) -> Iterator[Record]:
        """Yield the records that end in this piece. Raises MalformedCsv."""
        text = self._rest + self._decoded(piece, is_last)
        if is_last and text and text[-1] not in "\r\n":
            text += "\n"
        # Only whole lines: in text without a line end, the pattern would search to the end from each character.
        lines = _LINE.findall(text[: max(text.rfind("\n"), text.rfind("\r")) + 1])
        # A line feed may follow in the next piece.
        if lines and not is_last and lines[-1].endswith("\r"):
            lines.pop()
        self._rest = text[sum(map(len, lines)) :]
        yield from self._records(lines)
        line = self._record_line() if self._open else self._lines + 1
        self._check_length(self._open_chars + len(self._rest), line)
        if is_last and self._open:
            raise MalformedCsv(self._record_line(), "malformed-csv", "must end the quoted value that begins here")

    def _decoded(self, piece: bytes, is_last: bool) -> str:
        if self._decoder is None:
            self._head += piece
            if len(self._head) < _LONGEST_BOM and not is_last:
                return ""
            piece = self._head
            for bom, encoding in _BOMS:
                if piece.startswith(bom):
                    self.encoding, piece = encoding, piece[len(bom) :]
                    break
            self._decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            return self._decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            line = self._lines + 1 + piece[: error.start].count(b"\n")
            detail = "must be UTF-8, or UTF-16 with a byte order mark"
            raise MalformedCsv(line, "malformed-csv", detail) from error

    def _records(self, lines: list[str]) -> Iterator[Record]:
        for line in lines:
            self._lines += 1
            ends = line.count('"') % 2 == bool(self._open)
            if self._open or not ends:
                self._open.append(line)
                self._open_chars += len(line)
            if not ends:
                self._check_length(self._open_chars, self._record_line())
                continue
            number = self._record_line()
            text = "".join(self._open) if self._open else line
            self._open, self._open_chars = [], 0
            yield Record(number, text.rstrip("\r\n"))

    def _record_line(self) -> int:
        return self._lines - max(0, len(self._open) - 1)

    def _check_length(self, length: int, line: int) -> None:
        if length > MAX_LINE_BYTES:
            raise MalformedCsv(line, "wrong-length", f"must not exceed {MAX_LINE_BYTES} characters")


def cells_of(record: Record, delimiter: str) -> list[str]:
    """Return the values of a record. Raises MalformedCsv."""
    if '"' not in record.text:
        return record.text.split(delimiter)
    try:
        return next(csv.reader([record.text], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        raise MalformedCsv(
            record.line, "malformed-csv", "must be a CSV record, with quotes around a whole value"
        ) from None
