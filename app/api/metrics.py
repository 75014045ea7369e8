"""api's metrics: the queue and the uploads."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from app.archive.queue import Queue


class Metrics:
    """What api tells on /metrics. Whoever looks at the queue says what it found."""

    def __init__(self, arriving: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.queue = Queue()
        for name, about, value in (
            ("jobs_waiting", "Files to cut and pieces to recognise that wait.", lambda: self.queue.waiting),
            ("jobs_at_work", "Those that are at work.", lambda: self.queue.at_work),
            ("oldest_job_seconds", "How long the oldest job has waited.", lambda: self.queue.oldest),
            ("uploads_arriving", "Parts of uploads on their way.", arriving),
        ):
            Gauge(f"api_{name}", about, registry=self.registry).set_function(value)
