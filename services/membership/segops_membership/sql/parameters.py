"""Bound parameters: the only way in which a value becomes part of a statement."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import xxhash

WAREHOUSE_MIN_MS: Final = -2_208_988_800_000
_WAREHOUSE_MAX_MS: Final = 10_413_791_999_999
"""The first and last instant of DateTime64(3): 1900 to 2299."""


def cut_instant(milliseconds: int) -> int:
    """Return the nearest instant that the warehouse can store; no event is outside of these."""
    return min(max(milliseconds, WAREHOUSE_MIN_MS), _WAREHOUSE_MAX_MS)


def select(columns: str, source: str, where: str = "", tail: str = "") -> str:
    """Return one SELECT. Its parts hold placeholders and names of our own, never a value."""
    return " ".join(("SELECT", columns, "FROM", source, *(("WHERE", where) if where else ()), tail)).rstrip()


class Bindings:
    """The parameters of one statement; equal values share one.

    `event_id` is SQL: what tells apart the events of one time and position, in the order of events. `shared` are definitions
    that the statement begins with.
    """

    def __init__(self, *, event_id: str = "message_id", shared: str = "") -> None:
        self.event_id = event_id
        self._given = shared
        self._names: dict[tuple[str, object], str] = {}
        self.values: dict[str, object] = {}
        self._shared: dict[str, str] = {}

    def share(self, expression: str) -> str:
        """Return a name for an expression that a statement repeats; the statement must begin with `definitions`."""
        return self._shared.setdefault(expression, f"s{len(self._shared)}")

    @property
    def definitions(self) -> str:
        """The WITH clause that defines the names returned by `share`; empty when there are none."""
        named = [f"({expression}) AS {name}" for expression, name in self._shared.items()]
        definitions = ", ".join([self._given, *named] if self._given else named)
        return f"WITH {definitions} " if definitions else ""

    def text(self, value: str) -> str:
        """Return a placeholder for a string."""
        return self._bind("String", value)

    def number(self, value: float) -> str:
        """Return a placeholder for a double."""
        return self._bind("Float64", repr(value))

    def integer(self, value: int) -> str:
        """Return a placeholder for a whole number of 64 bits."""
        return self._bind("UInt64" if value >= 0 else "Int64", value)

    def wide(self, value: int) -> str:
        """Return a constant of up to 256 bits, sign included."""
        return f"toInt256({self.text(str(value))})"

    def flag(self, value: bool) -> str:
        """Return a placeholder for a boolean."""
        return self._bind("Bool", "true" if value else "false")

    def instant(self, milliseconds: int) -> str:
        """Return a placeholder for a time, cut to what the warehouse can store."""
        return f"fromUnixTimestamp64Milli({self._bind('Int64', cut_instant(milliseconds))}, 'UTC')"

    def texts(self, values: list[str]) -> str:
        """Return a constant array of strings; as JSON, whose quoting every value survives."""
        return f"JSONExtract({self.text(json.dumps(values, ensure_ascii=False))}, 'Array(String)')"

    def keys(self, ids: Iterable[str]) -> str:
        """Return a placeholder for an array of the keys of profiles, ascending: XXH64 of their ids."""
        return self.key_numbers(xxhash.xxh64_intdigest(id.encode()) for id in ids)

    def key_numbers(self, numbers: Iterable[int]) -> str:
        """Return a placeholder for an array of keys, ascending."""
        keys = sorted(set(numbers))
        name = self._names.setdefault(("Array(UInt64)", tuple(keys)), f"p{len(self._names)}")
        self.values[name] = keys
        return f"{{{name}:Array(UInt64)}}"

    def profile_numbers(self, numbers: Iterable[int]) -> str:
        """Return a placeholder for an array of numbers of profiles, ascending."""
        values = sorted(set(numbers))
        name = self._names.setdefault(("Array(UInt32)", tuple(values)), f"p{len(self._names)}")
        self.values[name] = values
        return f"{{{name}:Array(UInt32)}}"

    def numbers(self, values: list[float]) -> str:
        """Return a constant array of doubles."""
        return f"JSONExtract({self.text(json.dumps(values))}, 'Array(Float64)')"

    def _bind(self, type_name: str, value: object) -> str:
        name = self._names.setdefault((type_name, value), f"p{len(self._names)}")
        self.values[name] = value
        return f"{{{name}:{type_name}}}"
