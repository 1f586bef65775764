"""Who is inside of what changes, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.cli.changes.comment.markdown import cut_list, markdown_table, safe
from engine.cli.changes.plan import (
    ONLY_STORE,
    admission_words,
    asking_words,
    place_words,
    policy_words,
    risk_place,
    risk_words,
)
from engine.cli.output import counted
from engine.compiler.walk import step_in_words
from engine.core.handlers.migrate import MoveRule
from engine.plan.difference import Affected, DiffSign
from engine.plan.step_diff import then_words

if TYPE_CHECKING:
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.plan.in_flight import DeploymentPlan, PlaceInFlight, RiskyChange

MOST_RISKS, MOST_SETTINGS = 3, 5
"""Lines of a part before the folds that is never cut further."""

_HEAD = ("people", "journey", "rest at", "what becomes of them")

_STAY = "stay with the moment they were promised, and go on from there by the new version"

_FIRST = (MoveRule.LEAVES, MoveRule.FINISHES, MoveRule.GOES_ON)
"""What a reviewer looks at first: whoever loses something. Whoever only stays comes last."""


def people_part(plan: DeploymentPlan, change: ReviewedChange, most: int) -> str:
    """With its heading, and so many rows of places."""
    settings = [*_settings(plan, change)]
    if change.comparison is None and plan.journeys:
        settings.append(f"- {safe(ONLY_STORE)}: ask `plan` there")
    end = cut_list(settings, MOST_SETTINGS, "`plan` tells them")
    heading = f"### People inside (times of {change.zone.key}, waits go by each customer's clock)\n\n"
    if not plan.journeys:
        people = [each.people for each in plan.policies] + [each.people for each in plan.facts]
        nobody = "" if any(people) else "Nobody is inside of what changes.\n"
        return f"### People inside\n\n{nobody}" + ("\n" if nobody and end else "") + end
    cures = _cures(plan)
    risks = [_risk(risk, cures) for risk in plan.risks]
    first = "To be looked at first:\n\n" + cut_list(risks, MOST_RISKS, "in a fold") + "\n" if risks else ""
    rows = _rows(plan, change, with_risks=len(risks) > MOST_RISKS)
    table = markdown_table(_HEAD, rows[:most], longest=None)
    rest = len(rows) - most
    more = f"\n… and {counted(rest, 'more line')}: all in a fold\n" if rest > 0 else ""
    return f"{heading}{first}{table if rows else ''}{more}" + (f"\n{end}" if end else "")


def people_table(plan: DeploymentPlan, change: ReviewedChange) -> list[str]:
    """Lines of a table with everybody."""
    table = markdown_table(_HEAD, _rows(plan, change, with_risks=True), longest=None)
    return table.splitlines(keepends=True)


def is_whole(plan: DeploymentPlan, change: ReviewedChange, most: int) -> bool:
    """Whether the part tells all places."""
    has_all_risks = len(plan.risks) <= MOST_RISKS
    return has_all_risks and len(_rows(plan, change, with_risks=False)) <= most


def _risk(risk: RiskyChange, cures: Mapping[tuple[str, str], str]) -> str:
    cure = cures.get((risk.journey, risk.step), "")
    return f"- **{risk.people:,}** in {safe(risk_place(risk))}: {safe(risk_words(risk))}{cure}"


def _cures(plan: DeploymentPlan) -> dict[tuple[str, str], str]:
    """What to type where a deployment is refused, by journey and step; of a whole journey the step is ""."""
    from engine.runtime.publish.planning import doubt_refusal, refusal

    cures = {(journey.journey, ""): refusal(journey).cure for journey in plan.gone}
    cures |= {(each.journey.journey, each.place.step): doubt_refusal(each).cure for each in plan.doubts}
    # in parts: a long sentence of ours is not cut as one of an author
    return {place: f" - {'; '.join(map(safe, cure.split('; ')))}" for place, cure in cures.items()}


@dataclass(frozen=True, slots=True)
class _Row:
    """People of one journey to whom the same happens."""

    move: MoveRule
    people: int
    journey: str
    where: str
    becomes: str

    @property
    def cells(self) -> tuple[str, ...]:
        return f"{self.people:,}", self.journey, self.where, self.becomes


def _rows(plan: DeploymentPlan, change: ReviewedChange, *, with_risks: bool) -> list[tuple[str, ...]]:
    """A row for each place where something happens, one for all others of a journey, and one for the holdouts
    of all. `with_risks`: also those that stand above as to be looked at first."""
    rows: list[_Row] = []
    for journey in plan.journeys:
        ahead = change.next_messages.get(journey.journey, {})
        stay = [place for place in journey.places if place.move is MoveRule.STAYS and place.to is None]
        for place in journey.places:
            if place not in stay and (with_risks or not _is_risk(place)):
                becomes = place_words(place, change.zone)
                row = _Row(place.move, place.people, journey.journey, _where(place, ahead), becomes)
                rows.append(row)
        if stay:
            where = ", ".join(f"{_where(place, ahead)}: {place.people:,}" for place in stay)
            people = sum(place.people for place in stay)
            rows.append(_Row(MoveRule.STAYS, people, journey.journey, where, _STAY))
        if journey.is_gone and with_risks:
            gone = "refused: its file is gone"
            rows.append(_Row(MoveRule.LEAVES, journey.people, journey.journey, "anywhere", gone))
    rows.sort(key=lambda row: (row.move not in _FIRST, row.move is MoveRule.STAYS, -row.people))
    held_out = {journey.journey: journey.held_out for journey in plan.journeys if journey.held_out}
    cells = [row.cells for row in rows]
    if held_out:
        names = ", ".join(f"{name}: {people:,}" for name, people in held_out.items())
        cells.append((f"{sum(held_out.values()):,}", names, "holdout", "get nothing of it, as before"))
    return cells


def _where(place: PlaceInFlight, ahead: Mapping[str, Sequence[str]]) -> str:
    """Its id, and what comes next."""
    return f"{step_in_words(place.step) or 'no step'}{then_words(ahead.get(place.to or place.step, ()))}"


def _is_risk(place: PlaceInFlight) -> bool:
    return place.seems is not None or place.move in _FIRST


def _settings(plan: DeploymentPlan, change: ReviewedChange) -> Iterator[str]:
    """Policies, facts and segments that change, with whom they hold for."""
    members = change.members
    for policy in plan.policies:
        yield f"- policy **{safe(policy.policy)}**: {safe(policy_words(policy))}"
    for fact in plan.facts:
        anew = "" if fact.is_new else " anew"
        asking = safe(asking_words(fact))
        yield f"- fact **{safe(fact.fact)}**: counted{anew} from the recorded events; {asking}"
    for admission in plan.admissions:
        yield f"- journey **{safe(admission.journey)}**: {safe(admission_words(admission))}"
    for subject in change.differences.subjects:
        is_gone = all(each.sign is DiffSign.REMOVED for each in subject.changes)
        if subject.kind == "segment" and subject.affects != (Affected.NOTHING,) and not is_gone:
            today = f"{members[subject.name]:,} in it today; " if subject.name in members else ""
            yield (
                f"- segment **{safe(subject.name)}**: {today}how many then is not known here, "
                "`plan` with the store tells it"
            )
