"""Whether a code that somebody shows counts: once, for whom it was made, until its end."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.values import Instant


class Verdict(StrEnum):
    """What showing a code comes to, as it is stored in `code_use.verdict`."""

    USED = "used"
    SAME = "the same order"  # told twice of one use: nothing happens
    TWICE = "used twice"
    OTHER = "another customer"
    ENDED = "after its end"
    BACK = "given back"  # no message with it was ever sent
    NOT_GIVEN = "not given out"  # it is in a file, and nobody has it yet


class KnownCode(Struct, frozen=True):
    """What is known of a code. `customer`: whose it is, "" for one that everybody gets; `expires`: None where
    nobody has it; `text`: what it was worth when it was given, in words, None where nobody has it or nobody
    noted it."""

    value: str
    pool: str
    kind: str
    customer: str = ""
    journey: str = ""
    given_at: Instant | None = None
    expires: Instant | None = None
    used_at: Instant | None = None
    given_back: bool = False
    text: str | None = None

    def worth(self, pool_text: str) -> str:
        """In words: what the message with it said. `pool_text`: what its pool says now, for whatever was
        not given yet, or before that was noted."""
        return pool_text if self.text is None else self.text

    def verdict(self, customer: str, at: Instant) -> Verdict:
        """What it comes to when this customer ("": nobody says who) shows it at this moment."""
        if self.given_back:
            return Verdict.BACK
        if self.kind != "shared" and self.expires is None:
            return Verdict.NOT_GIVEN
        if self.used_at is not None:
            return Verdict.TWICE
        if customer and self.customer and customer != self.customer:
            return Verdict.OTHER
        if self.expires is not None and at > self.expires:
            return Verdict.ENDED
        return Verdict.USED
