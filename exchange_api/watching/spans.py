"""Why: where an answer's time goes, from the question to the statement, in whatever system an authority follows its services with (OpenTelemetry, OTLP over
HTTP, set by the standard OTEL_ variables). The one door to OpenTelemetry. Called by `watch` and `watching`.

Off by default, and then nothing of it is there: a worker that traces puts spans around its parts once, when it starts. Attributes hold classes of routes,
codes, receipts and tables, never a path, a parameter or a message, because these may hold people.
"""

import logging
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Engine, event

log = logging.getLogger("hutong.exchange")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_WORK = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+([a-z_]+\.[a-z_]+)", re.IGNORECASE)
PARTS = (
    ("keys", "get", "key"),
    ("permits", "get", "permit"),
    ("moments", "read", "find"),
    ("recorder", "record", "record"),
)
"""What of a worker gets a span: part of the hub, its function, the span's name."""


def is_wanted() -> bool:
    """Say whether the environment asks for traces."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(os.environ.get(name) for name in _ENDPOINTS)


class Tracing:
    """Spans of one worker."""

    def __init__(self, exporter: Any = None) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "hutong-exchange")})
        self._provider = TracerProvider(resource=resource)
        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        else:
            self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hutong.exchange")
        self._propagator = TraceContextTextMapPropagator()
        self._names: dict[str, tuple[str, dict[str, str]]] = {}

    def attach(self, hub: Any) -> None:
        """Put spans around the parts of a worker, and around every statement of the desks."""
        for part, function, name in PARTS:
            held = getattr(hub, part)
            setattr(held, function, self._around(getattr(held, function), name))
        hub.prepared.fetch = self._around_sql(hub.prepared.fetch)
        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        event.listen(Engine, "handle_error", self._failed)

    def close(self) -> None:
        """Send what is left, and take the spans off the desks' statements."""
        for name, heard in (
            ("before_cursor_execute", self._before), ("after_cursor_execute", self._after), ("handle_error", self._failed)
        ):  # fmt: skip
            if event.contains(Engine, name, heard):
                event.remove(Engine, name, heard)
        self._provider.shutdown()

    def question(self, scope: Any, route: str) -> AbstractContextManager[Any]:
        """Return the span of one question, below the caller's where it names one (`traceparent`)."""
        from opentelemetry.trace import SpanKind

        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _TOLD}
        facts = {"http.request.method": scope["method"], "http.route": route}
        return self._tracer.start_as_current_span(
            f"{scope['method']} {route}", self._propagator.extract(told), SpanKind.SERVER, facts,
            record_exception=False, set_status_on_exception=False,
        )  # fmt: skip

    def header(self) -> tuple[bytes, bytes]:
        """Return the `traceparent` of the span under way, for the answer."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return b"traceparent", carrier.get("traceparent", "").encode()

    def _around(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        async def traced(*arguments: Any) -> Any:
            with self._span(name, {}):
                return await work(*arguments)

        return traced

    def _around_sql(self, work: Callable[..., Any]) -> Callable[..., Any]:
        async def traced(sql: str, *arguments: Any) -> Any:
            with self._span(*self._name_of(sql)):
                return await work(sql, *arguments)

        return traced

    def _span(self, name: str, facts: dict[str, str]) -> AbstractContextManager[Any]:
        return self._tracer.start_as_current_span(
            name, attributes=facts, record_exception=False, set_status_on_exception=False
        )

    def _name_of(self, sql: str) -> tuple[str, dict[str, str]]:
        found = self._names.get(sql)
        if found is None:
            work, table = _WORK.search(sql), _TABLE.search(sql)
            operation, place = (work[1].upper() if work else "SQL"), (table[1] if table else "")
            facts = {"db.system.name": "postgresql", "db.operation.name": operation, "db.collection.name": place}
            found = (f"{operation} {place}".strip(), facts)
            if len(self._names) < 1_000:
                self._names[sql] = found
        return found

    def _before(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        name, facts = self._name_of(statement)
        connection.info.setdefault("hutong.spans", []).append(self._tracer.start_span(name, attributes=facts))

    def _after(self, connection: Any, *_: Any) -> None:
        if spans := connection.info.get("hutong.spans"):
            spans.pop().end()

    def _failed(self, context: Any) -> None:
        if context.connection is not None:
            self._after(context.connection)


_TOLD = frozenset((b"traceparent", b"tracestate"))


def begin(hub: Any) -> Tracing | None:
    """Return a worker's tracing, None when nobody wants traces or OpenTelemetry is not installed."""
    if not is_wanted():
        return None
    try:
        tracing = Tracing()
    except ImportError as missing:
        log.warning("traces are wanted, but %s is not installed (pip install hutong[otel])", missing.name)
        return None
    tracing.attach(hub)
    return tracing
