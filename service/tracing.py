"""OpenTelemetry traces: off, unless OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) names a receiver.

    with tracing.on():                                       # does nothing where nothing is configured
        with tracing.span("analyze", {"listenwell.comments": 3}) as span:
            span.set_attribute("listenwell.model_version", "lw-…")

Configured by the standard OTEL_* variables alone (service name, sampler, headers, batch sizes). Spans are made by
hand: the ready-made instrumentations note whole addresses, and ours hold ids of comments and customers. An
attribute is a number, an id of our own making, a route's template or the request's id; never what somebody wrote.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import InputError, MissingExtraError
from service import request_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_parents = TraceContextTextMapPropagator()
_tracer: trace.Tracer | None = None
# The id of the trace that this request belongs to; never reset, as `request_id` is not, and for its reason.
_trace_id: ContextVar[str | None] = ContextVar("listenwell_trace_id", default=None)


@contextmanager
def on(processor: "SpanProcessor | None" = None) -> Iterator[None]:
    """Trace while the block runs, and send what is left at its end: to `processor`, else as is configured.

    Nothing where neither is, and where this process traces already. Raises `MissingExtraError` without the
    extra, `InputError` (`invalid_setting`) for a protocol other than http/protobuf.
    """
    global _tracer
    if _tracer is not None or (processor is None and not _configured()):
        yield
        return
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider

        # Ours alone, and not the one of the whole process: BentoML's spans have addresses among their attributes.
        named = Resource.create({SERVICE_NAME: "listenwell"}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=named, shutdown_on_exit=False)
        provider.add_span_processor(processor or _sender())
    except ImportError as error:
        raise MissingExtraError("traces need their extra: pip install -e '.[tracing]'") from error
    _tracer = provider.get_tracer("listenwell")
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()


def span(
    name: str,
    attributes: Mapping[str, str | int] | None = None,
    *,
    outgoing: bool = False,
    inside: bool = False,
) -> AbstractContextManager[Span]:
    """A span as long as the block, `outgoing` where it waits for another system.

    With `inside` there is one only within another, so that idle polling makes none.

    An exception marks it as failed and leaves its class name: a message of somebody else's might quote.
    """
    if _tracer is None or (inside and not trace.get_current_span().is_recording()):
        return nullcontext(trace.INVALID_SPAN)
    kind = SpanKind.CLIENT if outgoing else SpanKind.INTERNAL
    return _recorded(_tracer, name, attributes, kind, None)


def trace_id() -> str | None:
    """The trace that what happens here belongs to, as 32 hexadecimal digits, or None."""
    if _tracer is None:
        return None
    current = trace.get_current_span()
    return _hex(current) if current.is_recording() else _trace_id.get()


class Traces:
    """ASGI middleware: one span a request, below the one that `traceparent` (W3C Trace Context) tells of."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; nothing else where traces are off."""
        if _tracer is None or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # From an empty context: BentoML has made a span around this one that it sends to nobody.
        parent = _parents.extract(Headers(scope=scope), Context())
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        first = {"http.request.method": method, "listenwell.request_id": request_id.current() or ""}
        with _recorded(_tracer, method, first, SpanKind.SERVER, parent) as span:
            _trace_id.set(_hex(span))

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self.app(scope, receive, watched)
            finally:
                if route := getattr(scope.get("route"), "path", None):
                    span.set_attribute("http.route", route)
                    span.update_name(f"{method} {route}")


@contextmanager
def _recorded(
    tracer: trace.Tracer,
    name: str,
    attributes: Mapping[str, str | int] | None,
    kind: SpanKind,
    parent: Context | None,
) -> Iterator[Span]:
    with tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise


def _configured() -> bool:
    """Whether there is somewhere to send to, and nobody said no."""
    no = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or (
        os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none"
    )
    return not no and any(os.environ.get(name) for name in _ENDPOINTS)


def _sender() -> "SpanProcessor":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    asked = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), _SPOKEN)
    if asked != _SPOKEN:
        raise InputError(f"{_PROTOCOLS[1]}: must be {_SPOKEN}, not {asked!r}", code="invalid_setting")
    return BatchSpanProcessor(OTLPSpanExporter())


def _hex(span: Span) -> str:
    return trace.format_trace_id(span.get_span_context().trace_id)
