"""The order in which segments are created, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter

from segops_cli.errors import usage


def in_order(references: Mapping[str, Set[str]]) -> list[str]:
    """Return the names so that each comes after those that it refers to. Raises CliError for a cycle."""
    graph = {name: sorted(others & references.keys()) for name, others in sorted(references.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(repr(name) for name in error.args[1])
        raise usage(f"segments must not refer to one another in a circle: {circle}") from None
