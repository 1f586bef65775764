"""Figures for Prometheus: what was taken in, decided and handed over, and how long the queues are. Never a
customer."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The figures of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        # Not the global one: two daemons in one process (of the tests) would count together.
        self.registry = CollectorRegistry()
        registry = self.registry
        # Of its own as well: the names of keys are told only to those who have one.
        self.named = CollectorRegistry()
        self.items = Counter(
            "perennial_items_total", "Items that requests brought", ["result"], registry=registry
        )
        self.items_of_key = Counter(
            "perennial_key_items_total", "Items by the key that brought them", ["source", "result"],
            registry=self.named,
        )  # fmt: skip
        self.requests = Counter(
            "perennial_requests_total", "Requests", ["route", "status"], registry=registry
        )
        self.store_failures = Counter(
            "perennial_store_failures_total", "Writes that the store refused", registry=registry
        )
        self.defects = Counter(
            "perennial_defects_total", "Ticks that a defect of ours ended", ["part"], registry=registry
        )
        self.reports = Counter(
            "perennial_reports_total",
            "What providers reported, each once",
            ["channel", "kind"],
            registry=registry,
        )
        self.reports_known = Counter(
            "perennial_reports_repeated_total",
            "Reports that had been taken before",
            ["channel"],
            registry=registry,
        )
        self.decided = Counter(
            "perennial_decided_total", "Customers that a batch decided about", registry=registry
        )
        self.batches = Counter("perennial_batches_total", "Batches of the advancer", registry=registry)
        self.inbox = Gauge("perennial_inbox_rows", "What happened and is not applied yet", registry=registry)
        self.due = Gauge("perennial_due_customers", "Customers who are due now", registry=registry)
        self.stuck = Gauge("perennial_stuck_customers", "Customers who are set aside", registry=registry)
        self.outbox = Gauge(
            "perennial_outbox_messages", "Messages on their way", ["channel", "state"], registry=registry
        )
        self.failing = Gauge(
            "perennial_channel_failing", "1: the channel takes nothing", ["channel"], registry=registry
        )
        self.paused = Gauge("perennial_pauses", "Standing pauses", registry=registry)

    def text(self, *, named: bool = False) -> bytes:
        """The exposition format. `named`: with the names of keys."""
        return generate_latest(self.registry) + (generate_latest(self.named) if named else b"")
