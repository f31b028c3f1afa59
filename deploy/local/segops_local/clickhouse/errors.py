"""Errors of the engine and of the front, in ClickHouse's words and HTTP statuses."""

import re
from dataclasses import dataclass

SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
BAD_ARGUMENTS = 36
UNKNOWN_EXCEPTION = 1002
QUERY_IS_TOO_LARGE = 229
SOCKET_TIMEOUT = 209
NOT_ENOUGH_SPACE = 243
CANNOT_DECOMPRESS = 271

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    SOCKET_TIMEOUT: "SOCKET_TIMEOUT",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
}

_PREFIX = re.compile(r"Code: (\d+)\. ")
_VERSION = re.compile(r"\(version [^()]*(?:\([^()]*\))?\)\s*$")

_STATUS_CODES = {
    400: (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    501: (48,),
    503: (76, 209, 439),
}
_STATUS = {code: status for status, codes in _STATUS_CODES.items() for code in codes}


@dataclass(slots=True)
class QueryFailed(Exception):
    """A query that ended with an error; `text` starts with ``Code: N. DB::Exception:``."""

    code: int
    text: str

    @property
    def status(self) -> int:
        """The HTTP status ClickHouse gives to this code while nothing has been sent."""
        return _STATUS.get(self.code, 500)

    def body(self, version: str) -> bytes:
        """The error as ClickHouse writes it to a response, version last."""
        text = self.text.strip()
        if not _VERSION.search(text):
            text = f"{text} (version {version})"
        return f"{text}\n".encode()


def refused(code: int, reason: str) -> QueryFailed:
    """An error the front itself finds, written like one of the engine's."""
    return QueryFailed(code, f"Code: {code}. DB::Exception: {reason}. ({_NAMES[code]})")


def from_engine(error: Exception) -> QueryFailed:
    """The engine reports by text only; the first ``Code: N.`` in it is the code."""
    text = str(error)
    found = _PREFIX.search(text)
    if found is None:
        return refused(UNKNOWN_EXCEPTION, text.strip() or type(error).__name__)
    return QueryFailed(int(found.group(1)), text[found.start() :])
