"""When something that failed is tried again: longer after every failure in a row, so that what is down is
left alone."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Backoff:
    """A schedule of waits, all in milliseconds."""

    first: int
    longest: int
    factor: int = 2
    """The next wait is so many times as long as the last one."""
    spread: int = 0
    """Up to one part in so many comes on top (5: up to a fifth), so that what failed together does not come
    back together; 0: none."""

    def wait(self, failures: int, key: str = "") -> int:
        """Milliseconds until the next try after so many failures in a row (at least one)."""
        # 20 steps reach every `longest` there is; without a limit the power itself would become the work
        length = min(self.first * self.factor ** min(max(failures - 1, 0), 20), self.longest)
        return self.spread_out(length, key)

    def spread_out(self, length: int, key: str) -> int:
        """This length with the part on top that belongs to `key`: the same one whoever counts, and after a
        restart."""
        if not self.spread:
            return length
        share = crc32(key.encode("utf-8", "surrogatepass")) % 1000
        return int(length * (1 + share / (1000 * self.spread)))
