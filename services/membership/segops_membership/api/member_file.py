"""Responses that stream the members of a segment as a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from segops_membership.domain.members.sets import MemberFormat


class FileStream(StreamingResponse):
    """Closes its source however the response ends. An error among the chunks breaks the connection."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], media_type: str, headers: dict[str, str]) -> None:
        self._chunks = chunks
        super().__init__(chunks, media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks):
            await super().__call__(scope, receive, send)


def member_file_response(
    chunks: AsyncGenerator[bytes, None], member_format: MemberFormat, name: str, *, size: int | None = None
) -> StreamingResponse:
    """Return a response that streams the file, which browsers save as `name` with the suffix of the format.

    Without a size in bytes, the response is sent in chunks.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}.{member_format}"', "Vary": "Accept"}
    if size is not None:
        headers["Content-Length"] = str(size)
    return FileStream(chunks, media_type=member_format.media_type, headers=headers)
