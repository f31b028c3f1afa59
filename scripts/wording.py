"""Words that the project's prose and names do not use: each has a plainer one, see docs/glossary.md.

Only what has no sense of its own in the domain is listed: a *missing property* and a *beat that is missed* may stay.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
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
"""Variables, arguments and attributes; the same as parts of the names of classes and functions, in `PARTS`."""

PARTS: Final = frozenset({"atom", "atoms", "ledger", "guardian", "intake", "flights", "announcer", "announce"})

EXEMPT: Final = ("scripts/wording.py", "tests/unit/house/", "docs/decisions/", "docs/glossary.md", "CHANGELOG.md")
"""What spells the words in order to refuse or to explain them, and records of the past."""

PENDING: Final = frozenset(
    {
        "each", "found", "asked", "known", "done", "seen", "given", "announce",
        r"those of\b", r"of which", r"\bare told\b", r"\bof before\b",
        r"as often as", r"\bThe value is (?:a|an|one|not)\b",
    }
)  # fmt: skip
"""Members of the lists above that are not refused yet, because texts still have them: this list only gets shorter."""


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
    for node in ast.walk(tree or ast.parse(text)):
        yield from _in_name(node)


_PATTERN: Final = re.compile("|".join(phrase for phrase in PHRASES if phrase not in PENDING), re.IGNORECASE)


_NAMES: Final = NAMES - PENDING
_PARTS: Final = PARTS - PENDING


def _in_prose(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), first_line):
        for match in _PATTERN.finditer(line):
            yield number, f"say it plainly instead of {match[0]!r}"


def _in_name(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        name, is_refused = node.id, node.id.strip("_") in _NAMES
    elif isinstance(node, ast.arg):
        name, is_refused = node.arg, node.arg.strip("_") in _NAMES
    elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        name, is_refused = node.name, not _PARTS.isdisjoint(_words_of(node.name))
    else:
        return
    if is_refused:
        yield node.lineno, f"name the thing: {name!r} says too little or is not the field's word"


def _words_of(name: str) -> set[str]:
    """Return the words of a name in snake or camel case, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
