"""The ways in which a definition can be refused or warned about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LanguageFault:
    """An error or a warning about one part of a definition; `path` as in `definition.conditions[2].value`."""

    path: str
    code: str
    detail: str


class InvalidDefinition(Exception):
    """The input is not a valid definition; `faults` names each invalid part and never repeats its value."""

    def __init__(self, detail: str, faults: Sequence[LanguageFault]) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
