"""What a name means, in a few lines of Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import takewhile

from engine.compiler.catalogue.catalogue import CODE, OWN_EVENTS, path_type
from engine.compiler.conditions.forms import describe
from engine.compiler.schema import names_of
from engine.config.pools import OfferLine
from engine.core.journey import Pool
from engine.language.conditions.condition_words import condition_text
from engine.language.steps.wait import Wait
from engine.language.weekdays import WEEKDAYS
from engine.lsp.names import CUSTOMER, NameKind, UsedName, definitions
from engine.problem import Span, split_lines
from engine.project import Project
from engine.values import Type

Sizes = Callable[[Project], Mapping[str, int]]
"""How many are in each segment; nothing where no store can be asked."""

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LONGEST = 300
_MOST_OFFERS = 20


def hover(project: Project, used: UsedName, sizes: Sizes) -> str | None:
    """What to show of a name; None: nobody knows it. `sizes` is only asked for a segment."""
    lines = list(_lines(project, used, sizes))
    return "\n\n".join(lines) if lines else None


def _lines(project: Project, used: UsedName, sizes: Sizes) -> Iterator[str]:
    name = used.name
    match used.kind:
        case NameKind.event:
            yield from _event(project, name)
        case NameKind.attribute:
            yield from _attribute(project, name)
        case NameKind.event_field:
            for event in used.events:
                kind = path_type(project.catalogue.event_fields(event) or {}, name)
                if kind is not None:
                    yield f"**{_plain(name)}** of {_plain(event)}: {_type(kind)}"
        case NameKind.product_field:
            kind = path_type(project.catalogue.product_fields, name)
            if kind is not None:
                yield f"**{_plain(name)}** of a product: {_type(kind)}"
        case NameKind.code_field if name in CODE:
            yield f"**code.{_plain(name)}** of the latest code of this run: {_type(CODE[name])}"
        case NameKind.segment:
            yield from _segment(project, name, sizes)
        case NameKind.journey:
            yield from _journey(project, name)
        case NameKind.template:
            yield from _template(project, name)
        case NameKind.pool:
            yield from _pool(project, name)
        case NameKind.wait if used.wait is not None:
            yield f"**wait: {_plain(used.wait.value.value)}**"
            yield from wait_words(used.wait)
        case NameKind.former:
            yield f"**{_plain(name)}**: the former name. Who is inside under it belongs here."
        case _:
            yield from _of_config(project, used)


def _of_config(project: Project, used: UsedName) -> Iterator[str]:
    names = names_of(project.world)
    about = {
        NameKind.policy: names.policies,
        NameKind.webhook: names.webhooks,
        NameKind.recommendation: names.recommendations,
        NameKind.channel: names.channels,
    }.get(used.kind, {})
    if used.name in about:
        yield f"**{_plain(used.name)}** ({used.kind})"
        if about[used.name]:
            yield _plain(about[used.name])


def _event(project: Project, name: str) -> Iterator[str]:
    fields = project.catalogue.event_fields(name)
    if fields is None:
        return
    own = project.catalogue.event_name(name)
    also = f", another name of {_plain(own)}" if own != name else ""
    by = ", from the engine itself" if own in OWN_EVENTS else ""
    yield f"**{_plain(name)}** (event{also}{by})"
    yield "\n".join(f"- {_plain(field)}: {_type(kind)}" for field, kind in fields.items()) or "no fields"


def _attribute(project: Project, name: str) -> Iterator[str]:
    catalogue = project.catalogue
    rule, kind = catalogue.facts.get(name), catalogue.customer_type(name)
    if kind is None:
        return
    if rule is None:
        yield f"**{_plain(name)}** (attribute of the customer): {_type(kind)}"
        return
    yield f"**{_plain(name)}** (fact, computed from events): {_type(kind)}"
    # the author's own words say most
    lines = split_lines(project.sources.get(CUSTOMER, ""))
    for place in definitions(project, UsedName(NameKind.attribute, name, Span(CUSTOMER, 1, 1))):
        below = takewhile(partial(_is_inside, place.column), lines[place.line :])
        block = "\n".join(line[place.column - 1 :] for line in (lines[place.line - 1], *below))
        yield f"```yaml\n{block[:_LONGEST].replace('```', '')}\n```"


def _is_inside(column: int, line: str) -> bool:
    return line.startswith(" " * column)


def _segment(project: Project, name: str, sizes: Sizes) -> Iterator[str]:
    segment = project.segments.get(name)
    if segment is None:
        return
    yield f"**{_plain(name)}** (segment)"
    if segment.about is not None:
        yield _plain(segment.about.value)
    if segment.who is not None:
        yield f"who: {_plain(condition_text(segment.who))}"
    size = sizes(project).get(name)
    if size is not None:
        yield f"{size:,} {'customer is' if size == 1 else 'customers are'} in it now, by the store"


def _journey(project: Project, name: str) -> Iterator[str]:
    journey = next((file for file in project.files.values() if file.name.value == name), None)
    if journey is None:
        return
    state = journey.state.value if journey.state is not None else "live"
    yield f"**{_plain(name)}** (journey, {_plain(state)})"
    if journey.about is not None:
        yield _plain(journey.about.value)


def _template(project: Project, name: str) -> Iterator[str]:
    files = project.templates.by_name.get(name, ())
    if not files:
        return
    yield f"**{_plain(name)}** (template: {', '.join(project.templates.channels(name))})"
    heads = []
    for file in files:
        head = file.fields.get("subject") or file.fields.get("title")
        if head is None and file.ext == "txt":
            head = next((line for line in file.body.splitlines() if line.strip()), "")
        if head:
            language = f", {file.language}" if file.language else ""
            heads.append(f"- {file.channel}{language}: {_plain(head)}")
    if heads:
        yield "\n".join(heads)


def _pool(project: Project, name: str) -> Iterator[str]:
    config = project.config
    if name in config.offers:
        yield f"**{_plain(name)}** (choice between pools of codes)"
        choice = config.offers[name]
        yield "\n".join(
            f"- {_plain(line.label.value)}: {_offer(line)}" for line in choice.lines[:_MOST_OFFERS]
        )
        yield f"by {_plain(choice.subject.value)}"
    elif name in config.codes:
        yield f"**{_plain(name)}** (pool of codes): {_codes(config.codes[name])}"


def _offer(line: OfferLine) -> str:
    worth = f"{_plain(line.text)}, " if line.text else ""
    pool = f"a code of {_plain(line.pool.value)}" if line.pool is not None else "no code"
    return f"{worth}{pool}" + (
        f", good for {_plain(line.valid.text.value)}" if line.valid is not None else ""
    )


def _codes(pool: Pool) -> str:
    match pool.kind:
        case "generated":
            how = f"one for each customer, like {_plain(pool.pattern)}"
        case "shared":
            how = f"{_plain(pool.code)} for everybody"
        case "file":
            how = f"from {_plain(pool.path)}"
    return f"{how}; worth {_plain(pool.text)}" if pool.text else how


# --- a wait --------------------------------------------------------------------------------------


def wait_words(step: Wait) -> Iterator[str]:
    """What a wait means, sentence by sentence (design/language 2.8)."""
    if step.length is not None:
        length = step.length.text.value
        if not step.length.duration.is_calendar:
            yield f"{_plain(length)} on the clock from the moment at which somebody comes here."
        elif step.at is None and step.their_hour is None:
            yield f"{_plain(length)} by the calendar of the customer's time zone, to the same time of day."
        else:
            yield f"{_plain(length)} by the calendar of the customer's time zone."
    if step.until is not None:
        yield f"{_plain(step.until.text.value.capitalize())}, in the customer's time zone."
    if step.their_hour is not None:
        yield "At the hour at which this customer reacts."
    elif step.at is not None:
        yield f"At {step.at.time:%H:%M} in the customer's time zone."
    if step.weekdays:
        yield f"Only on {', '.join(WEEKDAYS[day] for day in step.weekdays)}; else on the next such day."
    if step.awaited is not None:
        awaited = _plain(step.awaited.words())
        yield f"It ends early with {awaited}, which takes  then:  and  else:  where it did not come in time."
    if step.waiting == "recompute":
        yield "Who already waits when this line changes: the moment is computed anew."


def _type(kind: Type) -> str:
    if kind.choices:
        return f"one of {_plain(', '.join(kind.choices))}"
    if kind.items:
        return f"a list of things with {_plain(', '.join(name for name, _ in kind.items))}"
    return describe(kind)


def _plain(text: str) -> str:
    """Words of the author in Markdown: as they are, on one line, of a bearable length."""
    flat = " ".join(text.split())
    short = flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 3]}..."
    return _MARKUP.sub(r"\\\1", short)
