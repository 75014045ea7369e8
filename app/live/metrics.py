"""What live counts for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class Metrics:
    """Clients, the lag of final segments, and what waits."""

    def __init__(self, clients: Callable[[], float], waiting: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.lag = Histogram(
            "live_final_lag_seconds",
            "From the known end of a phrase to its final segment.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.finals = Counter("live_final_segments", "Final segments told.", registry=self.registry)
        self.refused = Counter(
            "live_refused_clients", "Clients not served, by reason.", ["reason"], registry=self.registry
        )
        for reason in ("full", "key", "message"):
            self.refused.labels(reason)
        Gauge("live_clients", "Clients served.", registry=self.registry).set_function(clients)
        Gauge(
            "live_waiting_seconds", "Sound received and not recognised.", registry=self.registry
        ).set_function(waiting)
