"""What a stranger said, fit to be kept: short, on one line, without our secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")


class Redactor:
    """Secrets that must not come back in what a provider says."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = sorted({one for one in secrets if len(one) >= 4}, key=len, reverse=True)

    def cut(self, words: str, longest: int = LONGEST) -> str:
        """On one line, without the secrets, short."""
        for one in self._secrets:
            words = words.replace(one, "***")
        return _CONTROL.sub(" ", words).strip()[:longest]
