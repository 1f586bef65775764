"""Figures for Prometheus: what was taken in, decided and handed over, how long it took, how much waits and
since when. Never a customer.

What happens is counted where it happens, by values that are looked up once (an increment costs about a
microsecond). What stands in the store is read by `engine.http.gauges` when somebody asks.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import lru_cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from engine.channels.base import OutcomeKind

disable_created_metrics()  # type: ignore[no-untyped-call]

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: borders for what a person or a provider waits for."""

SLOW = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)
"""Seconds: borders for how late something was done."""


class Metrics:
    """The figures of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        # Not the global one: two daemons in one process (of the tests) would count together.
        self.registry = CollectorRegistry()
        # Of its own as well: the names of keys are told only to those who have one.
        self.named = CollectorRegistry()
        # Of the machine's own kernel; its names begin with `process_` and are none of ours.
        self.process = CollectorRegistry()
        ProcessCollector(registry=self.process)
        self._intake()
        self._deciding()
        self._delivering()
        self._store()
        # a child is found by a lock and a tuple; the few that are asked for all the time are kept
        self._request = lru_cache(maxsize=1024)(self.requests.labels)
        self._seconds = lru_cache(maxsize=256)(self.request_seconds.labels)
        self._items = lru_cache(maxsize=16)(self.items.labels)
        self._items_of_key = lru_cache(maxsize=1024)(self.items_of_key.labels)
        self._message = lru_cache(maxsize=256)(self.messages.labels)
        self._delivery_seconds = lru_cache(maxsize=64)(self.delivery_seconds.labels)
        self._delivery_lag = lru_cache(maxsize=64)(self.delivery_lag.labels)

    def _intake(self) -> None:
        self.items = self._counter("perennial_items_total", "Items that requests brought", "result")
        self.items_of_key = Counter(
            "perennial_key_items_total", "Items by the key that brought them", ["source", "result"],
            registry=self.named,
        )  # fmt: skip
        self.requests = self._counter("perennial_requests_total", "Requests", "route", "status")
        self.request_seconds = Histogram(
            "perennial_request_seconds", "From the head of a request to that of its answer", ["route"],
            buckets=QUICK, registry=self.registry,
        )  # fmt: skip
        self.refused = self._gauge("perennial_refused_today", "Items that were wrong today (UTC)")
        self.refused_kept = self._gauge(
            "perennial_refused_kept_items", "Refused items that wait to be taken again"
        )

    def _deciding(self) -> None:
        self.decided = self._counter("perennial_decided_total", "Decisions about runs of customers")
        self.batches = self._counter("perennial_batches_total", "Batches of the advancer")
        self.decision_seconds = Histogram(
            "perennial_decision_seconds", "From the claim of a batch until its decisions are durable",
            buckets=QUICK, registry=self.registry,
        )  # fmt: skip
        self.inbox = self._gauge("perennial_inbox_rows", "What happened and is not applied yet")
        self.inbox_oldest = self._gauge(
            "perennial_inbox_oldest_seconds", "Since when the oldest row of the inbox waits"
        )
        self.due = self._gauge("perennial_due_customers", "Customers who are due now")
        self.due_lag = self._gauge(
            "perennial_due_lag_seconds", "How late the customer is who has been due for the longest"
        )
        self.stuck = self._gauge("perennial_stuck_customers", "Customers who are set aside")

    def _delivering(self) -> None:
        self.outbox = self._gauge("perennial_outbox_messages", "Messages on their way", "channel", "state")
        self.outbox_oldest = self._gauge(
            "perennial_outbox_oldest_seconds",
            "How long the oldest of them could have gone on, by channel and state", "channel", "state",
        )  # fmt: skip
        self.messages = self._counter(
            "perennial_messages_total", "Attempts by what the channel said", "channel", "outcome"
        )
        self.delivery_seconds = Histogram(
            "perennial_delivery_seconds", "From the hand-over of a message to its channel until the answer",
            ["channel"], buckets=QUICK, registry=self.registry,
        )  # fmt: skip
        self.delivery_lag = Histogram(
            "perennial_delivery_lag_seconds", "From when a message was due until its channel had answered",
            ["channel"], buckets=SLOW, registry=self.registry,
        )  # fmt: skip
        self.failing = self._gauge("perennial_channel_failing", "1: the channel takes nothing", "channel")
        self.paused = self._gauge("perennial_pauses", "Standing pauses")
        self.reports = self._counter(
            "perennial_reports_total", "What providers reported, each once", "channel", "kind"
        )
        self.reports_known = self._counter(
            "perennial_reports_repeated_total", "Reports that had been taken before", "channel"
        )

    def _store(self) -> None:
        self.store_failures = self._counter("perennial_store_failures_total", "Writes that the store refused")
        self.defects = self._counter("perennial_defects_total", "Ticks that a defect of ours ended", "part")
        self.commit_seconds = Histogram(
            "perennial_store_commit_seconds", "From the begin of a transaction until it is durable",
            buckets=QUICK, registry=self.registry,
        )  # fmt: skip
        self.jobs = self._counter("perennial_store_jobs_total", "Jobs of the writer")
        self.store_bytes = self._gauge(
            "perennial_store_bytes", "Size of the database, of its log, and of what is free in it", "part",
        )  # fmt: skip
        self.alert_messages = self._counter(
            "perennial_alert_messages_total", "Messages to people about alerts", "way", "outcome"
        )
        self.alerts_unsent = self._gauge(
            "perennial_alerts_unsent", "Destinations whose last message about alerts was not taken"
        )
        self.troubles = self._gauge("perennial_troubles", "What is wrong and lasts, as alerts tell it")
        self.feed_age = self._gauge(
            "perennial_catalogue_feed_age_seconds",
            "Since when the catalogue feed was taken last, or had not changed",
        )
        self.feed_items = self._gauge(
            "perennial_catalogue_feed_items", "Items of the last feed that was taken", "result"
        )
        self.feed_refused = self._gauge(
            "perennial_catalogue_feed_refused", "1: the last feed was not taken, or cannot be fetched"
        )
        self.build = self._gauge(
            "perennial_build_info", "1: what runs here", "version", "commit", "python", "database"
        )
        self.deployment = self._gauge(
            "perennial_deployment_info", "1: the deployment that counts", "number", "commit"
        )
        self.deployed_at = self._gauge("perennial_deployment_timestamp_seconds", "When it was published")

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, labels, registry=self.registry)

    # --- what happens ---------------------------------------------------------------------------------

    def answered(self, route: str, status: str, seconds: float) -> None:
        """A request has its answer. `route`: the pattern, of which there are few."""
        self._request(route, status).inc()
        self._seconds(route).observe(seconds)

    def took_in(self, key: str, counts: Mapping[str, int]) -> None:
        """A request with this key brought items: how many of each result."""
        for result, number in counts.items():
            items, items_of_key = self._items(result), self._items_of_key(key, result)
            if number:  # else it is enough that there is such a figure
                items.inc(number)
                items_of_key.inc(number)

    def delivered(self, channel: str, kind: OutcomeKind, seconds: float, lag: float) -> None:
        """A channel has answered; `lag`: seconds since the message was due."""
        self._message(channel, kind.replace(" ", "_")).inc()
        self._delivery_seconds(channel).observe(seconds)
        self._delivery_lag(channel).observe(max(0.0, lag))

    def alerted(self, way: str, outcome: str) -> None:
        """An alert message was sent, or an attempt has failed; `way`: `mail` or `webhook`."""
        self.alert_messages.labels(way, outcome).inc()

    def committed(self, jobs: int, seconds: float) -> None:
        """The writer has made a transaction durable."""
        self.jobs.inc(jobs)
        self.commit_seconds.observe(seconds)

    def decided_batch(self, decisions: int, seconds: float) -> None:
        """A batch is durable. One without a decision was only a look, which says nothing of how long they
        take."""
        self.batches.inc()
        if decisions:
            self.decided.inc(decisions)
            self.decision_seconds.observe(seconds)

    def runs(self, version: str, commit: str, database: str) -> None:
        """What runs here, from the start on."""
        self.build.labels(version, commit, platform.python_version(), database).set(1)

    def text(self, *, named: bool = False) -> bytes:
        """The exposition format. `named`: with the names of keys."""
        parts = [self.registry, self.process, *([self.named] if named else [])]
        return b"".join(generate_latest(part) for part in parts)
