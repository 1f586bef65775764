"""What `facts` tells of each: its words, by which definition its values are, and how far another one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.cli.output import counted
from engine.command_hints import command
from engine.core.facts.rule import FactRule
from engine.language import nodes
from engine.language.yaml.source import read
from engine.runtime.advance import gap_learning, scoring
from engine.runtime.publish.last_published import published_journeys
from engine.store.facts import definitions
from engine.store.facts.definitions import DefinitionState, FactDefinition
from engine.store.journeys import deployments
from engine.values import Instant, iso

SCHEMA = "schemas/customer.yaml"


@dataclass(frozen=True, slots=True)
class FactReport:
    """One fact as it was published. `state`: whole, counting, placing, dropping, removed, or `asked` (counted
    when it is asked for) and `nightly`. `in_use`: the words of the definition that its value is by, "" for
    none. `counted_from`: events before it were not kept when it was counted, which so many customers
    (`short`) had. `percent`: of the customers, while it is not whole. `says`: all of it in a sentence."""

    name: str
    words: str
    state: str
    in_use: str
    since: str | None
    percent: int | None
    customers: int | None
    counted_from: str | None
    short: int
    says: str


def report(conn: Connection) -> list[FactReport]:
    """Every fact of the last deployment, and those that were removed, by name; none before the first."""
    journeys = published_journeys(conn)
    if journeys is None:
        return []
    words = words_of(deployments.files(conn, deployments.current_number(conn)).get(SCHEMA, ""))
    known = definitions.all_of(conn)
    scored, learned = scoring.last_scores(conn, journeys), gap_learning.last_looks(conn, journeys)
    found = [
        _kept(conn, known[rule.name], words.get(rule.name, ""), learned.get(rule.name))
        if rule.is_kept and rule.name in known
        else _not_kept(rule, words.get(rule.name, ""), scored.get(rule.name))
        for rule in journeys.facts
    ]
    names = {rule.name for rule in journeys.facts}
    found += [
        _kept(conn, each, "", None)
        for name, each in known.items()
        if name not in names and each.state is DefinitionState.REMOVED
    ]
    return sorted(found, key=lambda each: each.name)


def progress_of(definition: FactDefinition) -> str:
    """How far a fact is that is not whole, and what stands until then."""
    far = f"{definition.percent}% of {counted(definition.people, 'customer')}"
    match definition.state:
        case DefinitionState.COUNTING if definition.asked:
            return f"is counted anew: {far}; until then its value stands"
        case DefinitionState.COUNTING if definition.fingerprint:
            return f"is computed in another way: {far} are counted; until then the old value stands"
        case DefinitionState.COUNTING:
            return f"is new: {far} are counted; until then it is not set"
        case DefinitionState.PLACING:
            return f"is whole, and takes the place of the old value: {far}"
        case DefinitionState.DROPPING:
            return f"stays as it is, what was begun beside it is taken away: {far}"
        case _:
            return ""


def unsettled(conn: Connection) -> dict[str, str]:
    """Facts that are not whole, with how far they are."""
    return {name: said for name, each in definitions.all_of(conn).items() if (said := progress_of(each))}


def gap_of(definition: FactDefinition) -> str:
    """What its values leave out; "" for nothing."""
    if definition.counted_from is None:
        return ""
    day = iso(definition.counted_from)[:10]
    return f"counted from {day} on: earlier events of {counted(definition.short, 'customer')} were not kept"


def words_of(text: str) -> Mapping[str, str]:
    """The facts of schemas/customer.yaml, each in one line."""
    root, _ = read(text, SCHEMA)
    facts = root.get("facts") if isinstance(root, nodes.Mapping) else None
    if not isinstance(facts, nodes.Mapping):
        return {}
    return {entry.key.text: _line(entry.value) for entry in facts.entries}


def _line(node: nodes.Node) -> str:
    if not isinstance(node, nodes.Mapping):
        return _text(node)
    parts = [
        _text(entry.value) if entry.key.text == "is" else f"{entry.key.text}: {_text(entry.value)}"
        for entry in node.entries
    ]
    return ", ".join(parts)


def _text(node: nodes.Node) -> str:
    match node:
        case nodes.Scalar(text=text):
            return text
        case nodes.Sequence(items=items):
            return f"[{', '.join(map(_text, items))}]"
        case nodes.Mapping(entries=entries):
            return "{" + ", ".join(f"{entry.key.text}: {_text(entry.value)}" for entry in entries) + "}"


def _not_kept(rule: FactRule, words: str, scored_at: Instant | None) -> FactReport:
    since = iso(scored_at) if scored_at is not None else None
    if rule.is_forecast:
        state, says = "nightly", "computed every night"
    elif rule.is_nightly:
        says = f"scored every night, last at {since}" if since else "scored every night, not yet"
        state = "nightly"
    else:
        state, says = "asked", "counted when it is asked for"
    return FactReport(rule.name, words, state, words, since, None, None, None, 0, says)


def _kept(conn: Connection, definition: FactDefinition, words: str, learned_at: Instant | None) -> FactReport:
    is_settled = definition.state in (DefinitionState.WHOLE, DefinitionState.REMOVED)
    says = [progress_of(definition)]
    if definition.state is DefinitionState.WHOLE:
        says = [f"of everybody since {iso(definition.since)}"]
        if learned_at is not None:
            says.append(f"what is usual was learned at {iso(learned_at)}")
        if definition.asked and definition.found_short and not definition.from_kept:
            people = counted(definition.found_short, "customer")
            says.append(
                f"not rebuilt at {iso(definition.begun_at)}: events of {people}"
                " are not kept any more, and would count no longer;"
                f" `{command(f'facts rebuild {definition.name} --from-kept')}` leaves them out"
            )
    if definition.state is DefinitionState.REMOVED:
        says = [f"in no file since {iso(definition.since)}; its values stay, and are not shown"]
    says.append(gap_of(definition))
    return FactReport(
        definition.name,
        words,
        definition.state.value,
        _in_use(conn, definition, words),
        iso(definition.since) if definition.fingerprint else None,
        None if is_settled else definition.percent,
        None if is_settled else definition.people,
        iso(definition.counted_from) if definition.counted_from is not None else None,
        definition.short,
        "; ".join(filter(None, says)),
    )


def _in_use(conn: Connection, definition: FactDefinition, words: str) -> str:
    if not definition.fingerprint or definition.state is DefinitionState.REMOVED:
        return ""
    if definition.state in (DefinitionState.WHOLE, DefinitionState.PLACING) or definition.asked:
        return words
    files = deployments.files(conn, definition.deployment)
    return words_of(files.get(SCHEMA, "")).get(definition.name, "")
