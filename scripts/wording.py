"""Words that the project's prose and names do not use: each has a plainer one, see docs/glossary.md.

Only what has no sense of its own in the domain is listed: a *missing property* and a *beat that is missed* may stay.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

PHRASES: Final = (
    r"of which",
    r"of whom",
    r"that is none",
    r"those of\b",
    r"whether it was",
    r"\bword of\b",
    r"of nobody",
    r"nobody (?:needs|may|is|waits)",
    r"unless said otherwise",
    r"as often as",
    r"for want of",
    r"\bof before\b",
    r"\bwho is too many\b",
    r"\bis told\b",
    r"\bare told\b",
    r"\bhot route",
    r"\batoms?\b",
    r"\batom cache",
    r"\bledgers?\b",
    r"\bguardian",
    r"\bflights\b",
    r"\bunnumbered\b",
    r"rules? of the house",
    r"\bhouse rules?\b",
    r"\bThe value is (?:a|an|one|not)\b",
)
"""Regular expressions, without regard to case, for comments, docstrings, other texts and documents."""

NAMES: Final = frozenset(
    {
        "found", "each", "known", "told", "asked", "wanted", "measured", "seen", "given", "done", "unnumbered",
        "atom", "atoms", "ledger", "guardian", "intake", "flights", "announcer", "announce",
    }
)  # fmt: skip
"""Variables and arguments. Fields of models may have these names: they are part of the API or of a stored format."""

PARTS: Final = frozenset({"atom", "atoms", "ledger", "guardian", "intake", "flights", "announcer", "announce"})
"""Parts of the names of classes and functions."""

EXEMPT: Final = ("scripts/wording.py", "tests/unit/house/", "docs/decisions/", "docs/glossary.md", "CHANGELOG.md")
"""What spells the words in order to refuse or to explain them, and records of the past."""


@lru_cache(maxsize=1)
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return all nodes of a module. Every rule looks at them, and the walk takes longer than the rules."""
    return tuple(ast.walk(tree))


def refused_words(path: Path, text: str, tree: ast.Module | None = None) -> Iterator[tuple[int, str]]:
    """Yield the lines of a Python module or a Markdown document that use a refused word, with advice.

    `tree` is the module's syntax tree where the caller has it.
    """
    if str(path).startswith(EXEMPT):
        return
    if path.suffix == ".md":
        yield from _in_prose(text, 1)
        return
    if _PATTERN.search(text):  # reading the tokens takes a hundred times longer
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield from _in_prose(token.string, token.start[0])
    tree = tree or ast.parse(text)
    fields = _model_fields(tree)
    for node in nodes_of(tree):
        if node not in fields:
            yield from _in_name(node)


_PATTERN: Final = re.compile("|".join(PHRASES), re.IGNORECASE)


def _model_fields(tree: ast.Module) -> set[ast.expr]:
    """Return the targets of annotated fields in classes that have a base class."""
    models = (node for node in nodes_of(tree) if isinstance(node, ast.ClassDef) and node.bases)
    return {field.target for model in models for field in model.body if isinstance(field, ast.AnnAssign)}


def _in_prose(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), first_line):
        for match in _PATTERN.finditer(line):
            yield number, f"say it plainly instead of {match[0]!r}"


def _in_name(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        name, is_refused = node.id, node.id.strip("_") in NAMES
    elif isinstance(node, ast.arg):
        name, is_refused = node.arg, node.arg.strip("_") in NAMES
    elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        name, is_refused = node.name, not PARTS.isdisjoint(_words_of(node.name))
    else:
        return
    if is_refused:
        yield node.lineno, f"name the thing: {name!r} says too little or is not the field's word"


def _words_of(name: str) -> set[str]:
    """Return the words of a name in snake or camel case, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
