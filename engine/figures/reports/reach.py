"""Who can be written to now, by channel: a part of the overview and of the audit."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.journeys import Journeys
from engine.figures.content import ReportScope
from engine.figures.metrics import Metric, Unit, ratio
from engine.figures.report import Row, Table
from engine.store.audience import reach_counts
from engine.store.audience.reach_counts import ChannelPurpose, ReachState
from engine.store.customers import batches

_NOW = "now, whatever the period is"


def _metric(name: str, title: str, unit: Unit, formula: str, of: str = "") -> Metric:
    return Metric(
        f"reach_{name}", title, unit, formula, "people, visitors that are known among them", _NOW, of
    )


OPEN = _metric("open", "can be written to", "count", "the address is not closed, and the consent given")
OPEN_SHARE = _metric("open_share", "share", "share", "can be written to / everybody", "everybody")
UNCONFIRMED = _metric(
    "unconfirmed", "not confirmed", "count", "has an address, was asked for the consent and has not answered"
)
NO_CONSENT = _metric("no_consent", "no consent", "count", "has an address, and no consent for it was given")
SUPPRESSED = _metric(
    "suppressed", "closed", "count", "the address is closed: left, complained, closed by hand"
)
BOUNCED = _metric("bounced", "bounced", "count", "the address does not exist: mail to it came back for good")
NO_ADDRESS = _metric("no_address", "no address", "count", "no address of the channel is known")
REACH: tuple[Metric, ...] = (OPEN, OPEN_SHARE, UNCONFIRMED, NO_CONSENT, SUPPRESSED, BOUNCED, NO_ADDRESS)


def reach_of(journeys: Journeys) -> list[ChannelPurpose]:
    """Each channel of the project with each purpose for which it asks a consent."""
    purposes = sorted({policy.consent for policy in journeys.policies.values() if policy.consent is not None})
    return [ChannelPurpose(channel, purpose) for channel in journeys.channels for purpose in purposes]


def reach(scope: ReportScope) -> Table:
    """A line for each channel; where there are several purposes for each of both."""
    wanted, everybody = reach_of(scope.journeys), batches.count(scope.conn)
    found = reach_counts.open_counts(scope.conn, wanted)
    rows = [
        Row(label, (found[pair], ratio(found[pair], everybody)), ())
        for pair, label in zip(wanted, _labels(wanted), strict=True)
    ]
    return Table("reach", "Who can be written to", "channel", (OPEN, OPEN_SHARE), tuple(rows))


def reach_and_why_not(scope: ReportScope) -> Table:
    """As `reach`, with the reasons for which the others cannot be written to."""
    wanted, everybody = reach_of(scope.journeys), batches.count(scope.conn)
    found = reach_counts.counts(scope.conn, wanted)
    rows = []
    for pair, label in zip(wanted, _labels(wanted), strict=True):
        states = found[pair]
        known = sum(n for state, n in states.items() if state is not ReachState.NO_ADDRESS)
        can = states.get(ReachState.OPEN, 0)
        rest = (states.get(state, 0) for state in _CLOSED)
        rows.append(Row(label, (can, ratio(can, everybody), *rest, everybody - known), ()))
    return Table("reach", "Who can be written to", "channel", REACH, tuple(rows))


_CLOSED = (ReachState.UNCONFIRMED, ReachState.NO_CONSENT, ReachState.SUPPRESSED, ReachState.BOUNCED)


def _labels(wanted: Sequence[ChannelPurpose]) -> list[str]:
    has_several = len({pair.purpose for pair in wanted}) > 1
    return [f"{pair.channel}, {pair.purpose}" if has_several else pair.channel for pair in wanted]
