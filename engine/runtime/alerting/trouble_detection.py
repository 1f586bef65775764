"""What is wrong right now, as far as the store and this process can tell."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from engine.command_hints import command
from engine.config import Config
from engine.store.alerting import alert_messages
from engine.store.daemon import daemon_state
from engine.store.feeds import feed_state
from engine.store.feeds.feed_state import FeedState
from engine.store.inbox import due_queue
from engine.store.incentives import code_stock
from engine.store.journeys import pauses
from engine.store.messages import webhooks
from engine.store.messages.states import MessageState
from engine.store.sql import rows
from engine.values import HOUR, MINUTE, Instant

LATE = 15 * MINUTE
"""Customers who are decided about so much too late are a trouble."""

WEBHOOK_LATE = HOUR
"""Calls that nobody has taken for so long."""

FEED_FAILURES = 3
"""Tries in a row to fetch the catalogue feed; fewer may be a server that starts anew."""

LEAST_FREE = 500_000_000
"""Bytes on the disk of the store; below it the daemon may soon take nothing."""


def store_troubles(conn: Connection, config: Config, now: Instant) -> dict[str, str]:
    """Name -> what is wrong, from what the store says. Every statement reads an index of what is open."""
    troubles = {
        f"channel {failing.channel}": f'the channel "{failing.channel}" takes nothing: {failing.why}'
        for failing in daemon_state.failing_channels(conn)
        if failing.channel in config.channels
    }
    for pause in pauses.list_automatic(conn):
        troubles[f"pause {pause.scope} {pause.name}"] = (
            f"the {pause.scope} {pause.name} stands still because of what was answered: {pause.why}"
        )
    stuck = rows(conn, "SELECT customer, why FROM stuck ORDER BY bucket, customer LIMIT 1000")
    if stuck:
        many = f"{len(stuck):,} customers are" if len(stuck) > 1 else "a customer is"
        troubles["stuck customers"] = f"{many} set aside: {stuck[0][1]}"
    held = rows(
        conn,
        "SELECT count(*) FROM (SELECT state FROM outbox WHERE state IN ('unknown', 'held') LIMIT 10000) AS o"
        " WHERE state = ?",
        (MessageState.HELD.value,),
    )[0][0]
    if held:
        troubles["held messages"] = f"{held:,} messages wait for a person to say whether they left"
    for hook in webhooks.failing(conn):
        if now - hook.since >= WEBHOOK_LATE:
            troubles[f"webhook {hook.webhook}"] = (
                f'the webhook "{hook.webhook}" takes no calls: {hook.detail} ({hook.waiting:,} wait)'
            )
    first = due_queue.first(conn)
    if first is not None and now - first >= LATE:
        troubles["lag"] = "customers are decided about more than 15 minutes too late"
    files = [(pool.name, pool.alert) for pool in config.codes.values() if pool.kind == "file"]
    for pool, left, least in code_stock.low_pools(conn, files):
        troubles[f"codes {pool}"] = (
            f"the pool {pool} is empty"
            if not left
            else f"the pool {pool} has fewer than {least:,} codes left"
        )
    if config.catalogue is not None:
        troubles |= _feed_troubles(feed_state.load(conn))
    for unsent in alert_messages.unsent(conn):
        troubles[f"alerts {unsent.destination}"] = (
            f"alerts cannot be sent to {unsent.destination.partition(':')[0]}: {unsent.detail}"
        )
    return troubles


def _feed_troubles(feed: FeedState) -> dict[str, str]:
    troubles = {}
    if feed.refused:
        take = command("catalogue fetch --anyway")
        troubles["catalogue feed"] = (
            f"the catalogue feed was not taken, and products are as before: {feed.refused} ({take} takes it)"
        )
    if feed.failures >= FEED_FAILURES:
        troubles["catalogue feed address"] = f"the catalogue feed cannot be fetched: {feed.failed}"
    return troubles


def process_troubles(parts: Mapping[str, str], folder: Path | None) -> dict[str, str]:
    """What stands in the way of the parts of this daemon (name -> why), and of the disk of the store."""
    troubles = {f"part {name}": f"a part of the daemon does not work: {why}" for name, why in parts.items()}
    if folder is not None and (free := shutil.disk_usage(folder).free) < LEAST_FREE:
        troubles["disk"] = f"only {free // 1_000_000:,} MB are free on the disk of the store"
    return troubles
