"""A collector of OpenTelemetry that takes OTLP over HTTP and keeps the spans."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as it was sent. Ids are hexadecimal; `parent` is empty at the root of a trace."""

    process: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, Any] = field(hash=False)
    is_error: bool


class Collector:
    """Listens on a port of this machine."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.spans += _spans(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector for a block."""
    collector = Collector()
    thread = threading.Thread(target=collector.serve, name="collector")
    thread.start()
    try:
        yield collector
    finally:
        collector.close()
        thread.join()


def _spans(body: bytes) -> Iterator[ReceivedSpan]:
    for part in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {pair.key: pair.value.string_value for pair in part.resource.attributes}
        for span in (span for scope in part.scope_spans for span in scope.spans):
            yield ReceivedSpan(
                process=resource["service.name"],
                name=span.name,
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                links=tuple(link.trace_id.hex() for link in span.links),
                attributes={pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes},
                is_error=span.status.code == 2,
            )
