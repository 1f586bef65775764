"""Makes the store of `tests/stored/`: `python tests/stored/make_store.py CHECKOUT`.

CHECKOUT is a checkout of commit facc07a with its `.venv`; its code writes every byte of the store and says
every line of the golden files. Nothing of this repository is imported here, for it may not be what wrote the
store.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HERE = Path(__file__).parent
HTTP, SMTP_PORT, GATEWAY = 8080, 1025, 8025  # as in project/config.yaml
SEEN_AT = "2026-03-03T08:20:00+00:00"
"""When the golden lines were said: after the last daemon was killed."""

COMMANDS = """
import contextlib, io, json, sys
from engine.cli.app import Place, main
from engine.clock import ManualClock
from engine.values import Instant
Place.clock = ManualClock(Instant(int(sys.argv[1])))
answers = []
for words in json.loads(sys.argv[2]):
    sys.argv = ["main.py", *words]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert code == 0, (words, said.getvalue())
    answers.append(said.getvalue())
print(json.dumps(answers))
"""
"""Commands of the checkout on a clock that stands still."""


def milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


# --- the world ----------------------------------------------------------------------------------


@dataclass
class Mailboxes:
    """What the mail server took: (recipient, mail). The name of an address says what becomes of its mail."""

    taken: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("soft"):
            return "451 4.2.2 mailbox full"
        if address.startswith("hard"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        if address.startswith("lost"):  # the line breaks after the last byte: nobody knows
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]
            return "250 OK"
        assert isinstance(envelope.content, bytes)
        self.taken.append((address, envelope.content.decode("utf-8", "replace").replace("=\r\n", "")))
        return "250 OK"

    def links(self, customer: str, kind: str) -> list[str]:
        """The links of one kind (c: click, u: unsubscribe, o: open, y: confirm) in the mails to a
        customer."""
        pattern = re.compile(rf"http://127\.0\.0\.1:{HTTP}/{kind}/[A-Za-z0-9_.=-]+")
        mails = [text for address, text in self.taken if address == f"{customer}@example.com"]
        return [link.replace("=3D", "=") for text in mails for link in pattern.findall(text)]

    def message_id(self, customer: str) -> str:
        """Of the first mail to a customer."""
        text = next(text for address, text in self.taken if address == f"{customer}@example.com")
        found = re.search(r"(?im)^message-id:\s*<([^@>]+)@", text)
        assert found is not None
        return found[1]


class Provider(BaseHTTPRequestHandler):
    """The provider of SMS, which gives no answer to numbers that end in 99, and a call centre that is out of
    order."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tasks":
            self.answer(503, {})
        elif body["to"].endswith("99"):
            self.answer(500, {})
        else:
            self.answer(200, {"id": f"sms-{body['to'].removeprefix('+')}"})

    def answer(self, status: int, body: Mapping[str, str]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Says nothing."""


@contextlib.contextmanager
def world() -> Iterator[Mailboxes]:
    """A mail server and a provider on the ports of config.yaml."""
    mailboxes = Mailboxes()
    mail = Controller(mailboxes, hostname="127.0.0.1", port=SMTP_PORT)
    provider = ThreadingHTTPServer(("127.0.0.1", GATEWAY), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    mail.start()
    try:
        yield mailboxes
    finally:
        mail.stop()
        provider.shutdown()


# --- the shop -----------------------------------------------------------------------------------


@dataclass
class Shop:
    """The project in a folder of its own, worked on by the code of the checkout."""

    checkout: Path
    folder: Path
    key: str = ""
    daemon: subprocess.Popen[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PERENNIAL")}
        return {**env, "PYTHONPATH": str(self.checkout), "SMS_TOKEN": "invented", **more}

    def commands(self, moment: str, *commands: Sequence[str]) -> list[str]:
        """What `main.py` says to each."""
        words = [["--project", str(self.folder), *command] for command in commands]
        program = [
            str(self.checkout / ".venv/bin/python"),
            "-c",
            COMMANDS,
            str(milliseconds(moment)),
            json.dumps(words),
        ]
        done = subprocess.run(
            program, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        answers: list[str] = json.loads(done.stdout.splitlines()[-1])
        return answers

    def command(self, moment: str, *words: str) -> str:
        return self.commands(moment, words)[0]

    def file(self, name: str, lines: Sequence[Mapping[str, Any]]) -> str:
        """A file to import, beside the project."""
        path = self.folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return str(path)

    @contextlib.contextmanager
    def running(self, moment: str) -> Iterator[None]:
        """A daemon whose clock begins at the moment, until it has nothing to do; it ends in order."""
        daemon = self.start(moment)
        until(self.is_ready, self.log)
        yield
        self.rest()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, self.log()

    def struck(self, moment: str, fault: str) -> None:
        """A daemon that is killed when it comes by the named point of `engine/faults.py`."""
        assert self.start(moment, fault).wait(120) == -signal.SIGKILL, self.log()

    def start(self, moment: str, fault: str = "") -> subprocess.Popen[bytes]:
        program = [
            str(self.checkout / ".venv/bin/python"), "-m", "tests.daemon.elsewhen", str(self.folder),
            str(milliseconds(moment)),
        ]  # fmt: skip
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                program,
                cwd=self.checkout,
                env=self.environment(PERENNIAL_FAULT=fault),
                stdout=log,
                stderr=log,
            )
        return self.daemon

    def rest(self) -> None:
        """Until everything received is applied and everything that may leave has left."""
        sql = (
            "SELECT (SELECT count(*) FROM inbox WHERE customer NOT IN (SELECT customer FROM stuck))"
            " + (SELECT count(*) FROM outbox WHERE state IN ('claimed', 'handoff'))"
        )
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 3:  # longer than the daemon's longest idle look
            if self.ask(sql)[0][0]:
                quiet_since = time.monotonic()
            time.sleep(0.1)

    def is_ready(self) -> bool:
        assert self.daemon is not None
        if self.daemon.poll() is not None:
            raise AssertionError(self.log())
        try:
            return self.call("GET", "/readyz") == 200
        except urllib.error.URLError:
            return False

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text()

    def call(self, method: str, path: str, body: object = None, *, form: bool = False) -> int:
        """The status of an answer."""
        url = path if path.startswith("http") else f"http://127.0.0.1:{HTTP}{path}"
        data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        request = urllib.request.Request(url, data, method=method)
        request.add_header("Authorization", f"Basic {b64encode(f'{self.key}:'.encode()).decode()}")
        request.add_header(
            "Content-Type", "application/x-www-form-urlencoded" if form else "application/json"
        )
        request.add_header("Origin", "https://shop.example")
        request.add_header(
            "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        )
        try:
            with urllib.request.build_opener(StaysHere).open(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return int(answer.code)

    def form(self) -> str:
        """The hidden field of a sign-up form: only who looked at it for some seconds may send it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{HTTP}/signup/newsletter", headers={"Accept": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["seen"])

    def events(self, *events: tuple[str, str, str] | tuple[str, str, str, Mapping[str, Any]]) -> None:
        """(customer, event, moment, fields) by HTTP."""
        body = [
            {
                "id": f"{who}-{name}-{at}",
                "customer_id": who,
                "event": name,
                "at": at,
                "properties": dict(*more),
            }
            for who, name, at, *more in events
        ]
        assert self.call("POST", "/events", body) == 200

    def ask(self, sql: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "shop.db", timeout=30)) as database:
            return database.execute(sql).fetchall()

    def damage(self, sql: str) -> None:
        """As a disk does it."""
        with (
            contextlib.closing(sqlite3.connect(self.folder / "data" / "shop.db", timeout=30)) as database,
            database,
        ):
            database.execute(sql)


