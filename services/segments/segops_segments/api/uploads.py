"""Reading an uploaded list of user ids, as JSON, NDJSON or CSV; NDJSON and CSV are read line by line."""

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
from segops_segments.api.schemas.static_lists import CSV, NDJSON
from segops_segments.domain.static_list import user_id_fault

_JSON: Final = "application/json"
_HEADER: Final = object()
_COLUMN: Final = "user_id"
_BOM: Final = b"\xef\xbb\xbf"


class InvalidLine(Exception):
    """The line does not have a user id; `code` and `detail` become the fault."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Format(Protocol):
    def read(self, line: bytes) -> object:
        """Return the user id in the line, not validated yet, or `_HEADER`. Raises InvalidLine."""
        ...


class _Ndjson:
    """A JSON string on each line, or an object with a user_id."""

    def read(self, line: bytes) -> object:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise InvalidLine("malformed-json", "must be JSON in UTF-8") from None
        if type(value) is not dict:
            return value
        if value.keys() != {_COLUMN}:
            raise InvalidLine("unknown-field", "must be a string, or an object with `user_id` and nothing else")
        return value[_COLUMN]


class _Csv:
    """RFC 4180, one record on each line. The header must name a column user_id; a single column needs no header."""

    def __init__(self) -> None:
        self._column: int | None = None

    def read(self, line: bytes) -> object:
        cells = _cells(line)
        if self._column is None:
            if _COLUMN in cells:
                self._column = cells.index(_COLUMN)
                return _HEADER
            if len(cells) > 1:
                raise InvalidLine("missing", "must name the columns, one of them `user_id`")
            self._column = 0
        if self._column >= len(cells):
            raise InvalidLine("missing", "must have a value in the column `user_id`")
        return cells[self._column]


def _cells(line: bytes) -> list[str]:
    try:
        text = line.decode()
        return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise InvalidLine("malformed-csv", "must be a CSV record in UTF-8") from None


async def uploaded_ids(request: Request) -> AsyncIterator[Sequence[str]]:
    """Yield the ids of the request body in portions.

    Raises UnsupportedMedia at once, and ValidationFailed after the whole body was read.
    """
    medium = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if medium == _JSON:
        yield _ids_of_json(parse_json(await read_body(request)))
    elif medium in (NDJSON, CSV):
        async for ids in _ids_of_lines(request, _Ndjson() if medium == NDJSON else _Csv()):
            yield ids
    else:
        raise UnsupportedMedia(
            f"The Content-Type must be {_JSON}, {NDJSON} or {CSV}.", headers={"Accept": f"{_JSON}, {NDJSON}, {CSV}"}
        )


def _ids_of_json(body: Any) -> list[str]:
    if type(body) is not dict or body.keys() != {"user_ids"} or type(body["user_ids"]) is not list:
        raise invalid([Fault("user_ids", "wrong-type", "must be a list, and the only field of the body")])
    faults: list[Fault] = []
    for index, value in enumerate(body["user_ids"]):
        if len(faults) < MAX_FAULTS and (fault := user_id_fault(value)):
            faults.append(Fault(f"user_ids[{index}]", *fault))
    if faults:
        raise invalid(faults)
    ids: list[str] = body["user_ids"]
    return ids


async def _ids_of_lines(request: Request, line_format: _Format) -> AsyncIterator[list[str]]:
    """Yield ids up to the first fault; then read on, for more faults and to the end of the body."""
    faults: list[Fault] = []
    number = 0
    async for lines in lines_of(stream_body(request)):
        if number == 0:
            lines[0] = lines[0].removeprefix(_BOM)
        ids = _read_lines(lines, number, line_format, faults)
        number += len(lines)
        if len(faults) >= MAX_FAULTS:
            break
        if ids and not faults:
            yield ids
    if faults:
        raise invalid(faults[:MAX_FAULTS])
    if number == 0:
        raise MalformedRequest(
            'The body must not be empty. To send an empty list, send the JSON {"user_ids": []}.', slug="empty-body"
        )


def _read_lines(lines: list[bytes], before: int, line_format: _Format, faults: list[Fault]) -> list[str]:
    """Return the valid ids and append the faults; `before` lines of the body were read earlier."""
    ids: list[str] = []
    for number, line in enumerate(lines, before + 1):
        if not line:
            continue
        try:
            value = line_format.read(line)
        except InvalidLine as refusal:
            faults.append(_line_fault(number, refusal.code, refusal.detail))
            continue
        if value is _HEADER:
            continue
        fault = user_id_fault(value)
        if fault is not None:
            faults.append(_line_fault(number, *fault))
        elif isinstance(value, str):
            ids.append(value)
    return ids


def _line_fault(number: int, code: str, detail: str) -> Fault:
    return Fault(f"body[line {number}]", code, detail)
