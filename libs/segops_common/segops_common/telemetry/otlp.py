"""Spans by the OpenTelemetry SDK, sent over OTLP/HTTP. Needs the extra `traces`; only `use_otlp` imports the SDK."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from segops_common import __version__
from segops_common.telemetry.spans import Attributes, Span, SpanKind

TIMEOUT_S: Final = 5.0
"""How long sending a batch of spans may take, also at the end of the process."""
_KINDS: Final = {"server": trace.SpanKind.SERVER, "consumer": trace.SpanKind.CONSUMER}
_W3C: Final = TraceContextTextMapPropagator()


class OtlpSpan:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """See `Span`."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(self._span))
        return carrier["traceparent"]

    def end(self, name: str, attributes: Attributes, *, is_error: bool) -> None:
        """See `Span`."""
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        if is_error:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class OtlpTracer:
    """Sends spans to a collector. A trace that a caller has sampled is kept; of the others, a share."""

    def __init__(self, *, url: str, share: float, service: str, role: str) -> None:
        """`url` is the base address of the collector, such as `http://collector:4318`."""
        resource = Resource(
            {"service.namespace": "segops", "service.name": f"{service}.{role}", "service.version": __version__}
        )
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("segops", __version__)

    def begin(self, kind: SpanKind, *, parent: str | None = None, links: Iterable[str] = ()) -> Span | None:
        """See `Tracer`. The SDK switches itself off for `OTEL_SDK_DISABLED=true`, and its spans then have no trace."""
        context = _W3C.extract({"traceparent": parent}) if parent else None
        linked = [
            trace.Link(trace.get_current_span(_W3C.extract({"traceparent": link})).get_span_context()) for link in links
        ]
        span = self._tracer.start_span(kind, context, _KINDS[kind], links=linked)
        return OtlpSpan(span) if span.get_span_context().is_valid else None

    def close(self) -> None:
        """See `Tracer`."""
        self._provider.shutdown()
