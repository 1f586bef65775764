"""Lists of steps: the verb of each, words of other tools, and steps that can never run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty
from engine.language.steps.exit import Exit
from engine.language.steps.register import KINDS, OTHER_VERBS, VERBS
from engine.language.syntax import Step
from engine.language.wording import as_list, quoted, shown
from engine.problem import Span, nearest

_WHY_NO_JUMP = "a journey is a tree, so every customer leaves it for sure and the picture stays readable"
_FIX_NO_JUMP = (
    "to do something again use  again:  at the top, or start a second journey from the event  "
    "journey_finished"
)
_JUMPS = ("goto", "go_to", "jump", "next", "loop", "repeat", "while", "call", "restart")
_A_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_NOTHING = ("nothing", "none", "no", "-", "nobody")
_ANY_EXAMPLE = KINDS["send"].example


def parse_steps(context: ReadContext, node: Node, at: Span, place: str) -> tuple[Step, ...]:
    """The steps under the key `place`, which stands at `at`."""
    if is_empty(node):
        context.report(
            at,
            "E08",
            f"{quoted(place)} has no steps",
            "an empty list of steps does nothing",
            "write under it  - send: welcome_hello" + ("  or remove  else:" if place == "else" else ""),
        )
        return ()
    if not isinstance(node, Sequence):
        fix = "put a dash in front of each step, for example  - send: welcome_hello"
        if isinstance(node, Scalar):
            # `steps: send` names what its author wanted to write below it, `then: hello` the message
            first = node.text.split(" ")[0]
            known = KINDS.get(OTHER_VERBS.get(first, first))
            written = _ANY_EXAMPLE if not _A_NAME.fullmatch(node.text) else f"send: {node.text}"
            fix = f"write under it  - {known.example if known else written}"
            if node.text.casefold() in _NOTHING and place == "steps":
                # the steps of the journey itself are no path that could be left out
                fix = f"write under it  - {_ANY_EXAMPLE}"
            elif node.text.casefold() in _NOTHING:
                fix = "write under it  - exit: nothing  where nobody goes on, else leave the path out"
        elif node.entries and isinstance(first_value := node.entries[0].value, Scalar):
            verb = node.entries[0].key.text
            fix = f"put a dash in front of each step:  - {verb}: {shown(first_value.text)}"
        context.report(
            node.span,
            "E07",
            f"{quoted(place)} needs a list of steps",
            "each step stands behind a dash of its own",
            fix,
        )
        return ()
    steps: list[Step] = []
    dead = False
    for item in _without_extra_dashes(context, node.items):
        for step in _step(context, item):
            # told once: what follows a step that never runs never runs either
            if steps and not dead and steps[-1].always_exits():
                dead = True
                _never_runs(context, step, steps[-1])
            steps.append(step)
    return tuple(steps)


def _without_extra_dashes(context: ReadContext, items: Iterable[Node]) -> list[Node]:
    """`- code: A` and then `- valid: 3 days`: the second line belongs to the step above it."""
    steps: list[Node] = []
    for item in items:
        last = steps[-1] if steps else None
        # only a map can go on with the lines of the map above
        if not (isinstance(item, Mapping) and item.entries and isinstance(last, Mapping)):
            steps.append(item)
            continue
        keys = [entry.key.text for entry in item.entries]
        kind = next((KINDS[entry.key.text] for entry in last.entries if entry.key.text in KINDS), None)
        fields = {key.name for key in kind.construct.keys} - set(KINDS) if kind else set()
        # a key that the step above has already begins something new
        if not fields.issuperset(keys) or any(entry.key.text in keys for entry in last.entries):
            steps.append(item)
            continue
        context.report(
            item.entries[0].key.span, "E18", f"there is a dash too many in front of {quoted(keys[0])}",
            "it belongs to the step above", "remove the dash",
        )  # fmt: skip
        steps[-1] = Mapping((*last.entries, *item.entries), last.span)
    return steps


def _step(context: ReadContext, node: Node) -> list[Step]:
    if not isinstance(node, Mapping) or not node.entries:
        _no_step(context, node)
        return []
    verbs = [entry for entry in node.entries if entry.key.text in KINDS]
    if not verbs:
        _no_verb(context, node)
        return []
    if len(verbs) > 1 and verbs[0].key.text == "if" and node.get("then") is None:
        node = _under_then(context, node, verbs)
        verbs = verbs[:1]
    if len(verbs) > 1:
        first, second = verbs[0].key.text, verbs[1]
        value = f" {shown(second.value.text)}" if isinstance(second.value, Scalar) else ""
        context.report(
            second.key.span,
            "E19",
            f"this is one step with two verbs: {first} and {second.key.text}",
            "each step does one thing; a dash is missing",
            f"write  - {second.key.text}:{value}",
        )
    # read on as if the missing dashes were there: each verb takes the lines up to the next one
    cuts = [0, *(node.entries.index(verb) for verb in verbs[1:]), len(node.entries)]
    pieces = [node.entries[start:end] for start, end in pairwise(cuts)]
    steps: list[Step] = []
    for verb, piece in zip(verbs, pieces, strict=True):
        kind = KINDS[verb.key.text]
        reader = MapReader(context, kind.construct, kind.arrange(context, piece), verb.key.span)
        step = kind.parse(reader)
        steps += [step] if step is not None else []
    return steps


def _under_then(context: ReadContext, node: Mapping, verbs: list[Entry]) -> Mapping:
    """An `if` with the verb of its answer beside it, read as if that stood under `then:`."""
    answer, sides = verbs[1], [entry for entry in node.entries if entry.key.text == "else"]
    value = f" {shown(answer.value.text)}" if isinstance(answer.value, Scalar) else ""
    context.report(
        answer.key.span,
        "E19",
        f"this is one step with two verbs: if and {answer.key.text}",
        "what follows from a question stands under  then:",
        f"write\n         then:\n           - {answer.key.text}:{value}",
    )
    asked, begin = verbs[0], node.entries.index(answer)
    lines = tuple(entry for entry in node.entries[begin:] if entry not in sides)
    before = tuple(entry for entry in node.entries[:begin] if entry not in (asked, *sides))
    then = Scalar("then", answer.key.span, plain=True)
    steps = Sequence((Mapping(lines, answer.key.span),), answer.key.span)
    return Mapping((asked, *before, Entry(then, steps), *sides), node.span)


def _no_verb(context: ReadContext, node: Mapping) -> None:
    known = {key.name for kind in KINDS.values() for key in kind.construct.keys}
    entry = next((entry for entry in node.entries if entry.key.text not in known), node.entries[0])
    word = entry.key.text
    jump = word.casefold() in _JUMPS
    meant = OTHER_VERBS.get(word.casefold()) or nearest(word, VERBS)
    value = shown(entry.value.text) if isinstance(entry.value, Scalar) else ""
    # in this order: a jump is a wrong idea, a known key without its verb a slip, anything else a wrong word
    if jump:
        what, why, fix = f'there is no "{word}": steps run from top to bottom', _WHY_NO_JUMP, _FIX_NO_JUMP
    elif word in known:
        what = "this step does not say what it does"
        why = f"a step begins with its verb: {as_list(VERBS)}"
        fix = "write the verb in front, for example  - send: welcome_hello , or remove the dash"
    else:
        what = f"there is no step {quoted(word)}"
        why = f"the steps are: {as_list(VERBS)}"
        fix = f'did you mean "{meant}"?' if meant else "write one of them, for example  - send: welcome_hello"
        if word.casefold() in ("unsubscribe", "opt_out", "suppress"):
            fix = "write  - set: {consent.email: withdrawn}"
        elif meant == "send" and word.casefold() in {"email", "sms", "push"}:
            fix = f"write  - send: {value or 'template'}  and below it  via: {word.casefold()}"
    context.report(entry.key.span, "E18", what, why, fix)


def _no_step(context: ReadContext, node: Node) -> None:
    word = node.text if isinstance(node, Scalar) else ""
    verb = OTHER_VERBS.get(word.casefold(), word)
    if is_empty(node):
        what, fix = "there is nothing behind this dash", "write a step, or remove the dash"
    elif isinstance(node, Sequence):
        what, fix = "this is a list inside a list", "remove one of the two dashes"
    else:
        what = f"{quoted(word)} is not a step"
        first, _, rest = word.partition(" ")
        known = KINDS.get(verb) or KINDS.get(first)
        example = known.example if known else _ANY_EXAMPLE
        if first in KINDS and rest:
            example = f"{first}: {shown(rest)}"
        fix = f"write  - {example}"
    context.report(
        node.span, "E18", what, f"a step is a verb with a value; the verbs are: {as_list(VERBS)}", fix
    )


def _never_runs(context: ReadContext, step: Step, last: Step) -> None:
    line = last.span.line
    simple = isinstance(last, Exit)
    context.report(
        step.span,
        "E47",
        "this step can never run",
        f"the step before it (line {line}) is an exit"
        if simple
        else f"every path of the step before it (line {line}) ends in an exit",
        "remove this step, or put the exit inside an  if:",
    )
