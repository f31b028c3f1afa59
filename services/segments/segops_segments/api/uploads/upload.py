"""An upload of user ids in any format: read in portions, checked, and described for the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from fastapi import Request

from segops_common.contracts.http import MAX_KNOWN_USERS
from segops_common.core.problems import Fault, MalformedRequest, UnsupportedMedia
from segops_common.core.profile_ids import profile_id_fault
from segops_common.web.request.body import parse_json, read_body
from segops_common.web.request.lines import stream_body
from segops_common.web.request.validation import MAX_FAULTS, invalid
from segops_segments.api.schemas.static_lists import CSV, NDJSON, UploadUnderstood
from segops_segments.api.uploads.csv_list import CsvList
from segops_segments.api.uploads.csv_text import MalformedCsv
from segops_segments.api.uploads.items import Item, ListFormat
from segops_segments.api.uploads.ndjson_list import NdjsonList

_JSON: Final = "application/json"
FIRST_IDS: Final = 3


class Upload:
    """The list in a request's body. `understood` describes it when all ids are read."""

    def __init__(self, request: Request, *, has_header: bool) -> None:
        """Raise UnsupportedMedia for a Content-Type without a reader."""
        self._request = request
        self._trimmed = 0
        self._first: list[str] = []
        self._faults: list[Fault] = []
        medium = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._format: ListFormat | None = None
        if medium == CSV:
            self._format = CsvList(has_header=has_header)
        elif medium == NDJSON:
            self._format = NdjsonList()
        elif medium != _JSON:
            accepted = f"{_JSON}, {NDJSON}, {CSV}"
            raise UnsupportedMedia(
                f"The Content-Type must be {_JSON}, {NDJSON} or {CSV}.", headers={"Accept": accepted}
            )

    async def ids(self) -> AsyncIterator[Sequence[str]]:
        """Yield the ids in portions. Raises ValidationFailed for at most 20 faults, and MalformedRequest."""
        if self._format is None:
            user_ids = _ids_of_json(parse_json(await read_body(self._request)))
            self._first = user_ids[:MAX_KNOWN_USERS]
            yield user_ids
            return
        async for portion in self._streamed(self._format):
            self._first += portion[: MAX_KNOWN_USERS - len(self._first)]
            yield portion

    @property
    def sample(self) -> Sequence[str]:
        """The different ids among the first 1,000."""
        return list(dict.fromkeys(self._first))

    @property
    def understood(self) -> UploadUnderstood:
        """What was read, so that a person can see that the file was understood as meant."""
        form = self._format
        return UploadUnderstood.model_validate(
            {
                "format": "json" if form is None else form.form,
                "encoding": "utf-8" if form is None else form.encoding.removesuffix("-le").removesuffix("-be"),
                "delimiter": form and form.delimiter,
                "column": form and form.heading,
                "first_user_ids": self._first[:FIRST_IDS],
                "trimmed": self._trimmed,
            }
        )

    async def _streamed(self, form: ListFormat) -> AsyncIterator[list[str]]:
        """Yield ids up to the first fault; then read on for more faults."""
        lines = 0
        async for piece, is_last in _pieces(self._request):
            items = list(self._read(form, piece, is_last))
            lines += len(items)
            ids = [text for item in items if (text := self._id(item)) is not None]
            if len(self._faults) >= MAX_FAULTS:
                break
            if ids and not self._faults:
                yield ids
        if self._faults:
            raise invalid(self._faults[:MAX_FAULTS])
        if not lines and form.heading is None:
            raise MalformedRequest(
                'The body must not be empty. To send an empty list, send the JSON {"user_ids": []}.', slug="empty-body"
            )

    def _read(self, form: ListFormat, piece: bytes, is_last: bool) -> Iterator[Item]:
        try:
            yield from form.read(piece, is_last=is_last)
        except MalformedCsv as error:
            self._faults.append(_line_fault(error.line, error.code, error.detail))
            raise invalid(self._faults[:MAX_FAULTS]) from None

    def _id(self, item: Item) -> str | None:
        """Return the id if it is valid. Otherwise note the fault."""
        fault = item.fault or profile_id_fault(item.value)
        if fault is not None:
            if len(self._faults) < MAX_FAULTS:
                self._faults.append(_line_fault(item.line, *fault))
            return None
        self._trimmed += item.is_trimmed
        return str(item.value)


async def _pieces(request: Request) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield the pieces of the body, and an empty last one."""
    async for piece in stream_body(request):
        yield piece, False
    yield b"", True


def _ids_of_json(body: Any) -> list[str]:
    if type(body) is not dict or body.keys() != {"user_ids"} or type(body["user_ids"]) is not list:
        raise invalid([Fault("user_ids", "wrong-type", "must be a list, and the only field of the body")])
    faults: list[Fault] = []
    for index, value in enumerate(body["user_ids"]):
        if len(faults) < MAX_FAULTS and (fault := profile_id_fault(value)):
            faults.append(Fault(f"user_ids[{index}]", *fault))
    if faults:
        raise invalid(faults)
    ids: list[str] = body["user_ids"]
    return ids


def _line_fault(number: int, code: str, detail: str) -> Fault:
    return Fault(f"body[line {number}]", code, detail)
