"""A one-off send: proposed with what it would do, begun once somebody has agreed, ended."""

from __future__ import annotations

import datetime as dt
import glob
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from engine.command_hints import command
from engine.errors import UsageError
from engine.problem import did_you_mean
from engine.project import Project
from engine.runtime.publish import one_off
from engine.runtime.publish.deploy import deploy
from engine.runtime.publish.last_published import published_project
from engine.runtime.publish.one_off import OneOffPlan, OneOffRequest
from engine.store.journeys import one_offs
from engine.store.journeys.one_offs import OneOff
from engine.values import Instant, at_local, local_date, zone


@dataclass(frozen=True, slots=True)
class OneOffProposal:
    """A one-off send that nobody has agreed to yet. `project`: what is published, with this send."""

    name: str
    request: OneOffRequest
    plan: OneOffPlan
    project: Project


def propose(
    conn: Connection, request: OneOffRequest, now: Instant, folder: Path, *, again: bool
) -> OneOffProposal:
    """What would be sent; nothing is changed. `folder`: of the project, whose templates may be ahead of what
    is published. `again`: the same may be sent once more on a day.

    Raises UsageError, AuthorError for what does not fit.
    """
    published = published_project(conn)
    if published is None:
        raise UsageError("nothing was deployed yet:", f"publish the project first with  {command('deploy')}")
    project = published[1]
    # against what is published and not against the folder: that is what would be sent
    for what, wanted, there in (
        ("template", request.template, list(project.templates.by_name)),
        ("template", request.against, list(project.templates.by_name)),
        ("segment", request.segment, list(project.journeys.segments)),
        ("policy", request.policy, list(project.journeys.policies)),
        ("code pool", request.code, [*project.config.codes, *project.config.offers]),
    ):
        if wanted and wanted not in there:
            if what == "template" and any((folder / "templates").glob(f"{glob.escape(wanted)}.*")):
                raise UsageError(
                    f'the template "{wanted}" is not published yet:', f"publish it with  {command('deploy')}"
                )
            raise UsageError(
                f'there is no {what} "{wanted}" in what is published:',
                did_you_mean(wanted, there, f"there are: {', '.join(sorted(there)) or 'none'}"),
            )
    # not every shop has orders
    usual = "order_placed" if "order_placed" in project.catalogue.events else "message_clicked"
    request = replace(request, goal=request.goal or usual)
    here = zone(project.config.timezone)
    head = one_off.head(request.template, local_date(now, here))
    # ended ones, too: a name is given once
    known = one_offs.named(conn, head)
    if not again and any(one_off.request_of(one) == request for one in known):
        raise UsageError(
            f"the same was sent today already ({known[-1].name}):", "add  --again  if that is what you want"
        )
    name = head if not known else f"{head}_{len(known) + 1}"
    # with those that are under way: they take places under the same caps
    sends = [*one_offs.list_active(conn), OneOff(name, now, "", one_off.journey_of(request, name))]
    names = frozenset([*(one.name for one in one_offs.named(conn, one_off.PREFIX)), name])
    extended = one_off.with_one_offs(project, sends, names)
    leaves = now
    if request.at:
        # by the shop's own clock: customers have theirs, and the plan is one
        moment = dt.datetime.fromisoformat(request.at)
        leaves = Instant(max(now, at_local(moment.date(), moment.time(), here)))
    plan = one_off.plan_of(conn, extended, extended.journeys.by_name[name], request.segment, leaves)
    return OneOffProposal(name, request, plan, extended)


def begin(conn: Connection, proposal: OneOffProposal, by: str, now: Instant) -> int:
    """All in one transaction: the journey is published, and its people are on the way into it. The number of
    the deployment."""
    published = published_project(conn)
    assert published is not None  # of it the proposal was made
    project = published[1]
    # First the send, then the deployment that publishes it with all others, then the people who enter it
    one_offs.add(conn, OneOff(proposal.name, now, by, one_off.journey_of(proposal.request, proposal.name)))
    done = deploy(conn, project, now, by)
    day = local_date(now, zone(project.config.timezone))
    one_off.start(conn, proposal.name, proposal.plan.members, day, now)
    return done.number


def stop(conn: Connection, name: str, by: str, now: Instant) -> None:
    """Whoever is inside of a one-off send leaves, and what was planned is taken back. Raises UsageError where
    none of this name is under way."""
    active = {one.name: one for one in one_offs.list_active(conn)}
    published = published_project(conn)
    if name not in active or published is None:
        raise UsageError(
            f'no one-off send "{name}" is under way:',
            did_you_mean(name, active, f"under way: {', '.join(active) or 'none'}"),
        )
    request = one_off.request_of(active[name])
    one_offs.change_source(conn, name, one_off.journey_of(request, name, stopped=True))
    deploy(conn, published[1], now, by)
