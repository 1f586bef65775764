"""`reports:` in config.yaml: who gets figures by mail, when a customer is lost, and which domains of
recipients are named."""

from __future__ import annotations

from engine.config import ReportsConfig
from engine.config.alerts import ADDRESS
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

REPORTS = Construct(
    "reports",
    "reports",
    (
        Key("mail", "texts", "addresses that the overview is mailed to", example="[owner@shop.example]",
            pattern=TextPattern(ADDRESS, "is no e-mail address", "reports are mailed there",
                                "write  owner@shop.example", code="E133")),
        Key("every", "text", "on which mornings: every day, or one of the week", example="Monday",
            pattern=TextPattern("day|" + "|".join(_WEEKDAYS), "is no day on which a report is mailed",
                                "a report comes every day, or once a week", "write  day  or  Monday",
                                code="E133")),
        Key("lost", "text", "after how long without an order a customer is lost", example="after 180 days",
            pattern=TextPattern("after [1-9][0-9]{0,3} days?", "does not say when a customer is lost",
                                "churn and retention count who has not ordered for so many days",
                                "write  after 180 days", code="E134")),
        Key("domains", "texts", "domains of recipients that report channels names beside mailbox providers",
            example="[firm.example]",
            pattern=TextPattern(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]",
                                "is no domain", "messages to its addresses are counted under it",
                                "write  firm.example, in small letters, without @", code="E141")),
    ),
    "Figures of the shop: who gets them by mail, when a customer is lost, which domains are named",
)  # fmt: skip


def read_reports(reader: MapReader | None, channels: tuple[str, ...]) -> ReportsConfig:
    """What the file says; a key that is left out or wrong has its default."""
    usual = ReportsConfig()
    if reader is None:
        return usual
    mail, every, lost = reader.texts("mail"), reader.text("every"), reader.text("lost")
    if mail and "email" not in channels:
        reader.context.report(
            mail[0].span, "E133", f'the report cannot be mailed to "{mail[0].value}"',
            "mail leaves by the channel email, and there is none",
            "write one under channels, for example  email: {via: smtp, host: ..., from: ...}",
            subject="email",
        )  # fmt: skip
    return ReportsConfig(
        tuple(address.value for address in mail),
        _WEEKDAYS.index(every.value) if every is not None and every.value in _WEEKDAYS else None,
        int(lost.value.split()[1]) if lost is not None else usual.lost,
        tuple(sorted({domain.value for domain in reader.texts("domains")})),
    )
