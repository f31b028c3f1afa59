"""Just enough of ClickHouse's grammar to route a statement: where insert data starts, which format answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .errors import NOT_IMPLEMENTED, SYNTAX_ERROR, refused

_TOKEN = re.compile(
    rb"""(?P<space>\s+|--[^\n]*|\#[\ !][^\n]*|/\*.*?\*/)
    |(?P<string>'(?:[^'\\]|\\.|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<quoted>"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
    |(?P<word>[A-Za-z_][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)
_AFTER_FORMAT = re.compile(rb"[ \t\f]*\r?\n?")
_NAME_FOLLOWS = frozenset({b"INTO", b"TABLE", b"FUNCTION", b"."})
_QUERY_FOLLOWS = frozenset({b"SELECT", b"WITH", b"FROM", b"WATCH"})
_READS = frozenset({b"SELECT", b"WITH", b"("})
_OPEN = frozenset({b"(", b"[", b"{"})
_CLOSE = frozenset({b")", b"]", b"}"})


@dataclass(frozen=True, slots=True)
class Token:
    """A significant token; `text` is upper case for words and unquoted for quoted names."""

    text: bytes
    raw: bytes
    start: int
    end: int
    depth: int
    is_word: bool
    is_open_quote: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertHead:
    """The part of an insert before its data.

    `head` ends before the FORMAT clause, `source_at` is where a FROM INFILE clause fits into it (before SETTINGS),
    and `data` is where the data starts in the text.
    """

    head: bytes
    source_at: int
    format: str
    data: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement without separate data: the format of its answer and whether the engine can stream it."""

    format: str | None
    reads: bool


def tokens(text: bytes) -> Iterator[Token]:
    """The significant tokens of `text`, lazily, because what follows an insert head is not SQL."""
    depth = 0
    for found in _TOKEN.finditer(text):
        kind, raw = found.lastgroup, found.group()
        if kind == "space":
            continue
        if raw in _CLOSE:
            depth -= 1
        yield Token(
            text=raw.upper() if kind == "word" else raw[1:-1].upper() if kind == "quoted" else raw,
            raw=raw,
            start=found.start(),
            end=found.end(),
            depth=depth,
            is_word=kind == "word",
            is_open_quote=kind == "mark" and raw in {b"'", b'"', b"`", b"$", b"/"},
        )
        if raw in _OPEN:
            depth += 1


def is_insert(text: bytes) -> bool:
    """Whether the first word is INSERT."""
    first = next(tokens(text), None)
    return first is not None and first.text == b"INSERT"


def find_data(text: bytes, *, complete: bool) -> InsertHead | None:
    """Where the data of an insert starts; None when it has none, or when more of `text` is needed to tell."""
    previous = b""
    keyword: Token | None = None
    settings: Token | None = None
    for token in tokens(text):
        if not complete and (token.end == len(text) or token.is_open_quote):
            return None
        if keyword is not None and token.is_word:
            return _after_format(text, keyword, token, settings or keyword)
        is_name = previous in _NAME_FOLLOWS
        is_clause = token.is_word and token.depth == 0 and not is_name
        if is_clause and token.text in _QUERY_FOLLOWS:
            return None
        if is_clause and token.text == b"VALUES":
            source_at = (settings or token).start
            return InsertHead(head=text[: token.start], source_at=source_at, format="Values", data=token.end)
        if is_clause and token.text == b"SETTINGS":
            settings = token
        keyword = token if is_clause and token.text == b"FORMAT" else None
        previous = b"" if is_name and token.text not in _NAME_FOLLOWS else token.text
    return None


def _after_format(text: bytes, keyword: Token, name: Token, source: Token) -> InsertHead:
    gap = _AFTER_FORMAT.match(text, name.end)
    return InsertHead(
        head=text[: keyword.start],
        source_at=source.start,
        format=name.raw.decode("ascii"),
        data=gap.end() if gap else name.end,
    )


def read_statement(text: bytes) -> Statement:
    """Classify one statement. Raises QueryFailed for several statements and for engines that damage the folder."""
    found = list(tokens(text))
    while found and found[-1].text == b";":
        found.pop()
    if not found:
        raise refused(SYNTAX_ERROR, "Syntax error: Empty query")
    if any(token.text == b";" for token in found):
        raise refused(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
    _refuse_kafka(found)
    _refuse_input(found)
    return Statement(format=_answer_format(found), reads=found[0].text in _READS)


def _answer_format(found: list[Token]) -> str | None:
    """The FORMAT clause is the last, or the last before SETTINGS; elsewhere the word is a name."""
    for at, (keyword, name) in enumerate(pairwise(found)):
        after = found[at + 2].text if at + 2 < len(found) else b"SETTINGS"
        if (
            keyword.depth == 0
            and keyword.is_word
            and keyword.text == b"FORMAT"
            and name.is_word
            and after == b"SETTINGS"
        ):
            return name.raw.decode("ascii")
    return None


def _refuse_kafka(found: list[Token]) -> None:
    if found[0].text not in {b"CREATE", b"ATTACH", b"REPLACE"}:
        return
    words = [token.text for token in found if token.text != b"="]
    if any(pair == (b"ENGINE", b"KAFKA") for pair in pairwise(words)):
        raise refused(NOT_IMPLEMENTED, "ENGINE = Kafka damages the data folder of the embedded engine; use a server")


def _refuse_input(found: list[Token]) -> None:
    if found[0].text != b"INSERT":
        return
    if any((name.text, after.text) == (b"INPUT", b"(") for name, after in pairwise(found)):
        raise refused(
            NOT_IMPLEMENTED, "INSERT ... SELECT FROM input() stores nothing in the embedded engine; use a server"
        )
