"""Writes statements for people to read: values in place of placeholders. What is sent keeps them apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from segops_membership.compiler.statements import Grouping, Statement

_PARTS: Final = re.compile(r"`(?:[^`\\]|\\.|``)*`|'(?:[^'\\]|\\.|'')*'|\{(?P<name>p[0-9]+):(?P<type>\w+)\}", re.DOTALL)
"""Quoted names and strings, which may look like placeholders inside, and placeholders."""


def readable_sql(statements: Iterable[Statement]) -> str:
    """Return the statements, each with a comment before it and a semicolon after it."""
    return "\n\n".join(f"-- {_heading(statement)}\n{_with_values(statement)};" for statement in statements)


def _heading(statement: Statement) -> str:
    count = len(statement.predicates)
    if not count:
        return "all profiles" if statement.grouping is Grouping.PROFILES else "all persons with several ids"
    return "1 predicate" if count == 1 else f"{count} predicates"


def _with_values(statement: Statement) -> str:
    return _PARTS.sub(lambda part: _literal(part, statement.parameters), statement.sql)


def _literal(part: re.Match[str], parameters: Mapping[str, object]) -> str:
    if part["name"] is None:
        return part[0]
    value = str(parameters[part["name"]])
    if part["type"] != "String":
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
