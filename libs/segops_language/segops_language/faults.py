"""The ways in which a definition can be refused or warned about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Keys = tuple[int | str, ...]
_KEY: Final = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]")


def format_path(root: str, keys: Keys) -> str:
    """Return a path as `root.conditions[2].value`."""
    return root + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


def split_path(path: str) -> tuple[str, Keys]:
    """Return the root and the keys of a path; the inverse of `format_path`."""
    root = re.split(r"[.\[]", path, maxsplit=1)[0]
    return root, tuple(name or int(index) for name, index in _KEY.findall(path[len(root) :]))


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
