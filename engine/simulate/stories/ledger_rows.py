"""What a decision says of the ledger of points, as lines of a story."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.decision.effects import Decision, EnterPoints
from engine.core.points.rules import LoyaltyRules
from engine.language.stories.ledger_lines import LEDGER_WORDS


def ledger_lines(decision: Decision, rules: LoyaltyRules | None) -> Iterator[str]:
    """`earn 39 points`, `take back 39 points`, `reach silver`, in the order in which they were entered."""
    if rules is None:
        return
    for effect in decision.effects:
        if isinstance(effect, EnterPoints) and effect.kind in LEDGER_WORDS:
            word = LEDGER_WORDS[effect.kind]
            # An entry that puts another one right goes the other way.
            if word == "earn" and effect.points < 0:
                word = "take back"
            elif word != "earn" and effect.points > 0:
                word = "earn"
            yield f"{word} {abs(effect.points)} points"
    for line in decision.trace:
        if line.kind == "tier" and rules.tiers is not None:
            rises = rules.tiers.rank(line.subject) > rules.tiers.rank(line.detail)
            yield f"reach {line.subject}" if rises else f"leave {line.detail}"
