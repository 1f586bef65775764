"""Mail that comes back: from a mailbox by IMAP or piped in, read, and taken like any other report of a
provider."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from engine.channels.email.mail_reports import InboundMail, Kind, read_mail, reports_of
from engine.channels.email.mime_reader import LARGEST
from engine.clock import Clock
from engine.config import MailboxConfig
from engine.errors import WorldError
from engine.runtime.feedback.reports import ReportCounts, take_reports
from engine.store.database import Store, is_refusal
from engine.store.messages import records
from engine.values import Instant

log = structlog.get_logger("mailbox")

AT_ONCE = 50
"""Mails of one look; the next one takes the rest."""

SECONDS = 30.0

PIECE = 20_000
"""Numbers of mails that are looked through at once for new ones."""

FETCHES = 3
"""So often a mail is asked for whose answer never comes; then it is set aside, since it comes first every
time."""


@dataclass(frozen=True, slots=True)
class MailCounts:
    """What became of one mail: `taken` is about messages of ours; nobody else's mail is believed."""

    kind: Kind
    taken: ReportCounts

    @property
    def words(self) -> str:
        """For the log and the terminal; no address, no subject."""
        if not self.taken.new and not self.taken.known:
            return f"{self.kind}: about no message of ours"
        return f"{self.kind}: {'counted' if self.taken.new else 'known already'}"


def take_mail(conn: Connection, mail: InboundMail, now: Instant) -> MailCounts:
    """Takes one mail in a transaction of the writer; taking it again changes nothing. What is about no
    message of ours changes nothing either (design/reliability case 88). The mail was read before: its
    bytes are a stranger's, and nobody else may wait for them."""
    # what is kept beside: what was understood, never the mail itself, which quotes people
    words = f"{mail.kind}: " + "; ".join(failure.detail for failure in mail.failures[:5])
    new = known = 0
    for message in records.by_refs(conn, mail.tokens[:20]):
        for report in reports_of(mail, message.send_key, message.address or "", message.purpose, words):
            counts = take_reports(conn, message.channel, [report], now)
            new, known = new + counts.new, known + counts.known
    return MailCounts(mail.kind, ReportCounts(new, known))


class Mailbox:
    """`configured` gives the mailbox of the current config.yaml; None: there is none to look at. `arrived` is
    called when something was taken."""

    def __init__(
        self,
        store: Store,
        configured: Callable[[], MailboxConfig | None],
        clock: Clock,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._configured = configured
        self._clock = clock
        self._arrived = arrived
        self._begin: dict[
            tuple[str, ...], int
        ] = {}  # folder -> the number from which on there may be new mail
        self._unanswered: Counter[tuple[str, ...]] = Counter()  # mails that were asked for, and did not come

    async def tick(self) -> float:
        """One look; how long to rest then, in seconds. Raises WorldError when the mailbox cannot be
        reached."""
        config = self._configured()
        if config is None:
            return 60.0
        count = await asyncio.to_thread(self.look, config)
        if count:
            self._arrived()
        return 0.0 if count == AT_ONCE else config.every

    def look(self, config: MailboxConfig) -> int:
        """Reads what is new; a mail is marked as seen only when what it says is stored. How many were
        read."""
        try:
            with _opened(config) as box:
                numbers = self._unseen(box, config)
                for number in numbers:
                    self._take(box, number, config)
                return len(numbers)
        except (imaplib.IMAP4.error, OSError, ssl.SSLError) as wrong:
            where = f"{config.host}:{config.port}"
            raise WorldError(
                f"the mailbox at {where} cannot be read: {type(wrong).__name__}: {wrong}", permanent=False
            ) from wrong

    def _unseen(self, box: imaplib.IMAP4, config: MailboxConfig) -> list[str]:
        """The numbers of the first mails that nobody has read. Asked for piece by piece: the list of a
        flood is longer than what `imaplib` takes as one line, and would be so at every look."""
        _, last = box.response("UIDNEXT")
        end = int(last[0]) if last and last[0] and last[0].isdigit() else 0
        where = (config.host, config.user, config.folder)
        # what lies before it was read when this process looked
        begin = self._begin.get(where, 1) if end >= self._begin.get(where, 1) else 1
        while True:
            piece = f"UID {begin}:{begin + PIECE - 1}" if end else "UID 1:*"
            status, answer = box.uid("SEARCH", "UNSEEN", piece)
            numbers = answer[0].split() if status == "OK" and answer and answer[0] else []
            if numbers or begin + PIECE >= end:
                return [number.decode() for number in numbers[:AT_ONCE]]
            begin += PIECE
            self._begin[where] = begin

    def _take(self, box: imaplib.IMAP4, number: str, config: MailboxConfig) -> None:
        """One mail. One that the server does not give, or that we cannot take, is marked and stays where it
        is: it would come first again and again, and none behind it would be read."""
        which = (config.host, config.user, config.folder, number)
        if self._unanswered[which] >= FETCHES:
            del self._unanswered[which]
            self._set_aside(box, number, f"the connection was lost over it {FETCHES} times")
            return
        self._unanswered[which] += 1
        status, answer = box.uid("FETCH", number, f"(BODY.PEEK[]<0.{LARGEST}>)")
        del self._unanswered[which]
        raw = b"".join(part[1] for part in answer if isinstance(part, tuple)) if status == "OK" else b""
        if not raw:
            self._set_aside(box, number, "the server did not give it")
            return
        now = self._clock.now()
        try:
            mail = read_mail(raw)
            # durable before the mail is marked: a crash in between reads it once more, and what it says
            # is known then
            counts = self._store.write(lambda conn: take_mail(conn, mail, now))
        except DatabaseError as refusal:
            if is_refusal(refusal):  # the store's fault: the mail waits
                raise
            self._set_aside(box, number, f"{type(refusal).__name__}: {refusal.orig}")
            return
        except Exception as defect:  # noqa: BLE001 - a defect of ours in one mail must not hide the next ones
            self._set_aside(box, number, f"{type(defect).__name__}: {defect}")
            return
        log.info("mail_read", what=counts.words)
        if config.done:
            copied, _ = box.uid("COPY", number, _quoted(config.done))
            if copied != "OK":
                raise imaplib.IMAP4.error(
                    f"the folder {config.done} does not take mail; make it, or correct  done"
                )
            box.uid("STORE", number, "+FLAGS", r"(\Deleted \Seen)")
            box.expunge()
        else:
            box.uid("STORE", number, "+FLAGS", r"(\Seen)")

    def _set_aside(self, box: imaplib.IMAP4, number: str, why: str) -> None:
        log.error("mail_set_aside", uid=number, why=why[:300])
        box.uid("STORE", number, "+FLAGS", r"(\Seen \Flagged)")


@contextlib.contextmanager
def _opened(config: MailboxConfig) -> Iterator[imaplib.IMAP4]:
    """A session in the folder. Nothing is said in clear text when TLS was asked for."""
    context = ssl.create_default_context()
    box: imaplib.IMAP4
    if config.tls == "tls":
        box = imaplib.IMAP4_SSL(config.host, config.port, ssl_context=context, timeout=SECONDS)
    else:
        box = imaplib.IMAP4(config.host, config.port, timeout=SECONDS)
    try:
        if config.tls == "starttls":
            box.starttls(context)
        box.login(config.user, config.password.reveal())
        chosen, _ = box.select(_quoted(config.folder))
        if chosen != "OK":
            raise imaplib.IMAP4.error(f"there is no folder {config.folder}")
        yield box
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            box.logout()
        with contextlib.suppress(OSError):
            box.shutdown()


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
