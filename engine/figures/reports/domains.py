"""What became of messages by the domain of their recipients: a part of `report channels`."""

from __future__ import annotations

from engine.figures.content import ReportScope
from engine.figures.metrics import Totals
from engine.figures.period import Period
from engine.figures.report import Table, row
from engine.figures.reports.channels import CHANNELS
from engine.figures.sums import Sums, add
from engine.recipient_domains import OTHERS
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import domain_sums

MOST = 12
"""So many domains of a channel have a line of their own."""

_REMARK = (
    "Named are the largest mailbox providers, countries of telephones, and what `reports: {domains: }` of "
    "config.yaml names. A domain of a firm or a family would name people: it counts among the others."
)
_Domains = dict[str, Sums]
"""By domain."""


def domains(scope: ReportScope) -> tuple[Table, ...]:
    """A line for each large domain of each channel whose addresses have one, and one for the others; no table
    where none has."""
    now, before = (_by_channel(scope, period) for period in (scope.wanted.period, scope.before))
    lines = []
    for channel in sorted({*now, *before}):
        its_now, its_before = now.get(channel, {}), before.get(channel, {})
        if not {*its_now, *its_before} - {""}:
            continue
        named = _largest(its_now, its_before)
        shown, shown_before = _gathered(its_now, named), _gathered(its_before, named)
        for domain in (*named, OTHERS, ""):
            if domain in shown or domain in shown_before:
                totals, earlier = (Totals(half.get(domain, {})) for half in (shown, shown_before))
                lines.append(row(f"{channel}: {_WORDS.get(domain, domain)}", CHANNELS, totals, earlier))
    title = "Channels by the domain of the recipients"
    return (Table("domains", title, "channel", CHANNELS, tuple(lines), remarks=(_REMARK,)),) if lines else ()


_WORDS = {OTHERS: "all others", "": "no address known"}


def _largest(now: _Domains, before: _Domains) -> list[str]:
    """The domains that get a line, those that got the most messages first."""

    def size(domain: str) -> tuple[int, int, str]:
        this, last = (Totals(half.get(domain, {})).n(Count.SENT) for half in (now, before))
        return -this, -last, domain

    return sorted({*now, *before} - {"", OTHERS}, key=size)[:MOST]


def _gathered(half: _Domains, named: list[str]) -> _Domains:
    """The domains that have no line are among the others."""
    found: _Domains = {}
    for domain, sums in half.items():
        place = domain if domain in named or not domain else OTHERS
        for key, total in sums.items():
            add(found.setdefault(place, {}), key, total)
    return found


def _by_channel(scope: ReportScope, period: Period) -> dict[str, _Domains]:
    found: dict[str, _Domains] = {}
    for one in domain_sums(scope.conn, period.first, period.last):
        add(found.setdefault(one.channel, {}).setdefault(one.domain, {}), (one.what, one.why), one.total)
    return found
