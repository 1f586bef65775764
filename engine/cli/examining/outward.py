"""The way out: secrets of config.yaml, mail servers that answer, the sender's records."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

from engine.cli.examining.dns import sender_records, system_resolver
from engine.cli.examining.finding import Finding
from engine.clock import SystemClock
from engine.config import ChannelConfig, Config, Secret
from engine.errors import CallerError

_SECONDS = 10.0


def secrets(config: Config) -> Iterator[Finding]:
    """Every secret that config.yaml refers to can be read; none is shown."""
    named = [
        (f"channel {channel.name}", value)
        for channel in config.channels.values()
        for value in channel.options.values()
    ]
    named += [(f"webhook {hook.name}", hook.secret) for hook in config.webhooks.values() if hook.secret]
    named += [("link_key", config.link_key)] if config.link_key else []
    found = [(what, value) for what, value in named if isinstance(value, Secret)]
    missing = 0
    for what, secret in found:
        try:
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
            "ok", "secrets", f"all {len(found)} can be read" if found else "config.yaml refers to none"
        )


def mail_servers(config: Config) -> Iterator[Finding]:
    """Connects to the server of every smtp channel, as the daemon would; sends nothing."""
    for channel in config.channels.values():
        if channel.via == "smtp":
            yield _mail_server(channel, config)


def records(config: Config) -> Iterator[Finding]:
    """SPF and DMARC of the domains that e-mail is sent from."""
    from engine.channels.mime import HeaderError, mailbox
    from engine.channels.opening import sender_of

    for channel in config.channels.values():
        if channel.name == "email" and channel.via == "smtp":
            try:
                domain = mailbox(sender_of(channel, config)).domain
            except HeaderError as wrong:
                yield Finding("FAIL", "sender", wrong.what, 'write  from: "Bean There <hello@shop.example>"')
                continue
            yield from sender_records(domain, system_resolver())


def _mail_server(channel: ChannelConfig, config: Config) -> Finding:
    from engine.channels.opening import Opening
    from engine.channels.smtp_opening import server_of

    try:
        server = server_of(Opening(channel, config, Path(), "", SystemClock()))
    except CallerError as wrong:
        return Finding(
            "FAIL", f"smtp {channel.name}", wrong.what, wrong.cure or "correct this channel in config.yaml"
        )
    what, where = f"smtp {channel.name}", f"{server.host}:{server.port}"
    try:
        with _connected(server.host, server.port, server.tls == "tls") as way:
            code, said = way.ehlo(server.name)
            if code >= 400:
                return Finding(
                    "FAIL", what, f"{where} refuses us: {code} {_text(said)}", "ask whoever runs this server"
                )
            offered = way.has_extn("starttls")
            if server.tls == "starttls" and not offered:
                return Finding(
                    "FAIL", what, f"{where} offers no STARTTLS", "correct the port, or write  tls: tls"
                )
            if offered and server.tls in ("starttls", "offered"):
                way.starttls(context=ssl.create_default_context())
                way.ehlo(server.name)
            if server.user and server.password:
                way.login(server.user, server.password)
            safe = (
                "encrypted" if server.tls == "tls" or (offered and server.tls != "none") else "not encrypted"
            )
            return Finding("ok", what, f"{where} answers, {safe}{', and knows us' if server.user else ''}")
    except ssl.SSLError as wrong:
        return Finding(
            "FAIL",
            what,
            f"{where}: its certificate cannot be trusted ({wrong.reason})",
            "correct the host name, or its certificate",
        )
    except smtplib.SMTPAuthenticationError as wrong:
        return Finding(
            "FAIL", what, f"{where} does not know us: {wrong.smtp_code}", "correct  user  and  password"
        )
    except (OSError, smtplib.SMTPException) as wrong:
        why = getattr(wrong, "strerror", None) or str(wrong)
        return Finding(
            "FAIL",
            what,
            f"{where} does not answer: {why}",
            "start it, or correct  host  and  port  in config.yaml",
        )


def _connected(host: str, port: int, tls: bool) -> smtplib.SMTP:
    if tls:
        return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=_SECONDS)


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace")[:200]
