"""What sts counts, in Prometheus format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
OUTCOMES = ("dubbed", "overloaded", "deadline", "no_speech", "same_language", "failed", "abandoned")
STAGES = ("waited", "recognise", "translate", "synthesise")


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.phrases = Counter("sts_phrases", "Phrases by outcome.", ["outcome"], registry=self.registry)
        self.stages = Histogram(
            "sts_stage_seconds",
            "Time that a phrase spent in each stage.",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.whose = Histogram(
            "sts_speaker_seconds",
            "Time that telling a phrase's speaker took, beside recognition.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.spoken = Counter("sts_spoken", "Dubs by the voice engine.", ["engine"], registry=self.registry)
        self.translated = Counter(
            "sts_translated",
            "Phrases translated where MT_ENGINE=llm, by what translated them.",
            ["engine"],
            registry=self.registry,
        )
        self.sessions = Gauge("sts_sessions", "Open sessions.", registry=self.registry)
        self.resting = Gauge(
            "sts_resting_sessions", "Open sessions that there is no time for.", registry=self.registry
        )
        self.pending = Gauge(
            "sts_pending_phrases", "Phrases asked for and not answered.", registry=self.registry
        )
        self.backlog = Gauge(
            "sts_backlog_seconds", "Sound received and not recognised, all sessions.", registry=self.registry
        )
        self.heard = Counter("sts_sound_seconds", "Sound recognised.", registry=self.registry)
        self.dropped = Counter(
            "sts_dropped_sound_seconds", "Sound dropped because the backlog was full.", registry=self.registry
        )
        for outcome in OUTCOMES:
            self.phrases.labels(outcome)
        for stage in STAGES:
            self.stages.labels(stage)
