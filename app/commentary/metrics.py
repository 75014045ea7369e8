"""Commentary's metrics: what goes on, what was said, and what the language model did and cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.commentary.messages import Comment
from app.commentary.session import LiveSession

if TYPE_CHECKING:
    from app.commentary.sessions import Sessions
    from app.commentary.vision import Vision

BUCKETS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.8, 3.0, 5.0, 10.0)


class Metrics(Collector):
    """Counters of what happens, and the sessions as they are when they are asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions: Sessions | None = None
        self.vision: Vision | None = None
        self._comments = Counter(
            "voicestack_commentary_comments", "Comments.", ["why", "describer"], registry=self.registry
        )
        self._delay = Histogram(
            "voicestack_commentary_delay_seconds",
            "From what was seen to the comment.",
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.registry.register(self)

    def watch(self, session: LiveSession) -> None:
        """Counts what a session says."""
        session.on_comment.append(self._comment)

    def collect(self) -> Iterator[Metric]:
        """The sessions as they are now."""
        every = self.sessions.all if self.sessions else []
        running = self.sessions.running if self.sessions else []
        yield GaugeMetricFamily("voicestack_commentary_sessions", "Sessions that go on.", len(running))
        yield GaugeMetricFamily(
            "voicestack_commentary_healthy",
            "Sessions whose source gives pictures.",
            sum(session.state == "watching" for session in running),
        )
        yield GaugeMetricFamily(
            "voicestack_commentary_listeners",
            "Who follows a session.",
            sum(each.log.listeners for each in every),
        )
        if self.vision is not None:
            calls = CounterMetricFamily(
                "voicestack_commentary_llm_calls", "Questions to the language model.", labels=["outcome"]
            )
            for outcome, count in self.vision.model.usage.calls.items():
                calls.add_metric([outcome], count)
            yield calls
            yield CounterMetricFamily(
                "voicestack_commentary_llm_cost_dollars",
                "What its server says it cost.",
                self.vision.model.usage.cost,
            )

    def _comment(self, comment: Comment) -> None:
        self._comments.labels(comment.why, comment.describer).inc()
        self._delay.observe(max(0.0, comment.shown - comment.seen))
