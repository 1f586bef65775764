"""What `status` tells: what waits, what stands still, who is stuck and why, where the people are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.cli.reports import catalogue, facts, guards, unknown_messages
from engine.cli.reports.catalogue import CatalogueReport
from engine.cli.reports.guards import GuardsReport
from engine.cli.reports.unknown_messages import UnknownMessage
from engine.config import Config
from engine.runtime.workers.cluster_view import Role, shares
from engine.store import count_backfill, meta
from engine.store.alerting import alert_messages, alerts, troubles
from engine.store.audience import admissions
from engine.store.customers import address_index, batches, enrollments
from engine.store.customers.enrollments import InsideCounts
from engine.store.daemon import backlog, daemon_state, workers
from engine.store.inbox import due_queue, quarantine, refusals
from engine.store.inbox.refusals import RefusalCount
from engine.store.journeys import deployments, pauses
from engine.store.messages import webhooks
from engine.values import DAY, SECOND, Instant, iso

MOST_ALERTS = 20
REFUSED_DAYS = 7


@dataclass(frozen=True, slots=True)
class DeploymentSummary:
    """What is published."""

    number: int
    at: str
    whom: str
    commit: str
    journeys: int


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """How much is not done yet."""

    inbox: int  # received, not applied
    planned: int  # messages on their way
    unknown: int  # messages of which nobody knows whether they left, or that are held
    stuck: int  # customers set aside
    due: int  # customers whose time has come
    next_due: str | None


@dataclass(frozen=True, slots=True)
class FailingWebhook:
    """A webhook whose calls are not taken."""

    webhook: str
    waiting: int
    since: str
    next_at: str
    answer: str


@dataclass(frozen=True, slots=True)
class PauseSummary:
    """A pause that holds."""

    scope: str
    name: str
    since: str
    whom: str
    why: str


@dataclass(frozen=True, slots=True)
class StuckCustomer:
    """A customer who is set aside, since a decision about them fails."""

    customer: str
    since: str
    tries: int
    retry_at: str
    why: str


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """A channel that takes nothing."""

    channel: str
    since: str
    why: str


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """What the owner of a journey was told."""

    at: str
    journey: str
    owner: str
    why: str


@dataclass(frozen=True, slots=True)
class TroubleSummary:
    """Something that is wrong and lasts, as alerts tell it; without `alerts:` nobody looks."""

    since: str
    why: str


@dataclass(frozen=True, slots=True)
class UnsentSummary:
    """A destination that takes no alerts."""

    destination: str
    since: str
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class RefusedSummary:
    """What a sender got wrong, how often. The names in it may be anything; `refused` shows them."""

    source: str
    why: str
    times: int
    last_at: str


@dataclass(frozen=True, slots=True)
class ProcessSummary:
    """One of many processes that work on the store. `buckets`: its share of the customers; it helps with
    those of others where it has nothing to do."""

    id: str
    role: str
    host: str
    pid: int
    version: str
    since: str
    silent: float  # seconds since it last said that it lives
    leads: bool  # does what is to be done once for all
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AdmissionSummary:
    """Members of a segment who come into a journey by `members: all`. `left`: how many are still to come;
    `listed`: of how many, as far as they are listed. `until`: when the last one comes, ISO 8601; None: not
    all are listed yet."""

    journey: str
    segment: str
    left: int
    listed: int
    until: str | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything that `status` says. Moments as ISO 8601 in UTC."""

    now: str
    deployment: DeploymentSummary | None
    customers: int
    shared_addresses: int  # addresses that more than one customer has
    queues: QueueSummary
    webhooks: Mapping[str, int]  # calls by their state
    failing_webhooks: tuple[FailingWebhook, ...]
    pauses: tuple[PauseSummary, ...]
    stuck: tuple[StuckCustomer, ...]
    inside: Mapping[str, InsideCounts]
    admissions: tuple[AdmissionSummary, ...]  # that are under way
    alerts: tuple[AlertSummary, ...]
    troubles: tuple[TroubleSummary, ...]
    unsent_alerts: tuple[UnsentSummary, ...]
    guards: GuardsReport
    kept: int  # refused items that wait to be taken again
    refused: tuple[RefusedSummary, ...]  # of the last 7 days, the most frequent first
    unknown: tuple[UnknownMessage, ...]
    daemon: bool
    processes: tuple[ProcessSummary, ...]  # on PostgreSQL
    failing_channels: tuple[ChannelSummary, ...]
    channels_refused: str  # why the daemon keeps the channels of an earlier config.yaml
    after_restart: tuple[str, ...]  # parts of config.yaml that count after the next start
    catalogue: CatalogueReport
    facts: Mapping[str, str]  # those that are not whole, with how far they are
    past_counted: int | None  # percent of what happened before this version that reports count; None: all


