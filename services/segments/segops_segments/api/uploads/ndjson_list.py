"""The user ids of an NDJSON upload: a string on each line, or an object with a `user_id`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Final

import orjson

from segops_common.web.request.lines import MAX_LINE_BYTES
from segops_segments.api.uploads.items import Item

_COLUMN: Final = "user_id"


class NdjsonList:
    """Reads the ids of an NDJSON upload. They are taken as they are, without trimming."""

    form: Final = "ndjson"
    encoding: Final = "utf-8"
    delimiter: Final = None
    heading: Final = None

    def __init__(self) -> None:
        self._rest = b""
        self._lines = 0

    def read(self, piece: bytes, *, is_last: bool = False) -> Iterator[Item]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if is_last:
            lines.append(self._rest)
        for line in lines:
            if not self._lines:
                line = line.removeprefix(codecs.BOM_UTF8)
            self._lines += 1
            if line.strip():
                yield self._item(line)
        if not is_last and len(self._rest) > MAX_LINE_BYTES:
            self._rest = b""
            yield Item(self._lines + 1, fault=("wrong-length", f"must not exceed {MAX_LINE_BYTES} bytes"))

    def _item(self, line: bytes) -> Item:
        if len(line) > MAX_LINE_BYTES:
            return Item(self._lines, fault=("wrong-length", f"must not exceed {MAX_LINE_BYTES} bytes"))
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return Item(self._lines, fault=("malformed-json", "must be JSON in UTF-8"))
        if type(value) is not dict:
            return Item(self._lines, value)
        if value.keys() != {_COLUMN}:
            fault = ("unknown-field", "must be a string, or an object with `user_id` and nothing else")
            return Item(self._lines, fault=fault)
        return Item(self._lines, value[_COLUMN])
