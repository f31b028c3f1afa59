"""What a folder would change: compares files with the tenant, and asks who would enter and leave."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from segops_cli.code.files import Declared, SegmentFile
from segops_cli.code.order import in_order
from segops_cli.code.references import UnknownSegment, with_ids, with_names
from segops_cli.code.remote import DECLARABLE, People, Remote, Stored, checked_text
from segops_cli.errors import usage

Action = Literal["create", "change", "keep", "delete"]

_FIRST_UNKNOWN_ID: Final = 2**53
"""Ids from here on are of no segment: they represent those that the plan creates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens to one segment. `fields` has the changed fields with their values before and after."""

    action: Action
    name: str
    declared: Declared | None = None
    stored: Stored | None = None
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    text_diff: str = ""
    people: People | None = None
    note: str = ""

    @property
    def changes_definition(self) -> bool:
        """Whether members may change."""
        return bool(self.text_diff)


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, each after those that it depends on, and the segments that are in no file and stay."""

    steps: Sequence[Step]
    unmanaged: Sequence[str]

    @property
    def changes(self) -> list[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.action != "keep"]


class Planner:
    """Makes the plan of a folder."""

    def __init__(self, remote: Remote, files: Sequence[SegmentFile], *, prune: bool) -> None:
        self._remote = remote
        self._files = files
        self._prune = prune
        self._stored = {segment.name: segment for segment in remote.segments()}
        names = [file.declared.name for file in files]
        created = [name for name in names if name not in self._stored]
        self._ids = {segment.name: segment.segment_id for segment in self._stored.values()} | {
            name: _FIRST_UNKNOWN_ID + number for number, name in enumerate(created)
        }
        self._names = {segment_id: name for name, segment_id in self._ids.items()}
        self._changed: set[str] = set()

    def plan(self) -> Plan:
        """Return the plan. Raises CliError for a file that cannot be applied."""
        by_name = {file.declared.name: file for file in self._files}
        graph = {name: file.declared.references & by_name.keys() for name, file in by_name.items()}
        steps = [self._step(by_name[name]) for name in in_order(graph)]
        others = [segment for name, segment in self._stored.items() if name not in by_name]
        if not self._prune:
            return Plan(steps, [segment.name for segment in others])
        doomed = {segment.name: segment for segment in others if segment.segment_type in DECLARABLE}
        steps += [
            Step(action="delete", name=name, stored=doomed[name], people=_all_leave(doomed[name]))
            for name in reversed(in_order({name: self._referred(doomed[name]) for name in doomed}))
        ]
        return Plan(steps, [segment.name for segment in others if segment.name not in doomed])

    def _referred(self, segment: Stored) -> frozenset[str]:
        return frozenset(self._names[other] for other in segment.references if other in self._names)

    def _step(self, file: SegmentFile) -> Step:
        declared = file.declared
        try:
            described = checked_text(self._remote, str(file.path), self._as_sent(declared))
        except UnknownSegment as error:
            raise usage(f"{file.path}: no segment has the name {error.name!r}", "Add a file for it.") from None
        stored = self._stored.get(declared.name)
        if stored is None:
            return self._creation(declared, described.definition, self._named(described.text))
        if stored.segment_type != declared.segment_type:
            raise usage(f"{file.path}: the segment has the type {stored.segment_type!r}, which cannot change")
        fields = _different_fields(declared, stored)
        if described.definition == stored.definition:
            return Step(
                action="change" if fields else "keep", name=stored.name, declared=declared, stored=stored, fields=fields
            )
        before = self._remote.text_of(stored.definition)
        if before == described.text:
            return Step(
                action="change" if fields else "keep", name=stored.name, declared=declared, stored=stored, fields=fields
            )
        return self._change(declared, stored, fields, described.definition, (before, described.text))

    def _as_sent(self, declared: Declared) -> str:
        # A line feed is a space, so an error names the line of the file.
        return "\n" * (declared.first_line - 1) + with_ids(declared.text, self._ids)

    def _creation(self, declared: Declared, definition: dict[str, Any], text: str) -> Step:
        self._changed.add(declared.name)
        new = declared.references - self._stored.keys()
        people = None if new else self._remote.members_of(definition)
        return Step(
            action="create",
            name=declared.name,
            declared=declared,
            text_diff=_diff("", text),
            people=people,
            note=self._note(declared, new, people),
        )

    def _change(
        self,
        declared: Declared,
        stored: Stored,
        fields: Mapping[str, tuple[Any, Any]],
        definition: dict[str, Any],
        texts: tuple[str, str],
    ) -> Step:
        self._changed.add(declared.name)
        new = declared.references - self._stored.keys()
        people = None if new else self._remote.change_of(stored, definition)
        return Step(
            action="change",
            name=stored.name,
            declared=declared,
            stored=stored,
            fields=fields,
            text_diff=_diff(self._named(texts[0]), self._named(texts[1])),
            people=people,
            note=self._note(declared, new, people),
        )

    def _note(self, declared: Declared, new: frozenset[str], people: People | None) -> str:
        if new:
            return f"refers to {_list(new)}, which this plan creates: its members are known after that"
        if people is None:
            return "its members are not known yet: a segment was saved a moment ago"
        changed = declared.references & self._changed
        if changed:
            return f"refers to {_list(changed)}, which this plan changes: the numbers are those before that change"
        return ""

    def _named(self, text: str) -> str:
        return with_names(text, self._names)


def _list(names: frozenset[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _all_leave(stored: Stored) -> People:
    return People(
        before=stored.member_count,
        after=0,
        entering=0,
        entering_sample=(),
        leaving=stored.member_count,
        leaving_sample=(),
        incomplete=False,
    )


def _different_fields(declared: Declared, stored: Stored) -> dict[str, tuple[Any, Any]]:
    pairs: dict[str, tuple[Any, Any]] = {
        "description": (stored.description, declared.description),
        "refresh": (stored.refresh, declared.refresh),
        "tags": (sorted(stored.tags), sorted(declared.tags)),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
