"""The user ids of a CSV file: which column has them, and which delimiter separates the columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from segops_common.core.profile_ids import INVISIBLE, MAX_PROFILE_ID_CHARS, trimmed
from segops_segments.api.uploads.csv_text import CsvText, MalformedCsv, Record, cells_of
from segops_segments.api.uploads.items import Item

DELIMITERS: Final = (",", ";", "\t", "|")
HEADINGS: Final = ("userid", "distinctid", "externalid", "customerid", "profileid", "uid", "id")
"""Known names of the column, in small letters and without spaces, `_` and `-`. `user_id` in any spelling comes first."""
_IGNORED: Final = re.compile(f"[{re.escape(INVISIBLE)}_-]")
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_NO_HEADING: Final = (
    "must name the columns, one of them `user_id`. Add this heading, or send `?header=none` for a file with ids only"
)


class CsvList:
    """Reads the ids of a CSV upload. Without a header, each record is one id."""

    form: Final = "csv"

    def __init__(self, *, has_header: bool) -> None:
        self._text = CsvText()
        self._has_header = has_header
        self._is_first = True
        self._columns = 0
        self._column: int | None = None if has_header else 0
        self.delimiter: str | None = None
        self.heading: str | None = None

    @property
    def encoding(self) -> str:
        return self._text.encoding

    def read(self, piece: bytes, *, is_last: bool = False) -> Iterator[Item]:
        """Yield the ids of the records that end in this piece. Raises MalformedCsv, after which nothing can be read."""
        for record in self._text.feed(piece, is_last=is_last):
            if not trimmed(record.text):
                continue
            if self._is_first:
                _refuse_other_formats(record)
                self._is_first = False
            item = self._item(record)
            if item is not None:
                yield item

    def _item(self, record: Record) -> Item | None:
        if self._column is None:
            self._read_header(record)
            return None
        try:
            value = self._value(record, self._column)
        except MalformedCsv as error:
            return Item(error.line, fault=(error.code, error.detail))
        text = trimmed(value)
        if not text:
            return Item(record.line, fault=("blank", "must have a visible character"))
        return Item(record.line, text, is_trimmed=len(text) < len(value))

    def _value(self, record: Record, column: int) -> str:
        if not self._has_header:
            return _only_value(record)
        cells = cells_of(record, self.delimiter or ",")
        if column >= len(cells):
            raise MalformedCsv(record.line, "missing", f"must have a value in the column `{self.heading}`")
        if any(cells[self._columns :]):
            detail = f"must not have more values than the header, which has {self._columns}"
            raise MalformedCsv(record.line, "malformed-csv", detail)
        return cells[column]

    def _read_header(self, record: Record) -> None:
        named = _SEPARATOR.fullmatch(record.text)
        if named is not None and self.delimiter is None:
            self.delimiter = named[1]
            return
        for delimiter in DELIMITERS if self.delimiter is None else (self.delimiter,):
            cells = _headings(record, delimiter)
            column = _column_of(record, cells)
            if column is not None:
                self._column, self._columns, self.heading = column, len(cells), cells[column][:MAX_PROFILE_ID_CHARS]
                self.delimiter = delimiter
                return
        shown = ", ".join(f"`{heading[:40]}`" for heading in _seen_headings(record, self.delimiter)[:5])
        raise MalformedCsv(record.line, "missing-header", f"{_NO_HEADING}. The first line has {shown}")


def _headings(record: Record, delimiter: str) -> list[str]:
    """Return the names of the columns; empty if this cannot be the delimiter, because a quoted value goes on after it."""
    try:
        return [trimmed(cell) for cell in cells_of(record, delimiter)]
    except MalformedCsv:
        return []


def _seen_headings(record: Record, delimiter: str | None) -> list[str]:
    """Return the columns by the delimiter that gives most of them."""
    delimiters = DELIMITERS if delimiter is None else (delimiter,)
    return max((_headings(record, candidate) for candidate in delimiters), key=len)


def _column_of(record: Record, cells: list[str]) -> int | None:
    """Return the index of the column with the ids. Raises MalformedCsv if two columns may be it."""
    names = [_IGNORED.sub("", cell).casefold() for cell in cells]
    columns = [index for index, name in enumerate(names) if name in HEADINGS]
    preferred = [index for index in columns if names[index] == HEADINGS[0]]
    candidates = preferred or columns
    if len(candidates) > 1:
        shown = ", ".join(f"`{cells[index][:40]}`" for index in candidates[:5])
        raise MalformedCsv(record.line, "ambiguous-header", f"must name one column of ids only, not {shown}")
    return candidates[0] if candidates else None


def _only_value(record: Record) -> str:
    if '"' not in record.text and any(delimiter in record.text for delimiter in DELIMITERS):
        detail = "must be one id. Quote an id with a delimiter, or add a header that names the columns"
        raise MalformedCsv(record.line, "malformed-csv", detail)
    cells = cells_of(record, ",")
    if len(cells) > 1:
        raise MalformedCsv(record.line, "malformed-csv", "must be one id: add a header that names the columns")
    return cells[0]


def _refuse_other_formats(record: Record) -> None:
    start = trimmed(record.text)
    for mark, name in (("<", "HTML or XML"), ("{", "JSON"), ("[", "JSON"), ("PK\x03\x04", "a workbook or an archive")):
        if start.startswith(mark):
            raise MalformedCsv(record.line, "not-csv", f"must be CSV: this looks like {name}")
