"""Pairs the nodes of a definition with the parts of its compiled expression."""

from __future__ import annotations

from collections.abc import Iterator

from segops_language.groups import Group
from segops_membership.domain.predicates import AllOf, AnyOf, Expression, Not


def parts_of(group: Group, expression: Expression, *, at: str = "definition") -> Iterator[tuple[str, Expression]]:
    """Yield the path and the expression of every node below the group, parents first, in the written order."""
    inner = expression.part if isinstance(expression, Not) and group.negate else expression
    if not isinstance(inner, AllOf | AnyOf):
        raise TypeError("the expression is not that of the group")
    for index, (node, part) in enumerate(zip(group.conditions, inner.parts, strict=True)):
        path = f"{at}.conditions[{index}]"
        yield path, part
        if isinstance(node, Group):
            yield from parts_of(node, part, at=path)
