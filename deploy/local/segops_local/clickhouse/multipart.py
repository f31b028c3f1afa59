"""multipart/form-data: form-encoded queries and parameters, and external tables."""

import re
from dataclasses import dataclass

from .errors import BAD_ARGUMENTS, refused

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'[; ]name="([^"]*)"')
_FILE = re.compile(rb'[; ]filename="')


@dataclass(frozen=True, slots=True)
class Form:
    """Plain fields, and files by field name."""

    fields: tuple[tuple[str, bytes], ...]
    files: dict[str, bytes]


def parse_multipart(content_type: str, body: bytes) -> Form:
    """Split a form. Raises QueryFailed when it is not one."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise refused(BAD_ARGUMENTS, "multipart/form-data without a boundary")
    fields: list[tuple[str, bytes]] = []
    files: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode())[1:]:
        if part.startswith(b"--"):
            break
        head, _, data = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise refused(BAD_ARGUMENTS, "A form field has no name")
        if _FILE.search(head):
            files[name.group(1).decode(errors="replace")] = data
        else:
            fields.append((name.group(1).decode(errors="replace"), data))
    return Form(tuple(fields), files)
