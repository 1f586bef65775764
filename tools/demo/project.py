"""The demo's own copy of the project: a folder, free ports, and the year of history in its store."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from engine.clock import ManualClock
from engine.command_hints import command
from engine.config.channels.email import EmailOptions
from engine.errors import UsageError
from engine.http.console_access import console_token, console_url
from engine.http.intake.native_format import customer_item, event_item, product_item
from engine.project import Project, load
from engine.runtime.advance import maintenance
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import CustomerItem, EventItem, Item, RefusedItem
from engine.runtime.publish.deploy import deploy
from engine.store.database import Store, open_store
from engine.store.keys import new_key
from tools.demo.history import Row
from tools.demo.shop import Shop

PARTS = ("config.yaml", "journeys", "schemas", "templates")
MARK = ".demo"
CHUNK = 2000
_PORTS = {
    "http": r"(listen: 127\.0\.0\.1:)(\d+)",
    "mail": r"(port: )(\d+)",
    "gateway": r"(127\.0\.0\.1:)(8025)",
}


@dataclass(frozen=True, slots=True)
class DemoProject:
    """A copy of a project that sends to nobody but this machine. `key`: an API key of its store."""

    folder: Path
    project: Project
    ports: dict[str, int]
    key: str

    @property
    def url(self) -> str:
        """Where the daemon answers."""
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def outbox_page(self) -> str:
        """The page of what was sent, with the token that opens it."""
        return console_url(self.url, "/outbox", console_token(self.folder))


def copy_project(source: Path, folder: Path) -> tuple[Project, dict[str, int]]:
    """A fresh copy in `folder`; ports that are taken are replaced by free ones.

    Raises `UsageError` when the folder holds something else, when the project has errors, or when it could
    reach somebody outside.
    """
    if folder.exists():
        if not (folder / MARK).exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not a demo's folder", "name an empty one with  --into")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part)
        elif (source / part).is_file():
            shutil.copy2(source / part, folder / part)
    ports = _set_ports(folder / "config.yaml")
    project = load(folder)
    if project.has_errors:
        raise UsageError(f"{source} has errors", f"`{command('check')}` shows them")
    # The demo makes thousands of messages: none of them may leave this machine
    for name, channel in project.config.channels.items():
        options = channel.options
        is_here = isinstance(options, EmailOptions) and options.host in ("127.0.0.1", "localhost", "::1")
        if channel.via != "outbox" and not is_here:
            raise UsageError(
                f'the channel "{name}" would send real messages',
                "the demo plays only with  via: outbox  and SMTP on 127.0.0.1",
            )
    for name, webhook in project.config.webhooks.items():
        if not webhook.url.startswith("http://127.0.0.1:"):
            raise UsageError(
                f'the webhook "{name}" would call {webhook.url}', "the demo calls only http://127.0.0.1"
            )
    return project, ports


def fill(project: Project, shop: Shop, watch: Callable[[int, int], None]) -> str:
    """Publishes the project, takes the shop's year as history, and makes an API key. `watch` gets how much is
    done of how much."""
    store = open_store(project.config.store, project.folder, exclusive=True)
    try:
        number = store.write(lambda conn: deploy(conn, project, shop.start, "demo")).number
        key = store.write(lambda conn: new_key(conn, "demo", "write", shop.start))
        assert key is not None
        total = 2 * _take(store, project, shop, watch)  # first it is received, then it is applied
        applied = total // 2
        advancer, publication = (
            Advancer(store, ManualClock(shop.start)),
            Publication(number, project.journeys),
        )
        while (progress := advancer.advance(publication)).more:
            applied += progress.applied
            watch(applied, total)
        store.write(lambda conn: maintenance.sweep_segments(conn, project.journeys, shop.start))
        advancer.run(publication)
    finally:
        store.close()
    return key


def _take(store: Store, project: Project, shop: Shop, watch: Callable[[int, int], None]) -> int:
    intake = Intake(project.catalogue, project.config, project.journeys)
    events = list(shop.history())  # person by person, so that each is loaded once
    items: list[Item] = [_item(row) for row in (*shop.customers(), *events)]
    items += [_product(name, product.fields()) for name, product in shop.products.items()]
    for done in range(0, len(items), CHUNK):
        prepared = intake.prepare(items[done : done + CHUNK], "demo", shop.start)
        taken = store.write(partial(intake.take, batch=prepared, now=shop.start))
        watch(min(done + CHUNK, len(items)), 2 * len(items))
        if taken.refused:
            first = taken.refused[0]
            raise UsageError(
                f"this project does not know the demo's shop: {first.field}: {first.why}",
                "play the demo in the folder of the sample project",
            )
    return len(items)


def _item(row: Row) -> Item:
    """A row of the year as our own HTTP format reads it, marked as history."""
    if "event" in row:
        items = event_item({**row, "history": True}, 0)
    else:
        items = customer_item(
            str(row["customer_id"]),
            {name: value for name, value in row.items() if name != "customer_id"},
            None,
        )
    assert isinstance(items, list), items
    (item,) = items
    assert isinstance(item, EventItem | CustomerItem), item
    return msgspec.structs.replace(item, history=True)


def _product(name: str, fields: Row) -> Item:
    product = product_item(fields, 0, product_id=name)
    assert not isinstance(product, RefusedItem), product
    return product


def _set_ports(config: Path) -> dict[str, int]:
    text = config.read_text(encoding="utf-8")
    ports: dict[str, int] = {}
    for name, pattern in _PORTS.items():
        match = re.search(pattern, text)
        if match is None:
            continue
        ports[name] = port = _free(int(match[2]), set(ports.values()))
        if port != int(match[2]):
            text = (
                re.sub(pattern, rf"\g<1>{port}", text)
                if name != "http"
                else text.replace(f"127.0.0.1:{match[2]}", f"127.0.0.1:{port}")
            )
    config.write_text(text, encoding="utf-8")
    return ports


def _free(wanted: int, taken: set[int]) -> int:
    """This port, or any other if somebody listens on it already."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found = int(probe.getsockname()[1])
            if found not in taken:
                return found
    raise UsageError("there is no free port on 127.0.0.1")