class StaysHere(urllib.request.HTTPRedirectHandler):
    """Follows no link out of this machine."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def until(question: Callable[[], bool], story: Callable[[], str]) -> None:
    end = time.monotonic() + 120
    while not question():
        assert time.monotonic() < end, story()
        time.sleep(0.05)


# --- what happens -------------------------------------------------------------------------------

ZONES = {"lena": "America/Los_Angeles", "ling": "Asia/Tokyo", "larry": "America/Los_Angeles"}
PHONES = {
    "paul": "+491701000001",
    "pia": "+491701000002",
    "petra": "+491701000099",
    "lapo": "+491701000004",
    "stan": "+491701000005",
}
DEVICES = ("carl", "cora", "curt", "cleo", "lena", "larry", "wanda", "paul", "pia", "petra")
READERS = tuple(f"reader{number:02}" for number in range(60))
PEOPLE = (
    "anna", "bert", "carl", "cora", "curt", "cleo", "dora", "emil", "fred", "gina", "goran", "hard", "ida",
    "lapo", "larry",
    "lena", "ling", "lost", "lost2", "maya", "nora", "olga", "otto", "paul", "petra", "pia", "rita", "soft",
    "stan", "stuck",
    "ulla", "vera", "viola", "wanda", "willy", "xenia", "yves", "zoe",
)  # fmt: skip
"""Those whose `show` is golden; `newcomer` and the readers are in the store as well."""
ASKED = (
    "anna hello",
    "anna reminder",
    "bert receipt",
    "carl reminder",
    "cora reminder",
    "emil cheaper",
    "gina hello",
    "hard hello",
    "ida hello",
    "lapo miss_you",
    "lost hello",
    "lost2 hello",
    "nora reminder",
    "olga reminder",
    "petra miss_you",
    "soft hello",
    "willy receipt",
    "zoe hello",
)


def customer(name: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "customer_id": name, "email": f"{name}@example.com", "first_name": name.title(),
        "consent": {"email": "given"},
    }  # fmt: skip
    if name in ZONES:
        known["timezone"] = ZONES[name]
    if name in PHONES:
        known["phone"] = PHONES[name]
        known["consent"]["sms"] = "given"
    if name in DEVICES:
        known["addresses"] = {"push": f"device-{name}"}
        known["consent"]["push"] = "given"
    if name in READERS or name in ("rita", "ulla"):
        known["tags"] = ["reader"]
    if name == "zoe":
        known["birthday"] = "03-03"
    if name in ("yves", "xenia"):
        known["birthday"] = "03-04"
    if name == "viola":
        known["tier"] = "gold"
    if name == "nora":
        known["consent"] = {"email": "withdrawn"}
    return known


def order(name: str, number: str, at: str, total: int) -> dict[str, Any]:
    return {
        "id": f"order-{number}", "customer_id": name, "event": "order_placed", "at": at,
        "properties": {
            "order_id": number, "total": total, "currency": "EUR", "product_id": ["beans"],
            "items": [{"product_id": "beans", "category": "coffee", "quantity": 2}],
        },
    }  # fmt: skip


def happened(name: str, event: str, at: str) -> dict[str, Any]:
    return {"id": f"{name}-{event}-{at}", "customer_id": name, "event": event, "at": at, "properties": {}}


def days(shop: Shop, mailboxes: Mailboxes) -> None:
    """Two days of the shop; what each person is there for stands in README.md."""
    morning = "2026-03-02T08:00:00+00:00"  # a Monday, 9:00 in Berlin
    # On the first morning a step of the journey has another name: who waits there is moved by the second
    # deployment.
    welcome = shop.folder / "journeys" / "welcome.yaml"
    final = welcome.read_text()
    welcome.write_text(final.replace("    id: for_click\n    was: until_click\n", "    id: until_click\n"))
    history = [
        order("lapo", "h1", "2026-01-20T10:00:00Z", 60), order("lapo", "h2", "2026-01-31T12:00:00Z", 40),
        order("petra", "h7", "2026-02-01T08:00:00Z", 40),
        order("viola", "h3", "2026-02-20T10:00:00Z", 400), order("viola", "h4", "2026-02-22T10:00:00Z", 150),
        order("vera", "h5", "2026-02-01T09:30:00Z", 30), order("otto", "h6", "2026-02-01T18:00:00Z", 30),
    ]  # fmt: skip
    names = [*PEOPLE, "newcomer", *READERS]
    shop.commands(
        morning,
        ["deploy"],
        ["import", shop.file("customers.jsonl", [customer(name) for name in names])],
        ["import", shop.file("orders.jsonl", history)],
        ["import", shop.file("products.jsonl", [
            {"product_id": "beans", "name": "Beans", "price": 20, "currency": "EUR", "in_stock": True,
             "stock": 4},
            {"product_id": "mill", "name": "Mill", "price": 90, "currency": "EUR", "in_stock": True,
             "stock": 12},
        ])],
    )  # fmt: skip
    shop.key = shop.command(morning, "keys", "new", "shop", "--scope", "write").strip()
    shop.command(morning, "keys", "new", "gone", "--scope", "read")
    shop.command(morning, "keys", "revoke", "gone")

    with shop.running(morning):
        at = "2026-03-02T08:00:01Z"
        signed = (
            "anna",
            "bert",
            "dora",
            "gina",
            "hard",
            "ida",
            "lost",
            "nora",
            "olga",
            "soft",
            "ulla",
            "willy",
            *READERS,
        )
        shop.events(*[(name, "signed_up", at) for name in signed])
        shop.events(
            *[(name, "product_viewed", at, {"product_id": "mill"}) for name in ("emil", "wanda", "fred")],
            (
                "paul",
                "cart_updated",
                "2026-03-02T07:10:00Z",
                {"cart_id": "c1", "total": 50, "currency": "EUR"},
            ),
        )
        assert (
            shop.call("POST", "/events", [order("goran", "o1", at, 25), order("stan", "o2", at, 35)]) == 200
        )
        form = shop.form()
        assert (
            shop.call("POST", "/v1/alias", {"previousId": "bert-before", "userId": "bert", "messageId": "a1"})
            == 200
        )
        shop.rest()

    # They read, leave and complain; mail comes back.
    evening = "2026-03-02T17:30:00+00:00"
    assert "until_click" in final
    welcome.write_text(final)
    hello = mailboxes.message_id("ida")
    with shop.running(evening):
        for name in ("anna", *READERS):
            for link in mailboxes.links(name, "c")[:1]:
                assert shop.call("GET", link) in (200, 302, 303, 307)
        for link in mailboxes.links("dora", "o")[:1]:
            shop.call("GET", link)
        for link in mailboxes.links("ulla", "u")[:1]:
            assert shop.call("POST", link, "List-Unsubscribe=One-Click", form=True) == 200
        shop.rest()
    shop.command(evening, "take-mail", bounce(shop.folder, "ida", hello))
    shop.command(evening, "take-mail", complaint(shop.folder, "gina", mailboxes.message_id("gina")))
    with shop.running("2026-03-02T17:35:00+00:00"):
        shop.events(
            *[
                (
                    name,
                    "cart_updated",
                    "2026-03-02T16:34:00Z",
                    {"cart_id": f"c-{name}", "total": 60, "currency": "EUR"},
                )
                for name in ("carl", "pia", "petra", "maya")
            ],
            (
                "bert",
                "order_placed",
                "2026-03-02T17:35:00Z",
                {"order_id": "o3", "total": 30, "currency": "EUR"},
            ),
        )
        fields = urllib.parse.urlencode({"email": "newly@example.com", "first_name": "New", "seen": form})
        assert shop.call("POST", "/signup/newsletter", fields, form=True) == 200
        # Cheaper by a fifth, for those who looked at it.
        shop.events(*[
            (name, "price_drop", "2026-03-02T17:35:00Z",
             {"product_id": "mill", "old_price": 90, "new_price": 72, "currency": "EUR"})
            for name in ("wanda", "emil", "fred")
        ])  # fmt: skip
        assert (
            shop.call(
                "PUT",
                "/products/mill",
                {"name": "Mill", "price": 72, "currency": "EUR", "in_stock": True, "stock": 12},
            )
            == 200
        )
        shop.rest()

    # Night in Berlin: the next channels of the cascades are held.
    with shop.running("2026-03-02T22:00:00+00:00"):
        callback = "/callbacks/sms?key=invented"
        shop.call(
            "POST",
            callback,
            {"id": "sms-491701000001", "address": PHONES["paul"], "word": "delivered", "event": "e1"},
        )
        shop.call(
            "POST",
            callback,
            {"id": "sms-nobody", "address": "+491701000077", "word": "delivered", "event": "e2"},
        )
        shop.call(
            "POST", callback, {"address": PHONES["stan"], "reply": "STOP", "word": "reply", "event": "e3"}
        )
        shop.events(
            (
                "cora",
                "cart_updated",
                "2026-03-02T20:50:00Z",
                {"cart_id": "c7", "total": 45, "currency": "EUR"},
            ),
            (
                "lena",
                "cart_updated",
                "2026-03-02T20:50:00Z",
                {"cart_id": "c8", "total": 45, "currency": "EUR"},
            ),
        )
        shop.rest()

    # The next morning everything moves again; then things stop.
    before = "2026-03-03T08:04:00+00:00"
    ((lost,),) = shop.ask("SELECT send_key FROM outbox WHERE customer = 'lost'")
    shop.commands(
        before,
        ["resolve", lost, "--sent"],
        ["send", "news", "--to", "readers", "--at", "2026-03-04 10:00", "--yes"],
        ["pause", "birthday", "--why", "a mistake in the text"],
    )
    ((code,),) = shop.ask("SELECT value FROM code WHERE customer = 'carl'")
    with shop.running("2026-03-03T08:05:00+00:00"):
        shop.events(
            (
                "carl",
                "order_placed",
                "2026-03-03T08:05:00Z",
                {"order_id": "o4", "total": 44, "currency": "EUR", "code": code},
            ),
            (
                "willy",
                "order_placed",
                "2026-03-03T08:05:01Z",
                {"order_id": "o7", "total": 9, "currency": "EUR"},
            ),
            (
                "willy",
                "order_placed",
                "2026-03-03T08:05:02Z",
                {"order_id": "o8", "total": 9, "currency": "EUR"},
            ),
            (
                "curt",
                "cart_updated",
                "2026-03-03T07:04:00Z",
                {"cart_id": "c9", "total": 33, "currency": "EUR"},
            ),
            (
                "larry",
                "cart_updated",
                "2026-03-03T07:04:00Z",
                {"cart_id": "c10", "total": 33, "currency": "EUR"},
            ),
            (
                "ling",
                "cart_updated",
                "2026-03-03T07:50:00Z",
                {"cart_id": "c11", "total": 33, "currency": "EUR"},
            ),
            ("viola", "signed_up", "2026-03-03T08:05:00Z"),
        )
        # A row that cannot be read sets its customer aside and stops nobody else.
        shop.damage("""UPDATE customer SET seen = '{"visited": "nonsense"}' WHERE id = 'stuck'""")
        shop.events(("stuck", "signed_up", "2026-03-03T08:05:00Z"))
        until(lambda: bool(shop.ask("SELECT 1 FROM stuck")), shop.log)
        shop.rest()
    later = "2026-03-03T08:12:00+00:00"
    # Killed with messages in its hands: the first time they were claimed only, then some had left.
    events = [("xenia", "signed_up"), ("lost2", "signed_up")]
    shop.command(
        later,
        "import",
        "--live",
        shop.file("later.jsonl", [happened(*event, "2026-03-03T08:11:00Z") for event in events]),
    )
    shop.struck(later, "after claim:1")
    moment = "2026-03-03T08:16:00+00:00"
    events = [(name, "signed_up") for name in ("maya", "yves", "otto", "zoe", "vera", "rita")]
    shop.command(
        moment,
        "import",
        "--live",
        shop.file("last.jsonl", [happened(*event, "2026-03-03T08:15:00Z") for event in events]),
    )
    shop.struck(moment, "before the commit:4")
    shop.damage("UPDATE customer SET seen = '{}' WHERE id = 'stuck'")
    # Received beside the daemon, and not applied.
    shop.command(
        "2026-03-03T08:18:00+00:00", "import", "--live",
        shop.file("late.jsonl", [
            {**order("cleo", "o6", "2026-03-03T08:17:00Z", 25), "id": "late-1"},
            happened("newcomer", "signed_up", "2026-03-03T08:17:30Z"),
        ]),
    )  # fmt: skip


def bounce(folder: Path, name: str, quoted: str) -> str:
    path = folder / "bounce.eml"
    path.write_text(f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.net
To: hello@shop.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

It could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {name}@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b1
Content-Type: text/rfc822-headers

Message-ID: <{quoted}@shop.example>

--b1--
""")
    return str(path)


