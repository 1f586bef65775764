"""Which definition of a fact decisions go by while another one is made whole, and what is noticed when files
are published."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine import project as projects
from engine.core.facts.backfill import Backfill
from engine.core.facts.rule import FactRule
from engine.core.happening import FactsRedefined
from engine.core.journeys import Journeys
from engine.store.customers import batches
from engine.store.facts import definitions, pages
from engine.store.facts.definitions import DefinitionState, FactDefinition, UnsettledFact
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.journeys import deployments
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class FactsInUse:
    """What decisions go by. `journeys`: the published ones, with the definitions in use instead of those that
    are not whole, which are among `backfills`. `placing`: those that are whole, and whose values may still
    have to be put in their place; a customer is, before anything is decided for them."""

    journeys: Journeys
    placing: tuple[Backfill, ...] = ()


def in_use(conn: Connection, published: Journeys, unsettled: Sequence[UnsettledFact]) -> FactsInUse:
    """The facts of `published` as they hold now. A definition that no file has any more is no longer counted:
    its value stands as it is."""
    facts = {rule.name: rule for rule in published.facts}
    backfills, placing = [], []
    for each in unsettled:
        wanted = facts.get(each.name)
        used = used_rule(conn, each, wanted)
        # no definition that could count: the value stays as it is until the new one is whole
        if used is None:
            facts.pop(each.name, None)
        else:
            facts[each.name] = used
        if (
            each.state is DefinitionState.COUNTING
            and wanted is not None
            and wanted.fingerprint == each.coming
        ):
            backfills.append(Backfill(wanted, each.attempt, published.currency))
        if each.state is DefinitionState.PLACING and used is not None:
            placing.append(Backfill(used, each.attempt, published.currency))
    journeys = dataclasses.replace(published, facts=tuple(facts.values()), backfills=tuple(backfills))
    return FactsInUse(journeys, tuple(placing))


def used_rule(
    conn: Connection, definition: UnsettledFact | FactDefinition, wanted: FactRule | None
) -> FactRule | None:
    """The definition that the values of a fact are by; None: there is none, or its files are not readable any
    more. `wanted`: the published one."""
    # the usual case, without reading the files of a deployment
    if wanted is not None and wanted.fingerprint == definition.fingerprint:
        return wanted
    if not definition.fingerprint:
        return None
    files = deployments.files(conn, definition.deployment)
    rule = projects.load_published_facts(files).get(definition.name) if files else None
    return rule if rule is not None and rule.is_kept else None


def notice(
    conn: Connection, facts: Iterable[FactRule], number: int, now: Instant, before: Iterable[FactRule] = ()
) -> list[FactDefinition]:
    """Compares the facts of deployment `number` with those that customers have values by, and begins to count
    what is new or changed: those that were begun. `before`: the facts of the deployment before it, for a
    store that knows nothing of definitions yet."""
    known = definitions.all_of(conn)
    # a store of a version without definitions: what customers have is by the facts that were published
    # before
    if not known:
        known = {
            rule.name: _whole(rule, max(number - 1, 1), now) for rule in before if rule.is_kept
        }  # fmt: skip
        definitions.put(conn, known.values())
    wanted = {rule.name: rule for rule in facts if rule.is_kept}
    people = batches.count(conn)
    changed = [_noticed(conn, rule, known.get(name), number, now, people) for name, rule in wanted.items()]
    gone = [
        dataclasses.replace(each, state=DefinitionState.REMOVED, since=now)
        for name, each in known.items()
        if name not in wanted and each.state is not DefinitionState.REMOVED
    ]
    # nothing is written by a deployment that changes no fact
    definitions.put(conn, (each for each in (*changed, *gone) if each != known.get(each.name)))
    return [
        each
        for each in changed
        if each.state is DefinitionState.COUNTING and each != known.get(each.name)
    ]  # fmt: skip


def ask(
    conn: Connection, facts: Iterable[FactRule], names: Iterable[str], now: Instant, *, from_kept: bool
) -> list[FactDefinition]:
    """Begins to count facts that are whole anew; the others go on as they are. All of these, as they are
    now."""
    known, people = definitions.all_of(conn), batches.count(conn)
    rules = {rule.name: rule for rule in facts}
    found = []
    for name in names:
        each = known[name]
        if each.state is DefinitionState.WHOLE:
            each = each.begun(rules[name].fingerprint, now, people, asked=True, from_kept=from_kept)
            definitions.put(conn, [each])
        found.append(each)
    return found


def _noticed(
    conn: Connection, rule: FactRule, known: FactDefinition | None, number: int, now: Instant, people: int
) -> FactDefinition:
    if known is None:
        nothing = dataclasses.replace(_whole(rule, number, now), fingerprint="")
        return _whole(rule, number, now) if not people else nothing.begun(rule.fingerprint, now, people)
    if known.state in (DefinitionState.PLACING, DefinitionState.DROPPING):
        return known  # the end of it notices
    if known.state is DefinitionState.REMOVED:
        # What happened meanwhile was not counted
        return dataclasses.replace(known, fingerprint="").begun(rule.fingerprint, now, people)
    used = used_rule(conn, known, rule)
    # by the rules and not by what is stored: a release may write the same fingerprint in another way
    if used is not None and used.fingerprint == rule.fingerprint:
        same = dataclasses.replace(known, fingerprint=rule.fingerprint, deployment=number)
        takes_back = known.state is DefinitionState.COUNTING and not known.asked
        return same.turned(DefinitionState.DROPPING) if takes_back else same
    if known.state is DefinitionState.COUNTING and known.coming == rule.fingerprint:
        return known
    # there is nobody to count for
    if not people:
        return _whole(rule, number, now)
    return known.begun(rule.fingerprint, now, people)


def _whole(rule: FactRule, number: int, now: Instant) -> FactDefinition:
    return FactDefinition(rule.name, DefinitionState.WHOLE, rule.fingerprint, number, now)


def put_in_place(
    conn: Connection,
    journeys: Journeys,
    bucket: int,
    customers: Iterable[str],
    placing: Sequence[Backfill],
    now: Instant,
) -> bool:
    """Puts new values in place, and tells those customers who have another one by them, if anything asks for
    it. Whether somebody was told."""
    different = pages.place(conn, bucket, customers, placing)
    asked = {name for backfill in placing if _is_asked(journeys, name := backfill.rule.name)}
    rows = []
    for customer, names in different:
        if told := tuple(name for name in names if name in asked):
            kind, body = to_row(FactsRedefined(0, now, told))
            rows.append((bucket, customer, kind, now, body))
    # nobody waits for it: behind what happens now
    inbox.append_history(conn, rows)
    return bool(rows)


def _is_asked(journeys: Journeys, name: str) -> bool:
    index = journeys.index
    rule = index.rules.get(name)
    tiers = journeys.loyalty.tiers if journeys.loyalty is not None else None
    return (
        name in index.exit_attributes
        or (tiers is not None and tiers.fact == name)
        or name in index.date_attributes
        or name in index.segment_dependencies.of_attribute
        or (rule is not None and rule.how == "next")
    )
