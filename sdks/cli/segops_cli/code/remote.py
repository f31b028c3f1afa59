"""The segments of the tenant, and the questions about definitions, over the HTTP API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx

from segops_cli.api.client import Api
from segops_cli.errors import CliError, ExitCode, usage

_PAGE: Final = 1000
_ATTEMPTS: Final = 20
_PAUSE_S: Final = 0.5
DECLARABLE: Final = ("rule", "ai")
"""The types of segments that files describe. The members of a static one are an uploaded list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A segment as the installation has it."""

    segment_id: int
    name: str
    segment_type: str
    definition: dict[str, Any]
    description: str
    tags: tuple[str, ...]
    refresh: str
    version: int
    member_count: int
    references: frozenset[int]


@dataclass(frozen=True, slots=True)
class Described:
    """A definition in its stored form and as text."""

    definition: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who would enter and leave. The samples are not complete."""

    before: int
    after: int
    entering: int
    entering_sample: tuple[str, ...]
    leaving: int
    leaving_sample: tuple[str, ...]
    incomplete: bool


@dataclass(frozen=True, slots=True)
class Remote:
    """The segments of one tenant."""

    api: Api

    def segments(self) -> list[Stored]:
        """Return all segments, ascending by id."""
        return [_stored(row) for row in self._rows()]

    def describe(self, text: str) -> Described:
        """Return the definition of a text with ids. Raises CliError for a text without one."""
        body = self.api.post("/api/segments/describe/", {"text": text})
        return Described(body["definition"], body["text"])

    def text_of(self, definition: dict[str, Any]) -> str:
        """Return the text of a definition, with ids."""
        return str(self.api.post("/api/segments/describe/", {"definition": definition})["text"])

    def change_of(self, stored: Stored, definition: dict[str, Any]) -> People | None:
        """Return who would enter and leave if a segment had another definition, None if that is not known yet."""
        body = {"segment_id": stored.segment_id, "definition": definition}
        plan = self._settled("/api/segments/membership/plan/", body, version=stored.version)
        return (
            None
            if plan is None
            else People(
                before=plan["before"]["count"],
                after=plan["after"]["count"],
                entering=plan["entering"]["count"],
                entering_sample=tuple(plan["entering"]["sample"]),
                leaving=plan["leaving"]["count"],
                leaving_sample=tuple(plan["leaving"]["sample"]),
                incomplete=plan["incomplete"],
            )
        )

    def members_of(self, definition: dict[str, Any]) -> People | None:
        """Return who would enter a new segment, None if that is not known yet."""
        preview = self._settled("/api/segments/preview/", {**self.api.tenant, "definition": definition})
        if preview is None:
            return None
        count = preview["matched_users"]
        return People(
            before=0,
            after=count,
            entering=count,
            entering_sample=tuple(preview["sample_user_ids"]),
            leaving=0,
            leaving_sample=(),
            incomplete=preview["incomplete"],
        )

    def find(self, text: str) -> int:
        """Return the id of the segment with this id or name. Raises CliError."""
        if text.isascii() and text.isdigit():
            return int(text)
        ids = [segment.segment_id for segment in self.segments() if segment.name == text]
        if not ids:
            raise usage(f"no segment has the name {text!r}", "Use the exact name, or the number of the segment.")
        return ids[0]

    def _settled(self, path: str, body: dict[str, Any], *, version: int = 0) -> dict[str, Any] | None:
        """Return an evaluation that knows the segments as they are stored, None after some seconds without one.

        A segment that was saved a moment ago is evaluated as before, or is not found.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE_S)
            try:
                answer: dict[str, Any] = self.api.post(path, body)
            except CliError as error:
                if not _is_too_early(error):
                    raise
                continue
            if answer.get("version", version) >= version:
                return answer
        return None

    def _rows(self) -> Iterator[dict[str, Any]]:
        params: dict[str, Any] = {**self.api.tenant, "limit": _PAGE}
        while True:
            page = self.api.get("/api/segments/", **params)
            yield from page["results"]
            if page["next_cursor"] is None:
                return
            params["cursor"] = page["next_cursor"]


def _is_too_early(error: CliError) -> bool:
    """Return whether the request named a segment that is not found. The plan names only segments that exist."""
    problem = error.problem or {}
    faults = problem.get("errors") or ()
    return problem.get("status") == httpx.codes.NOT_FOUND or any(
        str(fault.get("path")).endswith("segment_id") for fault in faults
    )


def checked_text(remote: Remote, place: str, text: str) -> Described:
    """Return the definition of a file's text. Raises CliError that names the file."""
    try:
        return remote.describe(text)
    except CliError as error:
        if error.code is not ExitCode.REFUSED:
            raise
        raise CliError(f"{place}: {error.message}", ExitCode.USAGE, problem=error.problem) from None


def _stored(row: dict[str, Any]) -> Stored:
    return Stored(
        segment_id=row["id"],
        name=row["name"],
        segment_type=row["segment_type"],
        definition=row["definition"],
        description=row["description"],
        tags=tuple(row["tags"]),
        refresh=row["refresh"],
        version=row["version"],
        member_count=row["member_count"],
        references=frozenset(row["references"]),
    )