def complaint(folder: Path, name: str, quoted: str) -> str:
    path = folder / "complaint.eml"
    path.write_text(f"""From: <abuse@mailbox.example>
To: <hello@shop.example>
Subject: FW: Hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b2"

--b2
Content-Type: text/plain

This is an email abuse report.

--b2
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1

--b2
Content-Type: message/rfc822

From: Shop <hello@shop.example>
To: {name}@example.com
Message-ID: <{quoted}@shop.example>
Subject: Hello

Hello.

--b2--
""")
    return str(path)


def golden(shop: Shop) -> str:
    """What `status`, `show` and `why` say of it, a line each: the words of the command, then its JSON."""
    words = [["status"], *(["show", name] for name in PEOPLE), *(["why", *asked.split()] for asked in ASKED)]
    answers = shop.commands(SEEN_AT, *([*command, "--format", "json"] for command in words))
    lines = [
        f"{' '.join(command)}  {json.dumps(json.loads(answer), ensure_ascii=False)}"
        for command, answer in zip(words, answers, strict=True)
    ]
    return "\n".join(lines).replace(str(shop.folder), "SHOP") + "\n"


def main() -> None:
    checkout = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary, world() as mailboxes:
        shop = Shop(checkout, Path(temporary) / "shop")
        shutil.copytree(HERE / "project", shop.folder)
        try:
            days(shop, mailboxes)
        finally:
            if shop.daemon is not None and shop.daemon.poll() is None:
                shop.daemon.kill()
        with contextlib.closing(sqlite3.connect(shop.folder / "data" / "shop.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("VACUUM")
            database.execute("PRAGMA journal_mode = DELETE")
        (HERE / "store_of_facc07a.golden").write_text(golden(shop))
        (HERE / "store_of_facc07a.db.xz").write_bytes(
            lzma.compress((shop.folder / "data" / "shop.db").read_bytes(), preset=9)
        )


if __name__ == "__main__":
    main()
