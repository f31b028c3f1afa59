"""What a request asks for, read from its URL, headers and form fields."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from .codec import choose_encoding
from .engine import ExternalTable, Session
from .errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, refused

_IGNORED = frozenset(
    [
        "user",
        "password",
        "quota_key",
        "role",
        "stacktrace",
        "buffer_size",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "client_protocol_version",
        "add_http_cors_header",
    ]
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
V = TypeVar("V")

_TRUE = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request without its body."""

    query: bytes
    session: Session
    default_format: str | None
    query_id: str
    wait_end: bool
    encoding: str | None
    tables: tuple[ExternalTable, ...] = ()

    @property
    def mark(self) -> str:
        """What the query is known by among the running ones."""
        return self.session.settings["log_comment"]

    @property
    def leaves_with_client(self) -> bool:
        """Whether the query stops when its client goes away; the client's library asks for it."""
        return self.session.settings.get("cancel_http_readonly_queries_on_client_close", "0").lower() in _TRUE


def parse_pairs(encoded: bytes) -> list[tuple[str, bytes]]:
    """Decode ``a=b&c=d``; values stay bytes because parameters may hold any."""
    pairs = (part.partition(b"=") for part in encoded.split(b"&") if part)
    return [(_plain(name).decode(errors="replace"), _plain(value)) for name, _, value in pairs]


def _plain(encoded: bytes) -> bytes:
    return unquote_to_bytes(encoded.replace(b"+", b" "))


def read_call(
    *,
    method: str,
    headers: Mapping[str, str],
    pairs: Iterable[tuple[str, bytes]],
    files: Mapping[str, bytes] | None = None,
) -> Call:
    """Build the call. Raises QueryFailed for names no server would accept."""
    values = dict(pairs)
    tables = tuple(_external(name, data, values) for name, data in (files or {}).items())
    query = values.pop("query", b"")
    parameters = {name[len("param_") :]: values.pop(name) for name in list(values) if name.startswith("param_")}
    texts = {name: value.decode(errors="replace") for name, value in values.items()}
    _refuse_native_compression(texts)
    query_id = texts.pop("query_id", "") or str(uuid.uuid4())
    wait_end = texts.pop("wait_end_of_query", "0").lower() in _TRUE
    database = texts.pop("database", None) or headers.get("x-clickhouse-database")
    default_format = texts.pop("default_format", None) or headers.get("x-clickhouse-format")
    settings = {name: value for name, value in texts.items() if name not in _IGNORED}
    compresses = settings.get("enable_http_compression", "0").lower() in _TRUE
    return Call(
        query=query,
        session=Session(
            database=database or None,
            settings=_settings(settings, query_id=query_id, read_only=method == "GET"),
            parameters=_checked(parameters),
        ),
        default_format=default_format,
        query_id=query_id,
        wait_end=wait_end,
        encoding=choose_encoding(headers.get("accept-encoding", "")) if compresses else None,
        tables=tables,
    )


def _settings(settings: dict[str, str], *, query_id: str, read_only: bool) -> dict[str, str]:
    comment = settings.get("log_comment", "")
    marked = _checked(settings) | {"log_comment": f"{comment}#{query_id}"}
    if read_only and settings.get("readonly", "0") == "0":
        marked["readonly"] = "2"
    return marked


def _checked(named: dict[str, V]) -> dict[str, V]:
    for name in named:
        if not _NAME.fullmatch(name):
            raise refused(BAD_ARGUMENTS, f"{name!r} is neither a setting nor a parameter name")
    return named


def _refuse_native_compression(texts: dict[str, str]) -> None:
    for name in ("compress", "decompress"):
        if texts.pop(name, "0").lower() in _TRUE:
            raise refused(NOT_IMPLEMENTED, f"{name}=1 is not supported here; use enable_http_compression=1")


def _external(name: str, data: bytes, values: dict[str, bytes]) -> ExternalTable:
    given = {
        part: values.pop(f"{name}_{part}", b"").decode(errors="replace") for part in ("format", "structure", "types")
    }
    if not _NAME.fullmatch(name) or not (given["structure"] or given["types"]):
        raise refused(BAD_ARGUMENTS, f"External table {name!r} needs a plain name and {name}_structure or {name}_types")
    structure = given["structure"] or ", ".join(
        f"_{number} {type_}" for number, type_ in enumerate(split_types(given["types"]), start=1)
    )
    return ExternalTable(name=name, structure=structure, format=given["format"] or "TabSeparated", data=data)


def split_types(types: str) -> list[str]:
    """Split a list of types at the commas outside parentheses."""
    parts, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
