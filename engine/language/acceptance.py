"""A warning that is meant so: `# accepted W02: why`, a comment at the line that it is about.

The comment stands at the end of that line or alone above it; in the body of a template it is one of Jinja,
`{# accepted T21: why #}`, so that no customer reads it. Only warnings can be accepted, and only with a
reason. Where one line is told of several by one code, the comment names those that are meant,
`# accepted W51 (welcome): why`: a further one is told as if there were no comment.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.language.wording import either, quoted
from engine.problem import Problem, Span, in_order, split_lines

_WHOLE_FILE = 0

_CODES = r"[A-Za-z]\d{2,3}(?:\s*(?:,|and)\s*[A-Za-z]\d{2,3})*"
_FOREIGN = r"accept|accepts|allow|allowed|disable|disabled|ignore|ignored|noqa|silence|silenced|suppress"
_COMMENT = re.compile(
    rf"#-?\s*(?P<verb>accepted|{_FOREIGN})\s*:?\s+(?P<codes>{_CODES})\b(?P<rest>.*)", re.IGNORECASE
)
_WITHOUT_CODE = re.compile(r"#-?\s*accepted\s*:", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z]\d{2,3}")
_NAME = re.compile(r"[\w.-]+")
# `and` with space around it: in `buy-and-save` it is part of a name
_BETWEEN_NAMES = re.compile(r"\s*,\s*|\s+and\s+")
_NAMES = re.compile(rf"\s*\((?P<names>[\w.-]+(?:(?:{_BETWEEN_NAMES.pattern})[\w.-]+)*)\)\s*[:–—-]")
_BEFORE_REASON = re.compile(r"[\s:,;(–—-]*(?:because\b|since\b)?[\s:,]*", re.IGNORECASE)
_ALONE = re.compile(r"\s*(?:#.*|\{#.*#\}\s*)?\Z")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One code that a comment accepts. `span`: the code in the comment; `line`: which line it is about, from
    1; `file_too`: also what is told of the file as a whole, in its first place; `names`: of which subjects
    alone, where it says so."""

    code: str
    reason: str
    span: Span
    line: int
    file_too: bool = False
    names: frozenset[str] = frozenset()

    def takes(self, problem: Problem) -> bool:
        """Whether it is meant by the names, of a problem at its place."""
        return not self.names or not (name := _name_of(problem)) or name in self.names


