"""The way out: secrets of config.yaml, mail servers that answer, the sender's records."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

from engine.channels.email.pool import Server
from engine.cli.diagnostics.dns import key_record, sender_records, system_resolver
from engine.cli.diagnostics.finding import Finding
from engine.clock import SystemClock
from engine.config import ChannelConfig, Config, secrets_in
from engine.errors import CallerError, WorldError
from engine.values import DAY, Instant

_SECONDS = 10.0
_DAYS = 14
"""A certificate that is good for fewer is worth a warning."""


def secrets(config: Config) -> Iterator[Finding]:
    """Every secret that config.yaml refers to can be read; none is shown."""
    named = [
        (f"channel {channel.name}", secret)
        for channel in config.channels.values()
        for secret in secrets_in(channel.options)
    ]
    named += [(f"webhook {hook.name}", hook.secret) for hook in config.webhooks.values() if hook.secret]
    if config.catalogue is not None:
        named += [("catalogue", secret) for secret in secrets_in(config.catalogue)]
    named += [("link_key", config.link_key)] if config.link_key else []
    missing = 0
    for what, secret in named:
        try:
            # read and thrown away: what matters is whether it can be read
            secret.reveal()
        except CallerError:
            missing += 1
            kind, _, name = secret.reference.partition(":")
            cure = (
                f"set the environment variable {name}"
                if kind == "env"
                else f"put it into {name}, readable by us"
            )
            yield Finding(
                "FAIL",
                what,
                f"its secret {secret.reference} cannot be read",
                f"{cure}, where the engine runs",
            )
    if not missing:
        yield Finding(
            "ok", "secrets", f"all {len(named)} can be read" if named else "config.yaml refers to none"
        )


def alerts(config: Config) -> Finding:
    """Whether anybody hears of troubles who does not look."""
    wanted = config.alerts
    if wanted is None or not (wanted.email or wanted.webhook):
        return Finding(
            "warn", "alerts", "nobody is told of troubles: only  status  lists them",
            "write  alerts: {email: you@shop.example}  in config.yaml",
        )  # fmt: skip
    hook = [f"the webhook {wanted.webhook.name}"] if wanted.webhook is not None else []
    return Finding("ok", "alerts", f"go to {', '.join([*wanted.email, *hook])}")


def feed(config: Config, folder: Path, now: Instant) -> Iterator[Finding]:
    """How old the catalogue is that came by the feed, and why the last one was not taken."""
    from sqlalchemy.exc import SQLAlchemyError

    from engine.cli.reports import catalogue
    from engine.store.database import read_only

    if config.catalogue is None:
        return
    try:
        with read_only(config.store, folder) as conn:
            report = catalogue.look(conn, config, now)
    except (SQLAlchemyError, CallerError, WorldError):
        return  # what is wrong with the store is said already
    says = catalogue.line(report)
    late = report.age_seconds is None or report.age_seconds * 1000 > max(2 * config.catalogue.every, DAY)
    if report.refused:
        cure = "look at the feed, then  catalogue fetch --anyway  if it is meant so"
        yield Finding("FAIL", "catalogue feed", says, cure)
    elif report.failed or late:
        cure = "is its address right, and does the daemon run?  catalogue fetch  tries it now"
        yield Finding("warn", "catalogue feed", says, cure)
    else:
        yield Finding("ok", "catalogue feed", says)


def mail_servers(config: Config, folder: Path) -> Iterator[Finding]:
    """Connects to the server of every smtp channel, as the daemon would; sends nothing."""
    from engine.channels.base import ChannelSetup
    from engine.channels.email.channel import mail_headers_of, server_of

    for channel in config.channels.values():
        if channel.via != "smtp":
            continue
        what = f"smtp {channel.name}"
        try:
            setup = ChannelSetup(channel, config, folder, "", SystemClock())
            mail_headers_of(setup)
            server = server_of(setup)
        except CallerError as wrong:
            yield Finding("FAIL", what, wrong.what, wrong.cure or "correct this channel in config.yaml")
        else:
            yield from _answers(what, server)


def records(config: Config, folder: Path) -> Iterator[Finding]:
    """SPF and DMARC of the domains that e-mail is sent from, and the public half of the key that we sign
    with."""
    from engine.channels.base import sender_of
    from engine.channels.mail_headers import HeaderError, mailbox

    for channel in config.channels.values():
        if channel.name == "email" and channel.via == "smtp":
            try:
                domain = mailbox(sender_of(channel, config)).domain
            except HeaderError as wrong:
                yield Finding("FAIL", "sender", wrong.what, 'write  from: "Bean There <hello@shop.example>"')
                continue
            yield from sender_records(domain, system_resolver())
            yield from _signature(channel, config, folder, domain)


def _signature(channel: ChannelConfig, config: Config, folder: Path, sender: str) -> Iterator[Finding]:
    from engine.channels.base import ChannelSetup
    from engine.channels.email.channel import signer_of

    try:
        signer = signer_of(ChannelSetup(channel, config, folder, "", SystemClock()))
    except CallerError as wrong:
        yield Finding("FAIL", "dkim", wrong.what, wrong.cure or "correct this channel in config.yaml")
        return
    if signer is None:
        return
    # DMARC asks for the domain of the sender or one above it
    if not f".{sender}".endswith(f".{signer.domain}"):
        yield Finding(
            "warn",
            f"dkim {signer.domain}",
            f"mail comes from {sender}, and this signature does not speak for it (DMARC)",
            f"sign for {sender}, or send from {signer.domain}",
        )
    yield key_record(signer, system_resolver())


def _answers(what: str, server: Server) -> Iterator[Finding]:
    where = f"{server.host}:{server.port}"
    try:
        with _connected(server) as way:
            code, greeting = way.ehlo(server.name)
            if code >= 400:
                says = f"{where} refuses us: {code} {greeting.decode('utf-8', 'replace')[:200]}"
                yield Finding("FAIL", what, says, "ask whoever runs this server")
                return
            offered = way.has_extn("starttls")
            # Falling back to plain text would be what somebody in the middle wants
            if server.tls == "starttls" and not offered:
                yield Finding(
                    "FAIL", what, f"{where} offers no STARTTLS", "correct the port, or write  tls: tls"
                )
                return
            if offered and server.tls in ("starttls", "offered"):
                way.starttls(context=server.context())
                way.ehlo(server.name)  # what it offered before encryption does not count
            if server.user and server.password:
                # after STARTTLS, so that the password goes encrypted wherever the server can do it
                way.login(server.user, server.password)
            safe = isinstance(way.sock, ssl.SSLSocket)
            yield Finding(
                "ok",
                what,
                f"{where} answers, {'encrypted' if safe else 'not encrypted'}"
                f"{', and knows us' if server.user else ''}",
            )
            yield from _certificate(what, way.sock)
    except ssl.SSLError as wrong:
        # the words of the check say what is wrong with the certificate, the reason only that something is
        why = getattr(wrong, "verify_message", None) or wrong.reason
        yield Finding(
            "FAIL",
            what,
            f"{where}: its certificate cannot be trusted ({why})",
            "correct the host name, or its certificate, or name it in  certificates:",
        )
    except smtplib.SMTPAuthenticationError as wrong:
        yield Finding(
            "FAIL", what, f"{where} does not know us: {wrong.smtp_code}", "correct  user  and  password"
        )
    except (OSError, smtplib.SMTPException) as wrong:
        why = getattr(wrong, "strerror", None) or str(wrong)
        yield Finding(
            "FAIL",
            what,
            f"{where} does not answer: {why}",
            "start it, or correct  host  and  port  in config.yaml",
        )


def _certificate(what: str, sock: object) -> Iterator[Finding]:
    """How long the server's certificate is good for; without one that was checked, nothing."""
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    ends = certificate.get("notAfter") if certificate else None
    if not isinstance(ends, str):
        return
    days = int(ssl.cert_time_to_seconds(ends) * 1000 - SystemClock().now()) // DAY
    says = f"its certificate is good for {days} more days"
    cure = "ask whoever runs this server to renew it: without one that is good nothing is sent"
    yield Finding("ok", what, says) if days >= _DAYS else Finding("warn", what, says, cure)


def _connected(server: Server) -> smtplib.SMTP:
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=server.context())
    return smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
