"""The daemon mails the overview to those whom config.yaml names, and `report --mail` does so at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from engine.store.alerting import report_mails
from tests.daemon.shop import Shop, open_shop, wait_until


def _was_due(shop: Shop, address: str) -> None:
    """As if it had been named long ago: today's is due."""
    with shop.store() as store:
        store.write(lambda conn: report_mails.begin(conn, [address], "2020-01-01", shop.now()))


def _reports(shop: Shop) -> Counter[str]:
    """How many each recipient got."""
    return Counter(mail.partition(" ")[0] for mail in shop.mails().elements() if "The shop" in mail)


def test_a_report_leaves_once_over_restarts_and_at_once_by_hand(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        config = (tmp_path / "config.yaml").read_text(encoding="utf-8")
        said = shop.command("report", "--mail", code=2)
        assert "config.yaml names nobody who gets reports by mail" in said
        more = "reports: {mail: [one@example.com, two@example.com]}\n"
        (tmp_path / "config.yaml").write_text(config + more, encoding="utf-8")
        _was_due(shop, "one@example.com")
        shop.start()
        wait_until(lambda: _reports(shop) == {"one": 1}, 30, shop.log)
        shop.kill()
        with shop.store() as store, store.read() as conn:
            assert report_mails.get(conn, "two@example.com"), "it gets the next one"
        _was_due(shop, "three@example.com")
        (tmp_path / "config.yaml").write_text(config + more.replace("two", "three"), encoding="utf-8")
        shop.start()
        wait_until(lambda: "three" in _reports(shop), 30, shop.log)
        assert _reports(shop) == {"one": 1, "three": 1}
        assert "mailed to one@example.com" in shop.command("report", "--mail", "--last", "7 days")
        assert _reports(shop) == {"one": 2, "three": 2}
        assert shop.stop() == 0
        assert "Traceback" not in shop.log()
