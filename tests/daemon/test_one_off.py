"""A one-off send beside a running daemon: taken within seconds, stopped by a pause, part of every later
deployment."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.shop import open_shop, wait_until

SEGMENT = "segment: members\nabout: Everybody who may be written to.\nwho:\n  can: email\n"


def test_case_26_a_one_off_send_stands_still_under_a_pause_and_goes_on_after_it(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        (tmp_path / "journeys" / "segments").mkdir()
        (tmp_path / "journeys" / "segments" / "members.yaml").write_text(SEGMENT, encoding="utf-8")
        customers = [f"m{n}" for n in range(30)]
        shop.know(customers)
        shop.start()
        wait_until(lambda: shop.ask("SELECT count(*) FROM customer") == [(30,)], 60, shop.log)
        shop.command("pause")
        said = shop.command("send", "later", "--to", "members", "--yes")
        assert "begins: 30 customers" in said
        wait_until(lambda: set(shop.states("later").values()) == {"planned"}, 30, shop.log)
        wait_until(lambda: len(shop.states("later")) == 30, 30, shop.log)
        shop.reload()  # the folder holds no such journey; the people inside stay
        assert shop.stop() == 0
        shop.start()
        assert shop.mails() == {}
        shop.command("resume")
        wait_until(lambda: set(shop.states("later").values()) == {"accepted"}, 30, shop.log)
        assert shop.mails() == {f"{customer} later": 1 for customer in customers}
        assert shop.stop() == 0
        assert "Traceback" not in shop.log()
