"""The embedded engine: one handle per query, each used by one thread at a time.

A handle costs less than 0.1 ms, so none is ever reused: settings, parameters, the current database and temporary
tables of a query end with its handle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from chdb import _chdb

from .errors import QueryFailed, from_engine
from .statements import InsertHead

_PARSER_LIMIT = 200_000
_NOT_STREAMED = "Streaming query is not supported"


@dataclass(slots=True)
class Progress:
    """What a query has read and written so far, for X-ClickHouse-Summary."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def add_result(self, result: Any) -> None:
        """Add one answer, or one block of a streamed answer."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.bytes_read()
        self.elapsed_ns += int(result.elapsed() * 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a query runs with. Values are the bytes of the request, never put into SQL unquoted."""

    database: str | None
    settings: dict[str, str]
    parameters: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalTable:
    """A table sent with a query: `structure` is a column list."""

    name: str
    structure: str
    format: str
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Handle:
    """One engine session. Every method may block, releases the GIL, and raises QueryFailed."""

    raw: Any
    progress: Progress = field(default_factory=Progress)
    _open: Any = None

    def configure(self, session: Session) -> None:
        """Apply parameters, database and settings, in the order that lets settings limit the query only."""
        if session.parameters:
            self._set_parameters(session.parameters)
        if session.database:
            self._statement(b"USE " + quoted(session.database.encode(), b"`"))
        self._set({"implicit_select": "0"} | session.settings)

    def load(self, table: ExternalTable) -> None:
        """Make a table that lives as long as the handle."""
        self._statement(f"CREATE TEMPORARY TABLE {table.name} ({table.structure})".encode())
        with NamedTemporaryFile() as file:
            file.write(table.data)
            file.flush()
            head = f"INSERT INTO {table.name} ".encode()
            self._statement(insert_from(Path(file.name), head, at=len(head), input_format=table.format))

    def insert(self, insert: InsertHead, data: Path) -> None:
        """Insert the data in a file; returning means stored.

        The engine's streaming insert (`send_insert`) is not used: it reports success when a part cannot be written.
        """
        text = insert_from(data, insert.head, at=insert.source_at, input_format=insert.format)
        try:
            self.query(text, "Null")
        except QueryFailed as error:
            raise QueryFailed(error.code, error.text.replace(f"(in file/uri {data}): ", "")) from error

    def query(self, text: bytes, output_format: str) -> bytes:
        """Run any statement to its end and give its whole answer."""
        try:
            result = self.raw.query(text, output_format)
        except RuntimeError as error:
            raise from_engine(error) from error
        self.progress.add_result(result)
        return bytes(result.bytes())

    def start(self, text: bytes, output_format: str) -> bool:
        """Start streaming a SELECT; False when the engine cannot stream this statement, which then has not run."""
        try:
            self._open = self.raw.send_query(text, output_format)
        except RuntimeError as error:
            if _NOT_STREAMED in str(error):
                return False
            raise from_engine(error) from error
        return True

    def fetch(self) -> bytes | None:
        """The next block of a started query, None at the end."""
        if self._open is None:
            return None
        try:
            block = self.raw.streaming_fetch_result(self._open)
        except RuntimeError as error:
            self._open = None
            raise from_engine(error) from error
        if block is None or block.rows_read() == 0:
            # The last block has no rows, but the bytes of WITH TOTALS and of extremes.
            self._open = None
        if block is None:
            return None
        self.progress.add_result(block)
        return bytes(block.bytes())

    def cancel_query(self) -> None:
        """Drop a started query."""
        stream, self._open = self._open, None
        if stream is not None:
            self.raw.streaming_cancel_query(stream)

    def close(self) -> None:
        """Give the session back, with whatever is still open in it."""
        if self._open is not None:
            self.cancel_query()
        self.raw.close()

    def _set_parameters(self, parameters: Mapping[str, bytes]) -> None:
        pairs = [f"param_{name} = ".encode() + quoted(value, b"'") for name, value in parameters.items()]
        text = b"SET " + b", ".join(pairs)
        if len(text) <= _PARSER_LIMIT:
            return self._statement(text)
        self._set({"max_query_size": "0"})
        self._statement(text)
        return self._statement(b"SET max_query_size = DEFAULT")

    def _set(self, settings: Mapping[str, str]) -> None:
        pairs = [name.encode() + b" = " + quoted(value.encode(), b"'") for name, value in settings.items()]
        self._statement(b"SET " + b", ".join(pairs))

    def _statement(self, text: bytes) -> None:
        try:
            self.raw.query(text, "Null")
        except RuntimeError as error:
            raise from_engine(error) from error


def insert_from(data: Path, head: bytes, *, at: int, input_format: str) -> bytes:
    """An insert that reads a file, named at the place in `head` where the grammar wants it."""
    source = b" FROM INFILE " + quoted(str(data).encode(), b"'") + b" COMPRESSION 'none' "
    return head[:at] + source + head[at:] + b" FORMAT " + input_format.encode()


def quoted(value: bytes, quote: bytes) -> bytes:
    """A string literal or a quoted name that holds any bytes."""
    return quote + value.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote) + quote


class Engine:
    """The one engine of this process, on one data folder. Opening raises QueryFailed when the folder is not usable."""

    def __init__(self, data: Path) -> None:
        self._path = str(data)
        self._base = self._connect()
        self.version = self._value(b"SELECT version()")
        self.timezone = self._value(b"SELECT timezone()")

    def open(self) -> Handle:
        """A fresh session; close it after its query."""
        return Handle(self._connect())

    def kill(self, mark: str) -> None:
        """Stop the running query whose log_comment ends with `mark`; nothing happens when there is none."""
        condition = b"endsWith(Settings['log_comment'], " + quoted(mark.encode(), b"'") + b")"
        handle = self.open()
        try:
            handle.query(b"KILL QUERY WHERE " + condition + b" ASYNC", "Null")
        finally:
            handle.close()

    def close(self) -> None:
        """Shut the engine down; every handle must be closed before."""
        self._base.close()

    def _connect(self) -> Any:
        try:
            return _chdb.connect(self._path)  # type: ignore[attr-defined]
        except RuntimeError as error:
            raise from_engine(error) from error

    def _value(self, text: bytes) -> str:
        return bytes(self._base.query(text, "TSVRaw").bytes()).decode().strip()
