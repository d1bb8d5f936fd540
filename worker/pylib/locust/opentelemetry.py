# SPDX-License-Identifier: MIT
"""OpenTelemetry (--otel): traces, metrics and logs of this process, sent by the OpenTelemetry SDK.

Configured by the SDK's own variables: OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and
OTEL_LOGS_EXPORTER ("otlp", "console", "none", or several with commas), OTEL_EXPORTER_OTLP_PROTOCOL
("grpc" or "http/protobuf"), OTEL_SERVICE_NAME and so on.

While HttpUser's requests are traced they go the long way round, through requests, which is what
OpenTelemetry knows how to instrument.
"""

import importlib
import logging
import os
import socket
from urllib.parse import urlparse

from . import events
from ._version import __version__
from .runners import MasterRunner, WorkerRunner

logger = logging.getLogger(__name__)

MAX_REQUEST_NAMES = 20  # as attributes of the metric; the rest goes together
_THE_REST = "Too many unique request names"
request_names = set()

_SDK_MISSING = (
    "OpenTelemetry SDK is not installed, opentelemetry not enabled. Run 'pip install locust[otel]'"
)


is_enabled = False


def setup_opentelemetry(locustfile, profile):
    """Before the locustfile runs. False (and logged) when there is nothing to do it with, or for."""
    global is_enabled
    try:
        from opentelemetry import _logs, metrics, trace
        from opentelemetry.sdk.resources import Resource
    except ImportError:
        logger.error(_SDK_MISSING)
        return False
    wanted = {signal: _exporters(signal) for signal in ("TRACES", "METRICS", "LOGS")}
    if all(exporters == {"none"} for exporters in wanted.values()):
        logger.info("No OpenTelemetry exporters configured, opentelemetry not enabled")
        return False
    resource = Resource.create({
        "service.name": os.getenv("OTEL_SERVICE_NAME", "locust"),
        "service.version": __version__,
        "host.name": socket.gethostname(),
        "filename": locustfile,
        "profile": profile or "",
    })
    if wanted["TRACES"]:
        trace.set_tracer_provider(_tracer_provider(resource, wanted["TRACES"]))
    if wanted["METRICS"]:
        metrics.set_meter_provider(_meter_provider(resource, wanted["METRICS"]))
        _measure(metrics)
    if wanted["LOGS"]:
        _logs.set_logger_provider(_logger_provider(resource, wanted["LOGS"]))
    _instrument(is_traced=wanted["TRACES"] - {"none"})
    logger.debug("OpenTelemetry configured!")
    is_enabled = True
    return True


def _exporters(signal):
    names = os.getenv(f"OTEL_{signal}_EXPORTER", "otlp").split(",")
    return {name.strip().lower() for name in names if name.strip()}


# Exporters. The three signals differ in the names of the SDK's modules and classes only.

_OTLP = {
    "TRACES": ("trace_exporter", "OTLPSpanExporter"),
    "METRICS": ("metric_exporter", "OTLPMetricExporter"),
    "LOGS": ("_log_exporter", "OTLPLogExporter"),
}