def look(conn: Connection, config: Config, now: Instant, *, daemon: bool) -> StatusReport:
    """As the store has it now. `daemon`: whether one runs."""
    deployed, first = deployments.current(conn), due_queue.first(conn)
    followed = daemon_state.followed(conn) if daemon else None
    return StatusReport(
        now=iso(now),
        deployment=DeploymentSummary(
            deployed.number, iso(deployed.at), deployed.whom, deployed.commit, len(deployed.journeys)
        )
        if deployed
        else None,
        customers=batches.count(conn),
        shared_addresses=address_index.count_shared(conn),
        queues=QueueSummary(
            **backlog.waiting(conn),
            due=due_queue.overdue(conn, now),
            next_due=iso(first) if first else None,
        ),
        webhooks=webhooks.counts(conn),
        failing_webhooks=tuple(
            FailingWebhook(hook.webhook, hook.waiting, iso(hook.since), iso(hook.next_at), hook.detail)
            for hook in webhooks.failing(conn)
        ),
        pauses=tuple(
            PauseSummary(pause.scope, pause.name, iso(pause.at), pause.whom, pause.why)
            for pause in pauses.list_active(conn)
        ),
        stuck=tuple(
            StuckCustomer(stuck.customer, iso(stuck.since), stuck.tries, iso(stuck.retry_at), stuck.why)
            for stuck in quarantine.list_all(conn)
        ),
        inside=enrollments.inside(conn),
        admissions=tuple(
            AdmissionSummary(
                each.journey,
                each.segment,
                admissions.left(conn, each),
                each.members,
                iso(each.until) if each.listed_at is not None else None,
            )
            for each in admissions.under_way(conn)
        ),
        alerts=tuple(
            AlertSummary(iso(alert.at), alert.journey, alert.owner, alert.why)
            for alert in alerts.latest(conn, MOST_ALERTS)
        ),
        troubles=tuple(
            TroubleSummary(iso(trouble.since), trouble.why) for trouble in troubles.standing(conn)
        ),
        unsent_alerts=tuple(
            UnsentSummary(unsent.destination, iso(unsent.since), unsent.attempts, unsent.detail)
            for unsent in alert_messages.unsent(conn)
        ),
        guards=guards.look(conn, config, now),
        kept=refusals.how_many(conn),
        refused=tuple(_refused(refusals.counts(conn, Instant(now - REFUSED_DAYS * DAY)))),
        unknown=tuple(unknown_messages.look(conn, config, now)),
        daemon=daemon,
        processes=tuple(_processes(conn)),
        failing_channels=tuple(
            ChannelSummary(failing.channel, iso(failing.since), failing.why)
            for failing in daemon_state.failing_channels(conn)
            if failing.channel in config.channels
        ),
        channels_refused=followed.refused if followed else "",
        after_restart=followed.after_restart if followed else (),
        catalogue=catalogue.look(conn, config, now),
        facts=facts.unsettled(conn),
        past_counted=past.percent if (past := count_backfill.progress(conn)) is not None else None,
    )


def _processes(conn: Connection) -> Iterator[ProcessSummary]:
    everybody = workers.everybody(conn)
    if not everybody:
        return
    leader = workers.leader(conn)
    members = [worker.id for worker in everybody if worker.role != Role.HTTP]
    divided = shares(meta.buckets(conn), members)
    for worker in everybody:
        yield ProcessSummary(
            worker.id, worker.role, worker.host, worker.pid, worker.version, iso(worker.started_at),
            round(worker.silent / SECOND, 1), worker.id == leader, tuple(divided.get(worker.id, ())),
        )  # fmt: skip


def _refused(counts: Sequence[RefusalCount]) -> Iterator[RefusedSummary]:
    """By source and reason, the most frequent first."""
    times: dict[tuple[str, str], int] = {}
    last: dict[tuple[str, str], Instant] = {}
    for count in counts:
        key = (count.source, count.why)
        times[key] = times.get(key, 0) + count.times
        last[key] = max(last.get(key, Instant(0)), count.last_at)
    for key, number in sorted(times.items(), key=lambda line: (-line[1], line[0])):
        yield RefusedSummary(*key, number, iso(last[key]))
