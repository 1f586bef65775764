"""Signals that are no kill: a stop under load, and a process that stands still for longer than its leases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.runtime.delivery.channel_worker import LEASE
from tests.daemon.shop import ROOT, Shop, open_shop, replace, wait_until


def handed(shop: Shop) -> int:
    return int(shop.ask("SELECT count(*) FROM outbox WHERE handed_at > 0")[0][0])


def test_case_3_sigterm_under_load_of_200_messages_leaves_none_unknown(tmp_path: Path) -> None:
    customers = [f"c{n}" for n in range(200)]
    with open_shop(tmp_path, answer_seconds=0.1) as shop:
        shop.know(customers)
        shop.happens("signed_up", customers)
        shop.start()
        wait_until(lambda: handed(shop) > 5, 20, shop.log)
        assert shop.daemon is not None
        shop.daemon.send_signal(signal.SIGTERM)
        assert shop.daemon.wait(30) == 0
        states = set(shop.states("hello").values())
        assert states <= {"accepted", "planned"}, "under way: has its answer; claimed: handed back"
        assert "planned" in states, "the stop came too late to show anything"
        shop.start()
        wait_until(lambda: set(shop.states("hello").values()) == {"accepted"}, 40, shop.log)
        assert shop.mails() == {f"{customer} hello": 1 for customer in customers}
        assert shop.stop() == 0
        assert "Traceback" not in shop.log()


def test_case_4_stopped_for_2_leases_stale_claims_of_60_messages_are_not_sent(tmp_path: Path) -> None:
    customers = [f"c{n}" for n in range(60)]
    with open_shop(tmp_path, answer_seconds=0.2) as shop:
        shop.know(customers)
        shop.happens("signed_up", customers)
        start(shop)
        assert shop.daemon is not None
        claimed = stand_still(shop)
        stopped_at = int(time.time() * 1000)
        replace(tmp_path / "ahead", str(2 * LEASE))
        os.kill(shop.daemon.pid, signal.SIGCONT)
        wait_until(lambda: set(shop.states("hello").values()) == {"accepted"}, 60, shop.log)
        rows = shop.ask("SELECT customer, fence, handed_at FROM outbox")
        sent = {customer: (fence, handed_at) for customer, fence, handed_at in rows if customer in claimed}
        # A hand-over that the writer had begun when everything stopped still holds: it lies before the stop.
        stale = {customer: row for customer, row in sent.items() if row[0] == 1 and row[1] > stopped_at}
        assert stale == {}, "sent under a claim whose lease was over"
        assert 2 in {fence for fence, _ in sent.values()}, "claimed anew, not sent under the old claim"
        assert shop.mails() == {f"{customer} hello": 1 for customer in customers}
        assert shop.stop() == 0
        assert "Traceback" not in shop.log()


def start(shop: Shop) -> None:
    command = [sys.executable, "-m", "tests.crash.daemon_that_jumps", str(shop.folder)]
    with (shop.folder / "daemon.log").open("ab") as log:
        shop.daemon = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
    wait_until(shop.is_ready, 60, shop.log)


def stand_still(shop: Shop) -> list[str]:
    """Stops the process (SIGSTOP) while it holds claims; whose."""
    assert shop.daemon is not None
    for _ in range(200):
        os.kill(shop.daemon.pid, signal.SIGSTOP)
        claimed = [customer for customer, state in shop.states("hello").items() if state == "claimed"]
        if len(claimed) > 2:  # one may be with the writer already
            return claimed
        os.kill(shop.daemon.pid, signal.SIGCONT)
        time.sleep(0.02)
    raise AssertionError(f"no message was ever claimed: {shop.log()}")
