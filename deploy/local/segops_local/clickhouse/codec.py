"""HTTP content encodings: incremental, several frames in a row, since clients compress block by block."""

import zlib
from collections.abc import Callable
from typing import Any, Protocol

import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

from .errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, refused

_GZIP_BITS = 31
_ANY_ZLIB_BITS = 15


class Encoder(Protocol):
    """Compresses one response body."""

    def add(self, data: bytes) -> bytes:
        """The compressed bytes that are ready, possibly none."""
        ...

    def finish(self) -> bytes:
        """What remains, closing the frame."""
        ...


class Plain:
    """No compression."""

    def add(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class Deflated:
    """gzip and deflate."""

    def __init__(self, *, bits: int) -> None:
        self._stream = zlib.compressobj(level=1, wbits=bits)

    def add(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def finish(self) -> bytes:
        return self._stream.flush()


class Zstandard:
    """zstd at its fastest ordinary level, as the server does."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdCompressor(level=1)

    def add(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def finish(self) -> bytes:
        return self._stream.flush()


class Lz4:
    """The LZ4 frame format."""

    def __init__(self) -> None:
        self._stream = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def add(self, data: bytes) -> bytes:
        head = b"" if self._begun else self._stream.begin()
        self._begun = True
        return bytes(head + self._stream.compress(data))

    def finish(self) -> bytes:
        return bytes(self.add(b"") + self._stream.flush())


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "zstd": Zstandard,
    "lz4": Lz4,
    "gzip": lambda: Deflated(bits=_GZIP_BITS),
    "deflate": lambda: Deflated(bits=_ANY_ZLIB_BITS),
}


def choose_encoding(accepted: str) -> str | None:
    """The server's preference among what the client accepts; None when nothing fits."""
    offered = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    return next((name for name in _ENCODERS if name in offered), None)


def encoder(name: str | None) -> Encoder:
    """The encoder for a name given by `choose_encoding`."""
    return Plain() if name is None else _ENCODERS[name]()


_DECODERS: dict[str, Callable[[], Any]] = {
    "zstd": zstd.ZstdDecompressor,
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "gzip": lambda: zlib.decompressobj(wbits=_GZIP_BITS),
    "deflate": lambda: zlib.decompressobj(wbits=_ANY_ZLIB_BITS),
}


class Decoder:
    """Decompresses one request body. Raises QueryFailed for damaged data and for unknown encodings."""

    def __init__(self, encoding: str) -> None:
        self._make = _DECODERS.get(encoding)
        if self._make is None and encoding not in {"", "identity"}:
            raise refused(NOT_IMPLEMENTED, f"Unknown Content-Encoding {encoding!r}")
        self._frame: Any = None

    def add(self, data: bytes) -> bytes:
        """All that `data` unpacks to."""
        if self._make is None:
            return data
        try:
            return self._unpack(self._make, data)
        except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
            raise refused(CANNOT_DECOMPRESS, f"Cannot decompress the request body: {error}") from error

    def finish(self) -> None:
        """Raises QueryFailed when the body ended inside a frame."""
        if self._frame is not None and not self._frame.eof:
            raise refused(CANNOT_DECOMPRESS, "Cannot decompress the request body: it ends too early")

    def _unpack(self, make: Callable[[], Any], data: bytes) -> bytes:
        parts: list[bytes] = []
        while data:
            if self._frame is None or self._frame.eof:
                self._frame = make()
            parts.append(self._frame.decompress(data))
            data = (self._frame.unused_data or b"") if self._frame.eof else b""
        return b"".join(parts)
