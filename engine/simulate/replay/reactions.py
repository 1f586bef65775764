"""Reactions in a recorded stream. They move with the message: who clicked two hours after the message clicks
two hours after it in the replay, whenever that sends it; a message that the replay does not send gets none.
Everything else in a stream stays where it was (docs/replay.md, Reactions)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from engine.simulate.replay.stream import StreamRecord, read_stream
from engine.values import Instant, parse_instant

Kind = Literal["clicked", "opened", "replied"]

REACTION_LINES: Mapping[str, Kind] = {
    "message_clicked": "clicked", "message_opened": "opened", "message_replied": "replied",
}  # fmt: skip
"""Lines of the stream that tell of a reaction, if they say when the message was sent (`sent_at`); without it
`message_clicked` is the engine's own event."""


MESSAGE_LINE = "message_handed"
"""A line that tells of a message: one that nobody reacted to is known by it alone."""


class _Properties(msgspec.Struct):
    template: str
    channel: str
    sent_at: str = ""


@dataclass(frozen=True, slots=True)
class RecordedReaction:
    """What somebody did `after` milliseconds with a message."""

    kind: Kind
    after: int


_Message = tuple[str, str, str]
"""Customer, template, channel."""


@dataclass(slots=True)
class RecordedReactions:
    """The reactions to each message of a customer, oldest message first: those to the n-th that was recorded
    are those to the n-th that the replay sends."""

    by_message: dict[_Message, list[list[RecordedReaction]]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_message)

    def to_play(self) -> ReactionsToPlay:
        """For one replay, which uses each once."""
        return ReactionsToPlay({message: deque(each) for message, each in self.by_message.items()})


@dataclass(slots=True)
class ReactionsToPlay:
    """Those that the replay has not used yet."""

    waiting: dict[_Message, deque[list[RecordedReaction]]]

    def take(self, customer: str, template: str, channel: str) -> list[RecordedReaction]:
        """What the customer does with the message that is sent now."""
        waiting = self.waiting.get((customer, template, channel))
        return waiting.popleft() if waiting else []


def is_of_message(record: StreamRecord) -> bool:
    """Whether a line tells of a message or of a reaction to one: neither is an event to be played."""
    return record.name in _NAMES and _about(record) is not None


_NAMES = frozenset((MESSAGE_LINE, *REACTION_LINES))


def _about(record: StreamRecord) -> tuple[str, str, Instant] | None:
    """Template, channel and when the message was sent; None: the line does not say so."""
    try:
        said = msgspec.convert(record.properties(), _Properties)
    except (ValueError, msgspec.ValidationError):
        return None
    if record.name == MESSAGE_LINE:
        return said.template, said.channel, record.at
    sent_at = parse_instant(said.sent_at)
    return (said.template, said.channel, sent_at) if sent_at is not None and sent_at <= record.at else None


def read_reactions(streams: Iterable[Path], form: Mapping[str, str]) -> RecordedReactions:
    """All reactions of the streams. Raises UsageError when a file cannot be read."""
    found: defaultdict[_Message, dict[Instant, list[RecordedReaction]]] = defaultdict(dict)
    for path in streams:
        for record in read_stream(path, form):
            if not isinstance(record, StreamRecord) or record.customer is None or record.name not in _NAMES:
                continue
            about = _about(record)
            if about is None:
                continue
            template, channel, sent_at = about
            reactions = found[record.customer, template, channel].setdefault(sent_at, [])
            kind = REACTION_LINES.get(record.name)
            if kind is not None:
                reactions.append(RecordedReaction(kind, record.at - sent_at))
    return RecordedReactions({message: [sent[at] for at in sorted(sent)] for message, sent in found.items()})
