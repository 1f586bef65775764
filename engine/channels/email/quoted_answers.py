"""Answers of SMTP servers that stand in somebody's text: which there are, what was asked for, what they
mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from engine.channels.email.answer_words import RefusalReason
from engine.channels.email.answers import Stage, refusal_reason
from engine.channels.email.mime_reader import TEXT_BYTES

CODE = re.compile(r"(?<![\w.#/-])(?<!\d:)([45]\d\d)(?:[\s:,-]{1,40}|(?=[A-Z<(]))(?=\S)")
"""Of an answer (RFC 5321 4.2): not a number in an address, a time or a version."""

ENHANCED = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?![\w.])")
_REPEATED = re.compile(r"(?:\s|\()[45]\d\d-(?:[245]\.\d{1,3}\.\d{1,3})?")
_END = re.compile(r"\n\s{0,99}\n|\n\s{0,99}(?:>>>|<<<|\d{3}[ -][5<])")

_MOST = 6
"""Answers of one text that are looked at; a transcript holds the one that counts among the first."""


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """What a text says, and the code that it says it with, as it stands there. `is_own`: it quotes no
    answer, so whoever wrote it says it himself."""

    about: RefusalReason | None
    code: str
    is_own: bool = False


_STAGES: tuple[tuple[Stage, re.Pattern[str]], ...] = (
    (
        "dot",
        re.compile(
            r"(?:end of|final) data|to DATA response|message body|after (?:sending )?(?:message|data)",
            re.IGNORECASE,
        ),
    ),
    (
        "data",
        re.compile(
            r"[>\]] ?DATA\b|\(DATA\)|(?:to|after|our|during|command:?|in) (?:the )?DATA\b|"
            r"command\s{1,9}data\b|:DATA",
            re.IGNORECASE,
        ),
    ),
    (
        "recipient",
        re.compile(r"RCPT|recipient verify|rejected address|recipient address rejected", re.IGNORECASE),
    ),
    (
        "sender",
        re.compile(
            r"(?:after|to|our|in|during|command:?|[>\[:]) ?MAIL[ _]?FROM|initial connection|"
            r"after (?:EHLO|HELO)|sender was rejected",
            re.IGNORECASE,
        ),
    ),
)
"""In which words servers say what their answer came to."""

_TOLD_BEHIND = re.compile(
    r"\(in reply to ([^)]{1,60})\)|\[(RCPT_TO|MAIL_FROM|DATA|CONTENT)\]|\bin (RCPT TO|MAIL FROM|DATA)\b|"
    r"smtp command\s{1,9}(RCPT|MAIL|DATA)|(recipient address rejected)|\(state (\d{1,2})\)",
    re.IGNORECASE,
)


_STATES: dict[str, Stage] = {
    "9": "sender", "12": "recipient", "13": "recipient", "14": "recipient", "15": "data", "16": "dot",
    "17": "dot", "18": "dot",
}  # fmt: skip
"""Of Gmail's own client, which writes `(state 14)` behind the answer of another server."""


def judge(words: str, status: str = "") -> JudgedAnswer:
    """By the answers that are quoted in a text, else by all of it: then the server that writes says it
    itself, of the address. `status`: the enhanced code that is given elsewhere."""
    first: JudgedAnswer | None = None
    for match in codes(words):
        # one answer is never longer, and what follows it is another one
        answer = _REPEATED.sub(" ", words[match.end() : match.end() + 600]).strip()
        answer = _END.split(answer, maxsplit=1)[0]
        enhanced = ENHANCED.search(answer)
        about = judged_answer(
            int(match[1]), enhanced[1] if enhanced else "", answer, stage_of(words, match.start())
        )
        judged = JudgedAnswer(about, enhanced[1] if enhanced else match[1])
        # the first that says something for good; one that says "later" may stand before it
        if about not in (None, RefusalReason.LATER):
            return judged
        first = first or judged
    if first is not None:
        return first
    loose = ENHANCED.search(words)
    code = loose[1] if loose else status
    # without a code of its own: as its enhanced one begins
    number = 400 if code.startswith("4") else 550
    about = judged_answer(number, loose[1] if loose else "", words, "recipient")
    return JudgedAnswer(about, code or str(number), is_own=True)


def judged_answer(number: int, enhanced: str, words: str, stage: Stage | None) -> RefusalReason | None:
    """The judgement of a session on an answer whose enhanced code stands anywhere in it."""
    return refusal_reason(number, f"{enhanced} {ENHANCED.sub('', words)}".strip(), stage)


def codes(words: str) -> Iterator[re.Match[str]]:
    """The first codes of a text, one of each line."""
    end_of_line = -1
    for match in islice(CODE.finditer(words[:TEXT_BYTES]), 20 * _MOST):
        if match.start() >= end_of_line >= -1:
            end_of_line = words.find("\n", match.end())
            end_of_line = len(words) if end_of_line < 0 else end_of_line
            yield match


def stage_of(text: str, at: int) -> Stage | None:
    """The stage that is named nearest to an answer: in brackets behind it, or in the words just before it."""
    told = _TOLD_BEHIND.search(text[at : at + 500].partition("\n\n")[0])
    if told and told.group(told.lastindex or 0).isdigit():
        return _STATES.get(told.group(told.lastindex or 0))
    if told:
        return _last_named(f"reply to {next(filter(None, told.groups()))}")
    return _last_named(text[max(0, at - 200) : at])


def stage_near(text: str, words: str) -> Stage | None:
    """The stage of an answer that is given without it, from a text that gives it again."""
    flat, at, stage = " ".join(text.split()), -1, None
    for _ in range(5 if words else 0):
        at = flat.find(words[:60], at + 1)
        if at < 0 or stage is not None:
            break
        stage = stage_of(flat, at)
    return stage


def _last_named(words: str) -> Stage | None:
    places = [(match.start(), stage) for stage, pattern in _STAGES for match in pattern.finditer(words)]
    return max(places)[1] if places else None