def _otlp_exporter(signal):
    """The exporter for the protocol that the environment names; None (and logged) without one."""
    protocol = os.getenv(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL",
                         os.getenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")).strip().lower()
    kind = {"grpc": "grpc", "http": "http", "http/protobuf": "http"}.get(protocol)
    if kind is None:
        logger.warning("Unknown OpenTelemetry otlp exporter protocol '%s'. Use 'grpc' or "
                       "'http/protobuf'", protocol)
        return None
    module, name = _OTLP[signal]
    try:
        package = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{kind}.{module}")
    except ImportError:
        logger.warning("OpenTelemetry otlp exporter for '%s' is not available. Please install the "
                       "required package: opentelemetry-exporter-otlp-proto-%s", protocol, kind)
        return None
    return getattr(package, name)()


def _each_exporter(signal, names, console):
    """(exporter, whether it is the console's) for each name that is one."""
    for name in sorted(names):
        if name == "otlp":
            exporter = _otlp_exporter(signal)
            if exporter is not None:
                logger.debug("Configured %s exporter: otlp", signal.lower())
                yield exporter, False
        elif name == "console":
            logger.debug("Configured %s exporter: console", signal.lower())
            yield console(), True
        elif name == "prometheus" and signal == "METRICS":
            logger.warning("Prometheus metrics exporter is not yet implemented!")
        elif name != "none":
            logger.warning("Unknown %s exporter '%s'. Ignored", signal.lower(), name)


def _tracer_provider(resource, names):
    from opentelemetry.sdk.trace import TracerProvider, export

    provider = TracerProvider(resource=resource)
    for exporter, is_console in _each_exporter("TRACES", names, export.ConsoleSpanExporter):
        kind = export.SimpleSpanProcessor if is_console else export.BatchSpanProcessor
        provider.add_span_processor(kind(exporter))
    return provider


def _meter_provider(resource, names):
    from opentelemetry.sdk.metrics import MeterProvider, export

    return MeterProvider(resource=resource, metric_readers=[
        export.PeriodicExportingMetricReader(exporter)
        for exporter, _ in _each_exporter("METRICS", names, export.ConsoleMetricExporter)
    ])


def _logger_provider(resource, names):
    from opentelemetry.sdk import _logs
    from opentelemetry.sdk._logs import export

    provider = _logs.LoggerProvider(resource=resource)
    # The name of the console's exporter has changed between releases of the SDK.
    console = getattr(export, "ConsoleLogRecordExporter", None) or export.ConsoleLogExporter
    for exporter, is_console in _each_exporter("LOGS", names, console):
        kind = export.SimpleLogRecordProcessor if is_console else export.BatchLogRecordProcessor
        provider.add_log_record_processor(kind(exporter))
    handler = _logs.LoggingHandler(logger_provider=provider)
    handler.name = "opentelemetry"
    for name in (None, "locust"):  # which does not propagate
        logging.getLogger(name).addHandler(handler)
    return provider


# Metrics


def _measure(metrics):
    meter = metrics.get_meter("locust")
    durations = meter.create_histogram(
        "locust.client.duration", unit="s", description="Time to last byte for requests"
    )

    @events.request.add_listener
    def on_request(name, response_time, exception=None, **_):
        if response_time is not None:
            durations.record(response_time / 1000.0, attributes=_attributes(name, exception))

    @events.init.add_listener
    def on_init(runner, **_):
        if runner is None or isinstance(runner, WorkerRunner):
            return  # the master knows about the users of all workers
        meter.create_observable_gauge(
            "locust.users.count",
            callbacks=[lambda options: _user_counts(runner, metrics.Observation)],
            unit="{user}",
            description="Number of currently running Locust users",
        )


def _attributes(name, exception):
    if name not in request_names and len(request_names) >= MAX_REQUEST_NAMES:
        name = _THE_REST
    else:
        request_names.add(name)
    if exception:
        return {"name": name, "error.type": type(exception).__name__}
    return {"name": name}


def _user_counts(runner, observation):
    is_master = isinstance(runner, MasterRunner)
    counts = runner.reported_user_classes_count if is_master else runner.user_classes_count
    for user_class, count in counts.items():
        yield observation(count, {"user_class": user_class})


# Traces


def _instrument(is_traced):
    for library, name in (("requests", "RequestsInstrumentor"), ("urllib3", "URLLib3Instrumentor")):
        try:
            module = importlib.import_module(f"opentelemetry.instrumentation.{library}")
        except ImportError:
            logger.info("OpenTelemetry '%s' instrumentation is not installed. Please install "
                        "'opentelemetry-instrumentation-%s'", library, library)
            continue
        hook = {"request_hook": _name_span} if library == "requests" else {}
        getattr(module, name)().instrument(**hook)
        if library == "requests" and is_traced:
            from .clients import HttpSession

            HttpSession._goes_through_requests = True


def _name_span(span, request):
    name = getattr(request, "_explicit_name", None) or urlparse(request.url).path or "/"
    span.update_name(f"{request.method} {name}")
