"""A channel that takes nothing, and a config.yaml that the daemon does not take: somebody is told at once."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import httpx2

from tests.daemon.shop import PLAIN, Shop, open_shop, replace, wait_until

SENDER = "from: hello@shop.example"


def _readiness(shop: Shop) -> httpx2.Response:
    return httpx2.get(f"{shop.url}/readyz", timeout=10, verify=PLAIN)


def _failing_metric(shop: Shop) -> str:
    text = httpx2.get(f"{shop.url}/metrics", timeout=10, verify=PLAIN).text
    return next(
        line
        for line in text.splitlines()
        if line.startswith("perennial_channel_failing{") and "email" in line
    )


def test_a_dead_mail_server_is_told_everywhere_within_a_minute_and_its_return_too(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        smtp = int((tmp_path / "port").read_text())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            nobody = free.getsockname()[1]
            config = (tmp_path / "config.yaml").read_text(encoding="utf-8")
            replace(tmp_path / "config.yaml", config.replace(f"port: {smtp}", f"port: {nobody}"))
            shop.start()
            shop.know(["c1"])
            shop.happens("signed_up", ["c1"])
            wait_until(lambda: "channel_fails" in shop.log(), 60, shop.log)
        assert "email" in _readiness(shop).json()["failing_channels"]
        assert _readiness(shop).status_code == 200, "what comes in is taken all the same"
        assert _failing_metric(shop).endswith(" 1.0")
        (failing,) = shop.status()["failing_channels"]
        assert failing["channel"] == "email"
        assert "Failing channels" in shop.command("status")
        replace(tmp_path / "config.yaml", config)
        shop.reload()
        wait_until(lambda: shop.states("hello").get("c1") == "accepted", 60, shop.log)
        wait_until(lambda: not shop.status()["failing_channels"], 10, shop.log)
        assert "channel_works_again" in shop.log()
        assert _readiness(shop).json()["failing_channels"] == {}
        assert _failing_metric(shop).endswith(" 0.0")
        assert shop.stop() == 0


def test_a_sender_that_is_none_keeps_the_old_channels_and_names_its_line(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.start()
        config = tmp_path / "config.yaml"
        good = config.read_text(encoding="utf-8")
        replace(config, good.replace(SENDER, 'from: "Müller, Söhne <x@y.example>"'))
        line = next(n for n, text in enumerate(good.splitlines(), 1) if text.startswith("  email:"))
        shop.reload()
        wait_until(lambda: "reload_refused" in shop.log(), 60, shop.log)
        assert f"config.yaml:{line}: " in shop.log()
        assert f"config.yaml:{line}: " in shop.command("deploy", code=1)
        shop.know(["c1"])
        shop.happens("signed_up", ["c1"])
        wait_until(lambda: shop.mails()["c1 hello"] == 1, 60, shop.log)
        assert shop.stop() == 0
        shop.start()  # what was published last runs on
        assert "folder_not_deployed" in shop.log()
        assert shop.stop() == 0


def test_deploy_says_when_the_running_daemon_keeps_its_channels(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.start()
        config = tmp_path / "config.yaml"
        good = config.read_text(encoding="utf-8")
        replace(config, good.replace("tls: none,", "tls: starttls, user: shop, password: env:NOT_SET_THERE,"))
        said = shop.command("deploy", code=1)
        assert "the running daemon keeps its channels as they were" in said
        assert "NOT_SET_THERE" in said
        assert "with its channels as they were before" in shop.command("status")
        replace(config, good)
        assert "keeps its channels" not in shop.command("deploy")
        assert shop.status()["channels_refused"] == ""
        assert shop.stop() == 0


def test_what_was_put_back_needs_no_restart(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.start()
        config = tmp_path / "config.yaml"
        good = config.read_text(encoding="utf-8")
        replace(config, good.replace(f"listen: 127.0.0.1:{shop.port}", "listen: 127.0.0.1:1"))
        said = re.sub(r"\s+", " ", shop.command("deploy"))
        assert "http.listen of config.yaml counts after the next start" in said
        assert shop.status()["after_restart"] == ["http.listen"]
        replace(config, good)
        shop.command("deploy")
        wait_until(lambda: "restart_not_needed" in shop.log(), 30, shop.log)
        assert shop.status()["after_restart"] == []
        assert shop.log().count("restart_needed") == 1
        assert shop.stop() == 0


def test_every_line_of_the_log_is_json_when_it_is_asked_for(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.start("--logs", "json")
        with socket.create_connection(("127.0.0.1", shop.port)) as stranger:
            stranger.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            stranger.recv(1000)
        assert shop.stop() == 0
        lines = shop.log().splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines), lines
