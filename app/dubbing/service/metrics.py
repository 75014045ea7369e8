"""The dubber's metrics, read from the streams at the moment they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.dubbing.service import views
from app.dubbing.service.restreams import Restreams
from app.dubbing.service.streams import Streams

LABELS = ("stream", "language")
OUTCOMES = ("in_time", "late", "dropped", "passed_through", "wordless")
UP = ("dubbing", "original", "bypassed")


class DubMetrics(Collector):
    """Metrics of every dub, labelled by stream and language."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        dubs = [dub for stream in self._streams.view().streams for dub in stream.dubs]
        yield GaugeMetricFamily("voicestack_workers", "Dubs that have a worker.", self._streams.workers)
        gauges: dict[str, tuple[str, Callable[[views.Dub], float]]] = {
            "up": ("1 where the output carries the stream, dubbed or not.", lambda dub: dub.status in UP),
            "dubbing": ("1 where it is dubbed.", lambda dub: dub.status == "dubbing"),
            "delay_seconds": ("Delay of picture and sound.", lambda dub: dub.delay),
            "lag_slope": ("Lag gained, in seconds an hour.", lambda dub: dub.lag.slope),
            "queue_seconds": ("Length of the delay line.", lambda dub: dub.queue.seconds),
            "queue_bytes": ("Size of the delay line.", lambda dub: dub.queue.bytes),
        }
        for name, (meaning, value) in gauges.items():
            gauge = GaugeMetricFamily(f"voicestack_dub_{name}", meaning, labels=LABELS)
            for dub in dubs:
                gauge.add_metric([dub.stream, dub.language], value(dub))
            yield gauge
        yield lags(dubs)
        yield phrases(dubs)
        counters: dict[str, tuple[str, Callable[[views.Dub], float]]] = {
            "reconnects": ("Reconnects to the source.", lambda dub: dub.reconnects),
            "restarts": ("Restarts of the worker.", lambda dub: dub.restarts),
        }
        for name, (meaning, value) in counters.items():
            counter = CounterMetricFamily(f"voicestack_dub_{name}", meaning, labels=LABELS)
            for dub in dubs:
                counter.add_metric([dub.stream, dub.language], value(dub))
            yield counter


def lags(dubs: list[views.Dub]) -> Metric:
    """How late dubs start, as quantiles of the last phrases."""
    metric = GaugeMetricFamily(
        "voicestack_dub_lag_seconds", "How late dubs start.", labels=(*LABELS, "quantile")
    )
    for dub in dubs:
        for quantile, value in (("0.5", dub.lag.p50), ("0.95", dub.lag.p95), ("0.99", dub.lag.p99)):
            metric.add_metric([dub.stream, dub.language, quantile], value)
    return metric


def phrases(dubs: list[views.Dub]) -> Metric:
    """Phrases by outcome."""
    metric = CounterMetricFamily("voicestack_dub_phrases", "Phrases by outcome.", labels=(*LABELS, "outcome"))
    for dub in dubs:
        for outcome in OUTCOMES:
            metric.add_metric([dub.stream, dub.language, outcome], getattr(dub.counts, outcome))
    return metric


class RestreamMetrics(Collector):
    """Metrics of every target that a dub is sent on to."""

    def __init__(self, view: Callable[[], Restreams]) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        labels = (*LABELS, "target")
        up = GaugeMetricFamily("voicestack_restream_up", "1 where the dub is being sent on.", labels=labels)
        sent = CounterMetricFamily("voicestack_restream_sent_bytes", "Bytes sent on.", labels=labels)
        again = CounterMetricFamily(
            "voicestack_restream_reconnects", "Reconnects to the target.", labels=labels
        )
        for one in self._view().restreams:
            names = [one.stream, one.language, one.name]
            up.add_metric(names, one.sending)
            sent.add_metric(names, one.sent)
            again.add_metric(names, one.reconnects)
        yield from (up, sent, again)


def registry(streams: Streams, restreams: Callable[[], Restreams]) -> CollectorRegistry:
    """A registry of these metrics alone."""
    made = CollectorRegistry()
    made.register(DubMetrics(streams))
    made.register(RestreamMetrics(restreams))
    return made
