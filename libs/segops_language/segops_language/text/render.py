"""Writes a definition as text that people edit line by line; `parser` reads it back to the same definition.

Names and values are spelled as in JSON, operators and durations as in the language, one condition on a line. The grammar is
in docs/segment-language.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from segops_language.conditions.base import Condition
from segops_language.groups import Group
from segops_language.registry import kind_of

_INDENT: Final = "  "


def render_text(definition: Group) -> str:
    """Return the text of a definition, each line ended by a line feed; equal definitions have equal texts."""
    return "".join(f"{line}\n" for line in _lines(definition))


def _lines(node: Group | Condition) -> Iterator[str]:
    negation = "not " if node.negate else ""
    if not isinstance(node, Group):
        yield negation + kind_of(node).write(node)
        return
    yield f"{negation}{'all' if node.logic == 'AND' else 'any'} of {{"
    for part in node.conditions:
        for line in _lines(part):
            yield _INDENT + line
    yield "}"
