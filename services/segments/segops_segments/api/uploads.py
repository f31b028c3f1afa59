"""Lists of user ids as they are uploaded: JSON, NDJSON or CSV, read line by line."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Protocol

import orjson
from fastapi import Request

from segops_common.core.problems import Fault, MalformedRequest, UnsupportedMedia
from segops_common.web.request.body import parse_json, read_body
from segops_common.web.request.lines import lines_of, stream_body
from segops_common.web.request.validation import MAX_FAULTS, invalid
from segops_segments.domain.static_list import user_id_fault

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
_JSON: Final = "application/json"
HEADER: Final = object()
_COLUMN: Final = "user_id"
_BOM: Final = b"\xef\xbb\xbf"


class NotAnId(Exception):
    """A line holds no user id; `code` and `detail` as in a fault."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Format(Protocol):
    def read(self, line: bytes) -> object:
        """What the line gives as a user id, or `HEADER`. Raises NotAnId."""
        ...


class _Ndjson:
    """A JSON string a line, or an object with a user_id."""

    def read(self, line: bytes) -> object:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise NotAnId("malformed-json", "not JSON in UTF-8") from None
        if type(value) is not dict:
            return value
        if value.keys() != {_COLUMN}:
            raise NotAnId("unknown-field", "an object has a user_id and nothing else")
        return value[_COLUMN]


class _Csv:
    """RFC 4180, a record a line: a header with a column user_id, or one column with or without that header."""

    def __init__(self) -> None:
        self._column: int | None = None

    def read(self, line: bytes) -> object:
        cells = _cells(line)
        if self._column is None:
            if _COLUMN in cells:
                self._column = cells.index(_COLUMN)
                return HEADER
            if len(cells) > 1:
                raise NotAnId("missing", "the first line of several columns names them, one of them user_id")
            self._column = 0
        if self._column >= len(cells):
            raise NotAnId("missing", "the line has no such column")
        return cells[self._column]


def _cells(line: bytes) -> list[str]:
    try:
        text = line.decode()
        return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise NotAnId("malformed-csv", "not a record of CSV in UTF-8") from None


async def uploaded_ids(request: Request) -> AsyncIterator[Sequence[str]]:
    """The ids of a body, some at a time. Raises UnsupportedMedia, and ValidationFailed once it was read to its end."""
    medium = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if medium == _JSON:
        yield _listed(parse_json(await read_body(request)))
    elif medium in (NDJSON, CSV):
        async for some in _lines(request, _Ndjson() if medium == NDJSON else _Csv()):
            yield some
    else:
        raise UnsupportedMedia(
            f"Send the list as {_JSON}, {NDJSON} or {CSV}.", headers={"Accept": f"{_JSON}, {NDJSON}, {CSV}"}
        )


def _listed(body: Any) -> list[str]:
    if type(body) is not dict or body.keys() != {"user_ids"} or type(body["user_ids"]) is not list:
        raise invalid([Fault("user_ids", "wrong-type", "the body is an object with a list of user_ids")])
    found: list[Fault] = []
    for index, value in enumerate(body["user_ids"]):
        if len(found) < MAX_FAULTS and (fault := user_id_fault(value)):
            found.append(Fault(f"user_ids[{index}]", *fault))
    if found:
        raise invalid(found)
    ids: list[str] = body["user_ids"]
    return ids


async def _lines(request: Request, form: _Format) -> AsyncIterator[list[str]]:
    """Ids up to the first fault; then the rest is read for more of them, and for its end."""
    found: list[Fault] = []
    number = 0
    async for lines in lines_of(stream_body(request)):
        if number == 0:
            lines[0] = lines[0].removeprefix(_BOM)
        ids = _read_lines(lines, number, form, found)
        number += len(lines)
        if len(found) >= MAX_FAULTS:
            break
        if ids and not found:
            yield ids
    if found:
        raise invalid(found[:MAX_FAULTS])
    if number == 0:
        raise MalformedRequest("The body is empty; send JSON with no user_ids for an empty list.", slug="empty-body")


def _read_lines(lines: list[bytes], before: int, form: _Format, found: list[Fault]) -> list[str]:
    ids: list[str] = []
    for number, line in enumerate(lines, before + 1):
        if not line:
            continue
        try:
            value = form.read(line)
        except NotAnId as refusal:
            found.append(_fault(number, refusal.code, refusal.detail))
            continue
        if value is HEADER:
            continue
        fault = user_id_fault(value)
        if fault is not None:
            found.append(_fault(number, *fault))
        elif isinstance(value, str):
            ids.append(value)
    return ids


def _fault(number: int, code: str, detail: str) -> Fault:
    return Fault(f"body[line {number}]", code, detail)
