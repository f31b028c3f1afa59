"""Paths of places in a request: `definition.conditions[2].value`, `query.limit`, `path.segment_id`."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_PATH_CHARS = 200
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,63}", re.ASCII)


def child_path(path: str, key: int | str) -> str:
    """Return the path one level down. A key that is not a plain name is left out: errors never echo arbitrary input."""
    if len(path) >= MAX_PATH_CHARS:
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN.fullmatch(key):
        return path
    return f"{path}.{key}" if path else key


def path_of(keys: Iterable[int | str]) -> str:
    """Return the path of these keys, outermost first."""
    path = ""
    for key in keys:
        path = child_path(path, key)
    return path
