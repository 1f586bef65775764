"""The proxies of packaging/ before a running daemon: what the world may reach, how large a body may be, and
whose word on the caller counts. A proxy that is not installed is skipped by name."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.daemon.shop import PLAIN
from tests.http.conftest import ROOT, Served

TEMPORARY = "".join(
    f"{kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _nginx(folder: Path, port: int, daemon: int) -> list[str]:
    text = (ROOT / "packaging/nginx/perennial.conf").read_text(encoding="utf-8")
    keys = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=news.shop.example",
    ]
    subprocess.run(
        [*keys, "-keyout", "privkey.pem", "-out", "fullchain.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    text = text.replace("/etc/letsencrypt/live/news.shop.example/", f"{folder}/")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{daemon}").replace(
        "listen 80;", f"listen 127.0.0.1:{_free()};"
    )
    text = text.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl;")
    (folder / "perennial.conf").write_text(text, encoding="utf-8")
    main = "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {}\n"
    main += f"http {{\naccess_log off;\n{TEMPORARY}include perennial.conf;\n}}\n"
    (folder / "nginx.conf").write_text(main, encoding="utf-8")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int, daemon: int) -> list[str]:
    text = (ROOT / "packaging/caddy/Caddyfile").read_text(encoding="utf-8")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{daemon}")
    # without TLS: a certificate for the name would be asked of a server on the internet
    text = text.replace("news.shop.example {", f"http://127.0.0.1:{port} {{").replace(
        "{\n\tservers", "{\n\tadmin off\n\tservers", 1
    )
    (folder / "Caddyfile").write_text(text, encoding="utf-8")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextmanager
def _before(served: Served, folder: Path, name: str) -> Iterator[httpx2.Client]:
    """A client of this proxy."""
    if shutil.which(name) is None or (name == "nginx" and shutil.which("openssl") is None):
        pytest.skip(f"{name} is not installed")
    port = _free()
    daemon = int(served.url.rpartition(":")[2])
    words = (_nginx if name == "nginx" else _caddy)(folder, port, daemon)
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [shutil.which(name) or name, *words[1:]], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        for _ in range(100):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        scheme = "https" if name == "nginx" else "http"
        with httpx2.Client(base_url=f"{scheme}://127.0.0.1:{port}", verify=False, timeout=20) as client:
            yield client
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_proxy_passes_on_what_the_world_needs_and_nothing_else(
    served: Served, tmp_path: Path, name: str
) -> None:
    with _before(served, tmp_path, name) as world:
        assert world.get("/healthz").text == "ok\n"
        for own in ("/metrics", "/outbox", "/docs", "/"):
            assert world.get(own).status_code == 404, own
        key = (served.key(), "")
        event = {"event": "site_visited", "customer_id": "behind"}
        assert world.post("/events", json=event, auth=key).is_success
        # Caddy 2.6 of Debian 12 tells a body that it cuts off as a fault behind it
        too_large = (413,) if name == "nginx" else (413, 502)
        assert world.post("/events", content=b" " * 5_400_000, auth=key).status_code in too_large
        assert world.get("/u/none").status_code == 404
        # nobody is told by a stranger who calls: with a trusted name the machine itself could be meant
        said = world.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
        assert said.status_code == 404
    assert httpx2.get(f"{served.url}/metrics", verify=PLAIN).status_code == 200
