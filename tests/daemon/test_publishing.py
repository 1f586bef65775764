"""What counts while the daemon runs: SIGHUP, `deploy` beside it, `--watch`, files that are broken or cut
off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from engine.project import load
from tests.daemon.files import CONFIG, NEWS, PATIENT
from tests.daemon.shop import Shop, open_shop, replace, wait_until
from tests.stores import address_of


def number(shop: Shop) -> int:
    """Of the deployment that counts."""
    return int(shop.ask("SELECT max(number) FROM deployment")[0][0])


def live(shop: Shop) -> str:
    """Everything the daemon has said about what it runs."""
    return "\n".join(line for line in shop.log().splitlines() if "published" in line or "reload" in line)


def has_reacted(shop: Shop, refused: int, published: int) -> bool:
    """The daemon has looked at a change since then."""
    return live(shop).count("reload_refused") > refused or number(shop) > published


@contextmanager
def edited(shop: Shop, name: str, text: str) -> Iterator[None]:
    """The file holds this text for a while."""
    path = shop.folder / name
    before = path.read_text(encoding="utf-8")
    replace(path, text)
    try:
        yield
    finally:
        replace(path, before)
        count = live(shop).count("published")
        shop.reload()
        wait_until(lambda: live(shop).count("published") > count, 60, shop.log)


def test_sighup_takes_the_new_file_and_refuses_a_broken_one(running: Shop) -> None:
    before = number(running)
    old, new = running.names("reload", 2)
    with edited(running, "journeys/news.yaml", NEWS.replace("send: hello", "send: [hello")):
        refused = live(running).count("reload_refused")
        running.reload()
        wait_until(lambda: live(running).count("reload_refused") > refused, 60, running.log)
        assert number(running) == before
        running.know([old])
        running.happens("signed_up", [old])
        wait_until(lambda: running.states("hello").get(old) == "accepted", 60, running.log)
    with edited(running, "journeys/news.yaml", NEWS.replace("send: hello", "send: later")):
        running.reload()
        wait_until(lambda: number(running) > before, 60, running.log)
        running.know([new])
        running.happens("signed_up", [new])
        wait_until(lambda: running.states("later").get(new) == "accepted", 60, running.log)


def test_a_deployment_of_another_process_is_taken_and_moves_people(running: Shop) -> None:
    *inside, newcomer = running.names("deploy", 3)
    running.know(inside)
    running.happens("asked", inside)
    steps = (
        "SELECT step FROM enrollment WHERE journey = 'patient' AND ended_at IS NULL AND customer IN (?, ?)"
    )
    wait_until(lambda: len(running.ask(steps, *inside)) == 2, 60, running.log)
    gone = PATIENT.replace(
        "  - wait: 20 days\n    id: before_later\n",
        "  - wait: 20 days\n    id: another\n    was: before_later\n",
    )
    with edited(running, "journeys/patient.yaml", gone):
        done = running.command("deploy")
        assert "at before_later  stay; their step is called another now" in done
        wait_until(lambda: f"number={number(running)}" in live(running), 10, running.log)
        assert running.ask(steps, *inside) == [("another",)] * 2
        running.know([newcomer])
        running.happens("signed_up", [newcomer])
        wait_until(lambda: running.states("hello").get(newcomer) == "accepted", 60, running.log)


def test_channels_of_a_new_config_are_opened(running: Shop) -> None:
    smtp = int((running.folder / "port").read_text())
    config = CONFIG.format(http=running.port, smtp=smtp, store=address_of(running.folder))
    to_files = config.replace(
        f"via: smtp, host: 127.0.0.1, port: {smtp}, tls: none,", "via: outbox,"
    ).replace(", connections: 4, rate: 60 a second", "")
    to_folder, by_smtp = running.names("config", 2)
    changes = running.log().count("channels_changed")
    with edited(
        running, "config.yaml", to_files.replace(f"127.0.0.1:{running.port}, public", "127.0.0.1:1, public")
    ):
        running.reload()
        wait_until(lambda: running.log().count("channels_changed") > changes, 60, running.log)
        assert "http.listen of config.yaml counts after the next start" in running.log()
        running.know([to_folder])
        running.happens("signed_up", [to_folder])
        wait_until(lambda: running.states("hello").get(to_folder) == "accepted", 60, running.log)
        assert running.mails()[f"{to_folder} hello"] == 0
    running.know([by_smtp])
    running.happens("signed_up", [by_smtp])
    wait_until(lambda: running.mails()[f"{by_smtp} hello"] == 1, 60, running.log)


def test_a_file_cut_off_anywhere_keeps_the_old_version(tmp_path: Path) -> None:
    text = NEWS.encode()
    with open_shop(tmp_path) as shop:
        path = shop.folder / "journeys" / "news.yaml"
        shop.start("--watch")
        began = number(shop)
        for cut in range(0, len(text), 11):
            refused, published = live(shop).count("reload_refused"), number(shop)
            path.write_bytes(text[:cut])
            is_whole = not load(shop.folder).has_errors
            wait_until(partial(has_reacted, shop, refused, published), 60, shop.log)
            assert (number(shop) != published) == is_whole, text[:cut]
        replace(path, NEWS.replace("send: hello", "send: later"))
        shop.know(["w1"])
        wait_until(lambda: number(shop) > began, 60, shop.log)
        shop.happens("signed_up", ["w1"])
        wait_until(lambda: shop.states("later").get("w1") == "accepted", 60, shop.log)
        assert shop.stop() == 0
        assert "Traceback" not in shop.log()


def test_a_broken_folder_at_the_start_runs_what_was_published(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.command("deploy")
        replace(shop.folder / "journeys" / "news.yaml", "journey: news\n")
        shop.start()
        with shop.client() as client:
            event = {"event": "signed_up", "customer_id": "b1"}
            shop.know(["b1"])
            assert client.post("/events", json=event).status_code == 200
        wait_until(lambda: shop.states("hello").get("b1") == "accepted", 60, shop.log)
        assert "folder_not_deployed" in shop.log()
        assert shop.stop() == 0
