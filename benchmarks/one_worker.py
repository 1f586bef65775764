"""One worker of the benchmark `workers`: `python -m benchmarks.one_worker URL FOLDER RANK SIZE`.

For every moment that comes in as a line it decides about those who are due then, together with the others,
and answers with how many it woke and the seconds of the processor.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from engine import project
from engine.clock import ManualClock
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.workers.cluster_view import ClusterView
from engine.store.database import open_store
from engine.store.inbox.busy_buckets import busy_buckets
from engine.store.journeys import deployments
from engine.values import Instant


def main(url: str, folder: Path, rank: int, size: int) -> None:
    """Until there are no more lines."""
    store, clock = open_store(url, folder), ManualClock(Instant(0))
    with store.read() as conn:
        number = deployments.current_number(conn)
    publication = Publication(number, project.load(folder / "project").journeys)
    standing = ClusterView(f"w{rank}", tuple(f"w{other}" for other in range(size)))
    advancer = Advancer(store, clock, lambda: standing)
    print("{}", flush=True)
    for line in sys.stdin:
        clock.advance(int(line) - clock.now())
        cpu, woken, is_left = time.process_time(), 0, True
        while is_left:
            woken += advancer.advance(publication).woken
            with store.read() as conn:
                is_left = bool(busy_buckets(conn, clock.now()))
        print(json.dumps({"woken": woken, "cpu": time.process_time() - cpu}), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
