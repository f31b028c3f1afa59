"""Reads the text form of a definition: groups here, each condition by its `Kind`."""

from __future__ import annotations

from typing import Any, Final

from segops_language.groups import Group
from segops_language.parse import parse_definition
from segops_language.registry import KINDS
from segops_language.text.tokens import MAX_TEXT_CHARS, TokenReader

__all__ = ["MAX_TEXT_CHARS", "parse_text"]

Json = dict[str, Any]
_MAX_DEPTH: Final = 16
"""Deeper than the language allows, so that `parse_definition` refuses most definitions that are too deep."""


def parse_text(text: str) -> Group:
    """Return the definition that a text describes.

    Raises InvalidDefinition: with the fault `text-syntax` at `text`, which names line and column, if the text does not
    follow the grammar; with the faults of `parse_definition` if it does but is not a valid definition.
    """
    reader = TokenReader(text)
    negate = reader.take_if("not")
    if reader.peek() not in ("all", "any"):
        reader.fail_expecting("`all of {` or `any of {`")
    document = _negated(_group(reader, 1), negate)
    if not reader.at_end():
        reader.fail_expecting("the end of the text")
    return parse_definition(document)


def _group(reader: TokenReader, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        reader.fail_here(f"groups must not be nested deeper than {_MAX_DEPTH} levels")
    logic = "AND" if reader.word() == "all" else "OR"
    reader.take("of")
    reader.take("{")
    conditions = []
    while not reader.take_if("}"):
        conditions.append(_node(reader, depth + 1))
    return {"logic": logic, "conditions": conditions}


def _node(reader: TokenReader, depth: int) -> Json:
    negate = reader.take_if("not")
    if reader.peek() in ("all", "any"):
        return _negated(_group(reader, depth), negate)
    kind = next((kind for kind in KINDS.values() if kind.starts(reader)), None)
    return _negated(kind.read(reader) if kind else reader.fail_expecting("a condition"), negate)


def _negated(node: Json, negate: bool) -> Json:
    return node | {"negate": True} if negate else node
