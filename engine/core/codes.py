"""Codes that are drawn: which text a run gets, so that nobody can guess it and deciding once more gives the
same."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from msgspec import Struct

from engine.core.journey import Pool

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 characters without I, O, 0 and 1, so that a code can be read aloud and typed."""

ATTEMPTS = 64
"""Texts that a run may get. The next one counts where another run has it; a pool in which all are taken is
nearly full."""


class CodeSource(Struct, frozen=True):
    """What codes are drawn with. `key`: of the store, so that who knows the rule and an id of a run still
    knows no code; without one (stories, replay, previews) nobody gets a real code. `taken`: texts that other
    runs have."""

    key: bytes = b""
    taken: frozenset[str] = frozenset()

    def draw(self, pool: Pool, enrollment: str) -> str | None:
        """The code of a run; None: the pool is as good as used up."""
        return next((code for code in self.candidates(pool, enrollment) if code not in self.taken), None)

    def candidates(self, pool: Pool, enrollment: str) -> Iterator[str]:
        """The texts that this run may get, in their order."""
        for attempt in range(ATTEMPTS):
            said = f"code\0{pool.name}\0{enrollment}" + (f"\0{attempt}" if attempt else "")
            digest = hmac.digest(self.key, said.encode("utf-8", "surrogatepass"), "sha256")
            # the pattern with a letter for every `?`
            number = int.from_bytes(digest, "big")
            written = []
            for character in pool.pattern:
                if character == "?":
                    number, index = divmod(number, len(LETTERS))
                    written.append(LETTERS[index])
                else:
                    written.append(character)
            yield "".join(written)


NO_CODES = CodeSource()
