"""What it costs to wake one of very many: 5,000,000 customers asleep beside 100,000.

Each store has a process of its own, which says what a transition took and how much memory is its own. In the
same batch the same number wakes, scattered over all of them, so only the size of the tables differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import Sleepers, reopened

ROUNDS, WOKEN = 7, 3000


def run(short: bool) -> list[Figure]:
    """5,000,000 against 100,000 (30,000 against 9,000 with `short`)."""
    many, few = (30_000, 9_000) if short else (5_000_001, 99_999)
    rounds, woken = (2, 250) if short else (ROUNDS, WOKEN)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        workers = [_Waker(Path(folder) / str(count), count, woken) for count in (many, few)]
        found: list[list[dict[str, float]]] = [[], []]
        for number in range(rounds + 1):
            for worker, rows in zip(workers, found, strict=True):
                row = worker.wake()
                if number:
                    rows.append(row)
        for worker in workers:
            worker.end()
    what, against = f"one of {many:,}", f"one of {few:,}"
    wall = [row["wall"] for row in found[0]], [row["wall"] for row in found[1]]
    cpu = [row["cpu"] for row in found[0]], [row["cpu"] for row in found[1]]
    memory = [max(row["memory"] for row in rows) for rows in found]
    each = max(memory[0] - memory[1], 0) / (many - few)
    note = (
        f"memory of its own {memory[0] / 1e6:,.0f} and {memory[1] / 1e6:,.0f} MB: {each:.1f} bytes a sleeper"
    )
    return [
        figure("flat", f"wall to wake {what}", against, "us", *wall, Aim(at_most=2)),
        figure("flat", f"CPU to wake {what}", against, "us", *cpu, Aim(at_most=2)),
        figure(
            "flat", "memory per sleeper", "10 bytes", "bytes", [each], [10.0],
            Aim(at_most=None if short else 1), note,
        ),
    ]  # fmt: skip


class _Waker:
    """A process that has so many asleep, and wakes some of them when it is told to."""

    def __init__(self, folder: Path, count: int, woken: int) -> None:
        # Filling takes memory that the waking process shall not be seen with.
        subprocess.run([sys.executable, "-m", "benchmarks.sleepers", str(folder), str(count)], check=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.flat", str(folder), str(count), str(woken)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()  # it is ready

    def wake(self) -> dict[str, float]:
        """Microseconds of one transition by the clock and of the processor, and bytes of own memory."""
        assert self._process.stdin is not None
        print("wake", file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that wakes has ended"
        answer: dict[str, float] = json.loads(line)
        return answer


def _serve(sleepers: Sleepers, woken: int) -> None:
    """Wakes so many at every line that comes in, and says what it took."""
    advancer = sleepers.advancer()
    print("{}", flush=True)
    for number, _ in enumerate(sys.stdin, 1):
        sleepers.turn_to_share(woken * number / sleepers.count)
        wall, cpu = time.perf_counter(), time.process_time()
        decided = advancer.run(sleepers.publication).decided
        answer = {
            "wall": (time.perf_counter() - wall) / decided * 1e6,
            "cpu": (time.process_time() - cpu) / decided * 1e6,
            "memory": _own_memory(),
        }
        print(json.dumps(answer), flush=True)
    sleepers.store.close()


def _own_memory() -> int:
    """Bytes of this process that are no file's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    _serve(reopened(Path(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3]))
