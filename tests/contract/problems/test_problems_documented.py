"""docs/problems.md has every problem that the code can produce, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE = ("libs/segops_common/segops_common", "services", "deploy/local/segops_local")
SLUG = re.compile(r"[a-z]+(-[a-z]+)*")
POSITIONAL = {"_problem": 0, "_failure": 1, "RunProblem": 0, "_refused": 1}
"""Functions that take a slug as an argument without a name, and where."""


def documented() -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "problems.md").read_text(), flags=re.MULTILINE)


def slugs_in(node: ast.AST) -> Iterator[str]:
    """Texts in the form of a slug anywhere below the node; a tenant's own slug is a field of that name."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and SLUG.fullmatch(part.value):
            yield from {part.value} - {"slug"}


def produced(tree: ast.Module) -> Iterator[str]:
    """What is given as `slug=`, as `default_slug`, as a set of slugs, or as the slug of a helper."""
    for node in ast.walk(tree):
        value = slug_value(node)
        if value is not None:
            yield from slugs_in(value)


def slug_value(node: ast.AST) -> ast.AST | None:
    match node:
        case ast.keyword(arg="slug", value=value):
            return value
        case ast.Assign(targets=[ast.Name(id="default_slug" | "slug" | "OWN_SLUGS")], value=value):
            return value
        case ast.AnnAssign(target=ast.Name(id="default_slug" | "OWN_SLUGS"), value=value):
            return value
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in POSITIONAL:
            return args[POSITIONAL[name]] if len(args) > POSITIONAL[name] else None
        case _:
            return None


def gateway_slugs() -> set[str]:
    text = (ROOT / "deploy/local/segops_local/gateway/problem_pages.py").read_text()
    return set(re.findall(r'_row\(\s*\d{3}, "([a-z-]+)",', text))


def code_slugs() -> set[str]:
    slugs = gateway_slugs()
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            slugs |= set(produced(ast.parse(path.read_text())))
    return slugs


def test_every_problem_is_documented_once_in_order() -> None:
    names = documented()
    assert names == sorted(set(names))


def test_no_problem_is_missing() -> None:
    assert sorted(code_slugs() - set(documented())) == []


def test_none_is_documented_that_nothing_produces() -> None:
    everything = "".join(path.read_text() for folder in CODE for path in (ROOT / folder).rglob("*.py"))
    assert [name for name in documented() if not re.search(rf'["/}}]{name}"', everything)] == []