@dataclass(frozen=True, slots=True)
class AcceptedWarning:
    """A warning that is told no more, and why its author means it so."""

    problem: Problem
    reason: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is still told, errors that somebody tried to accept among it; what was accepted; what is accepted
    and was not told."""

    open: list[Problem]
    accepted: list[AcceptedWarning]
    unused: list[Acceptance]


@dataclass(frozen=True, slots=True)
class Insertion:
    """`text` to put in front of the character at `column` of `line`, both from 1."""

    line: int
    column: int
    text: str


def acceptances(text: str, file: str) -> tuple[list[Acceptance], list[Problem]]:
    """Every code that the comments of a file accept, and what is wrong with such comments (E150; W50 for the
    words of other tools)."""
    if _COMMENT.search(text) is None and _WITHOUT_CODE.search(text) is None:
        return [], []
    lines = split_lines(text)
    is_template, top = not file.endswith((".yaml", ".yml")), _end_of_front(lines)
    found: list[Acceptance] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        match, nameless = _COMMENT.search(line), _WITHOUT_CODE.search(line)
        in_body = is_template and number > top
        if match is None and nameless is not None and _is_comment(line, nameless.start(), in_body):
            problems.append(_names_no_code(Span(file, number, nameless.start() + 1, len(nameless[0]))))
        if match is None or not _is_comment(line, match.start(), in_body):
            continue
        reason = match["rest"].partition("#}")[0].removesuffix("-") if is_template else match["rest"]
        named = _NAMES.match(reason)
        names = frozenset(_BETWEEN_NAMES.split(named["names"])) if named is not None else frozenset()
        reason = reason[named.end() :] if named is not None else reason
        before = _BEFORE_REASON.match(reason)
        reason = reason[before.end() if before else 0 :].rstrip(" )")
        about = number
        if line[: match.start()].strip() in ("", "{"):
            # alone in its line it is about the next one that has something in it
            below = range(number + 1, len(lines) + 1)
            about = next((other for other in below if not _ALONE.match(lines[other - 1])), number)
        for code in _CODE.finditer(match["codes"]):
            span = Span(file, number, match.start("codes") + code.start() + 1, len(code[0]))
            if problem := _wrong(code[0].upper(), reason, match["verb"].lower(), span):
                problems.append(problem)
            else:
                found.append(Acceptance(code[0].upper(), reason, span, about, is_template, names))
    return found, problems


def judge(problems: Iterable[Problem], accepted: Sequence[Acceptance]) -> Judgement:
    """Which of the problems are accepted. An error stays, and the comment that names it is an error too."""
    at: defaultdict[tuple[str, int, str], list[Acceptance]] = defaultdict(list)
    for acceptance in accepted:
        at[acceptance.span.file, acceptance.line, acceptance.code].append(acceptance)
        if acceptance.file_too:
            at[acceptance.span.file, _WHOLE_FILE, acceptance.code].append(acceptance)
    problems = list(problems)
    subjects: defaultdict[tuple[str, int, str], set[str]] = defaultdict(set)
    for problem in problems:
        if name := _name_of(problem):
            subjects[problem.span.file, problem.span.line, problem.code].add(name)
    still_open: list[Problem] = []
    silenced: list[AcceptedWarning] = []
    met: set[Acceptance] = set()
    for problem in problems:
        span = problem.span
        place, is_of_file = (span.file, span.line, problem.code), (span.line, span.column) == (1, 1)
        takers = at.get(place, [])
        takers = takers or (at.get((span.file, _WHOLE_FILE, problem.code), []) if is_of_file else [])
        takers = [taker for taker in takers if taker.takes(problem)]
        met.update(takers)
        if not problem.is_error and len(subjects[place]) > 1:
            # without names a comment of yesterday would hide what came today
            still_open.extend(_names_none(one, subjects[place]) for one in takers if not one.names)
            takers = [taker for taker in takers if taker.names]
        if takers and not problem.is_error:
            silenced.append(AcceptedWarning(problem, takers[0].reason))
            continue
        still_open.append(problem)
        still_open.extend(_is_no_warning(taker.code, taker.span) for taker in takers)
    return Judgement(still_open, silenced, [one for one in accepted if one not in met])


def told_in_vain(judged: Judgement, was_looked_for: Callable[[str], bool]) -> list[Problem]:
    """W50 for each comment that accepts nothing. Nothing while there are errors: behind them other checks
    have not looked. `was_looked_for`: of a code, since some are found by other commands only."""
    if any(problem.is_error for problem in judged.open):
        return []
    elsewhere: Mapping[tuple[str, str], Problem] = {
        (problem.span.file, problem.code): problem for problem in reversed(in_order(judged.open))
    }
    vain: list[Problem] = []
    for one in judged.unused:
        if was_looked_for(one.code):
            same, fix = elsewhere.get((one.span.file, one.code)), "remove the comment"
            if same is not None and same.span.line == one.line:
                name = same.subject
                fix = f"it is told of {quoted(name)}: if it is meant, write  {one.code} ({name})"
            elif same is not None:
                line = same.span.line
                fix = f"{one.code} is told in line {line}: put the comment directly above that line"
            vain.append(Problem(
                one.span, "W50", f"{one.code} is accepted here, and nothing tells it",
                "it is mended, or never was told of this line; the comment would hide the next one unseen",
                fix, "warning",
            ))  # fmt: skip
    return vain


def accepting(text: str, problem: Problem, reason: str) -> Insertion:
    """The comment that accepts a warning of a file with this text, as an editor puts it in: alone above the
    line in YAML and between the fields of a template, at the end of the line in a body."""
    whom = f" ({name})" if (name := _name_of(problem)) else ""
    words = f"accepted {problem.code}{whom}: {' '.join(reason.replace('#}', '').split())}"
    lines, line = split_lines(text), problem.span.line
    top = _end_of_front(lines)
    is_template = not problem.span.file.endswith((".yaml", ".yml"))
    if is_template and line == 1 and top:
        return Insertion(2, 1, f"# {words}\n")
    written = lines[line - 1] if line <= len(lines) else ""
    if is_template and line > top:
        return Insertion(line, len(written) + 1, f" {{#- {words} #}}")
    return Insertion(line, 1, f"{written[: len(written) - len(written.lstrip())]}# {words}\n")


def _name_of(problem: Problem) -> str:
    """By what a comment tells it from others of its code in one line; "": by nothing."""
    return problem.subject if _NAME.fullmatch(problem.subject) else ""


def _end_of_front(lines: Sequence[str]) -> int:
    """The line of the `---` that ends the fields of a template; 0 where there are none."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    return next((number for number, line in enumerate(lines[1:], start=2) if line.rstrip() == "---"), 0)


def _is_comment(line: str, start: int, in_body: bool) -> bool:
    before = line[:start]
    if in_body:
        return before.endswith("{")
    if before.rstrip().endswith("{") and "{#" in line:  # of Jinja, in a field of a template
        return True
    # inside quotes it is a text like any other
    return (not before or before[-1].isspace()) and before.count('"') % 2 == 0


# --- what is wrong with a comment ------------------------------------------------------------------


def _wrong(code: str, reason: str, verb: str, span: Span) -> Problem | None:
    if verb != "accepted":
        return Problem(
            span, "W50", f'"{verb}" is not how a warning is accepted',
            "this comment changes nothing", f"write  # accepted {code}: why it is meant so", "warning",
        )  # fmt: skip
    if code.startswith("E"):
        return _is_no_warning(code, span)
    if not re.search(r"\w", reason):
        return Problem(
            span, "E150", f"{code} is accepted without a reason",
            "the next one who reads this cannot know whether it is still meant so",
            f"write  # accepted {code}: why it is meant so",
        )  # fmt: skip
    return None


def _names_no_code(span: Span) -> Problem:
    return Problem(
        span, "W50", "this comment accepts no warning by its code",
        "nobody can know which one is meant, so it changes nothing",
        "with the code that is told, such as W02, write  # accepted W02: why it is meant so", "warning",
    )  # fmt: skip


def _names_none(accepted: Acceptance, subjects: Iterable[str]) -> Problem:
    names = sorted(subjects)
    return Problem(
        accepted.span, "W50",
        f"{accepted.code} is told of {either(names, 'and')} here, and this names none of them",
        "nobody can know which one is meant, and the next one would be hidden too",
        f"write  {accepted.code} ({names[0]})", "warning",
    )  # fmt: skip


def _is_no_warning(code: str, span: Span) -> Problem:
    return Problem(
        span, "E150", f"{code} is an error, and cannot be accepted",
        "only a warning can be meant so; what is wrong here cannot run as it is written",
        "mend it, and remove this comment",
    )  # fmt: skip
