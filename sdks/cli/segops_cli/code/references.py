"""References in the text of a definition: `segment "Name"` in files, `segment 42` for the API.

Names mean the same in every installation; ids do not. A definition's strings are left as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_BY_NAME: Final = re.compile(rf"{_STRING}|\bsegment\s+(?P<name>{_STRING})")
_BY_ID: Final = re.compile(rf"{_STRING}|\bsegment\s+(?P<id>[0-9]+)")


class UnknownSegment(Exception):
    """A definition refers to a name that no segment has."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def names_in(text: str) -> list[str]:
    """Return the names that a definition refers to, in order. Raises ValueError for a malformed string."""
    return [json.loads(match["name"]) for match in _BY_NAME.finditer(text) if match["name"]]


def with_ids(text: str, ids: Mapping[str, int]) -> str:
    """Return the text with the id of each name. Raises UnknownSegment, and ValueError for a malformed string."""

    def replaced(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        name = json.loads(match["name"])
        if name not in ids:
            raise UnknownSegment(name)
        return f"segment {ids[name]}"

    return _BY_NAME.sub(replaced, text)


def with_names(text: str, names: Mapping[int, str]) -> str:
    """Return the text with the name of each id. An id without a name stays."""

    def replaced(match: re.Match[str]) -> str:
        name = names.get(int(match["id"])) if match["id"] else None
        return match[0] if name is None else f"segment {json.dumps(name, ensure_ascii=False)}"

    return _BY_ID.sub(replaced, text)
