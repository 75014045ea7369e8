"""Sales' metrics: what was said and found, what is going on, what the language model did and cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.sales.call import LiveCall
from app.sales.messages import Objection, Segment

if TYPE_CHECKING:
    from app.llm.client import LanguageModel, Usage
    from app.sales.calls import Calls


class Metrics(Collector):
    """Counters of what happens, and the calls as they are when they are asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls: Calls | None = None
        self.model: LanguageModel | None = None
        self._segments = Counter(
            "voicestack_sales_segments", "Pieces of transcript.", ["channel"], registry=self.registry
        )
        self._objections = Counter(
            "voicestack_sales_objections", "Objections told.", ["kind", "engine"], registry=self.registry
        )
        self.registry.register(self)

    def watch(self, call: LiveCall) -> None:
        """Counts what happens in a call."""
        call.on_segment.append(self._segment)
        call.on_objection.append(self._objection)

    def collect(self) -> Iterator[Metric]:
        """The calls as they are now."""
        calls = self.calls.all if self.calls else []
        running = [call for call in calls if call.ended is None]
        yield GaugeMetricFamily("voicestack_sales_calls", "Calls that go on.", len(running))
        yield GaugeMetricFamily(
            "voicestack_sales_listeners", "Who follows a call.", sum(call.log.listeners for call in calls)
        )
        yield CounterMetricFamily(
            "voicestack_sales_live_reconnects",
            "Connections to live that were lost.",
            self.calls.reconnects if self.calls else 0,
        )
        yield CounterMetricFamily(
            "voicestack_sales_dropped_seconds",
            "Sound that could not be recognised.",
            self.calls.dropped if self.calls else 0,
        )

        if self.model is not None:
            yield from model_metrics(self.model.usage)

    def _segment(self, segment: Segment) -> None:
        self._segments.labels(segment.channel).inc()

    def _objection(self, objection: Objection) -> None:
        self._objections.labels(objection.kind, objection.engine).inc()


def model_metrics(usage: Usage) -> Iterator[Metric]:
    """What was asked of the language model, and what that cost."""
    name = "voicestack_sales_llm"
    calls = CounterMetricFamily(f"{name}_calls", "Questions to the language model.", labels=["outcome"])
    for outcome, count in usage.calls.items():
        calls.add_metric([outcome], count)
    yield calls
    tokens = CounterMetricFamily(f"{name}_tokens", "Tokens read and written by it.", labels=["of"])
    for of, count in usage.tokens.items():
        tokens.add_metric([of], count)
    yield tokens
    yield CounterMetricFamily(f"{name}_cost_dollars", "What its server says it cost.", usage.cost)
    yield CounterMetricFamily(
        f"{name}_fallbacks", "Groups of segments that rules looked at in its place.", usage.fell_back
    )
