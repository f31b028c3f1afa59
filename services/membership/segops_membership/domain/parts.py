"""Which part of a compiled definition belongs to which node of its tree."""

from __future__ import annotations

from collections.abc import Iterator

from segops_language.groups import Group
from segops_membership.domain.predicates import AllOf, AnyOf, Expression, Not


def parts_of(group: Group, expression: Expression, *, at: str = "definition") -> Iterator[tuple[str, Expression]]:
    """Every node below the group with its path and what it was compiled to, parents first, as they are written."""
    inner = expression.part if isinstance(expression, Not) and group.negate else expression
    if not isinstance(inner, AllOf | AnyOf):
        raise TypeError("not what the group was compiled to")
    for index, (node, part) in enumerate(zip(group.conditions, inner.parts, strict=True)):
        path = f"{at}.conditions[{index}]"
        yield path, part
        if isinstance(node, Group):
            yield from parts_of(node, part, at=path)
