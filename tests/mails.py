"""Mails that come back, as servers write them: delivery reports, complaints, answers. Addresses and tokens
are filled in."""

from __future__ import annotations


def crlf(text: str) -> bytes:
    """The bytes of a mail."""
    return text.replace("\n", "\r\n").encode()


def delivery_report(
    to: str,
    *failed: tuple[str, str, str],
    quoted: str = "x",
    action: str = "failed",
    report_type: bool = True,
) -> bytes:
    """RFC 3464. `failed`: (address, status, what the other server said). `quoted`: the Message-ID of the
    original."""
    groups = "\n".join(
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {said}\n"
        for address, status, said in failed
    )
    kind = "; report-type=delivery-status" if report_type else ""
    return crlf(f"""Return-Path: <>
Delivered-To: {to}
From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: Sun, 22 Nov 2026 10:00:00 +0000
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report{kind}; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8

Ваше письмо не доставлено.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

{groups}
--b1
Content-Type: text/rfc822-headers

Message-ID: <{quoted}@shop.example>
Subject: Hello

--b1--
""")


def complaint(quoted: str) -> bytes:
    """RFC 5965: a person pressed "this is spam"."""
    return crlf(f"""From: <abuse@mailbox.example>
To: <abuse@shop.example>
Subject: FW: Hello
Date: Sun, 22 Nov 2026 10:00:00 +0000
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
Message-ID: <{quoted}@shop.example>
Subject: Hello

Hi
--b2--
""")


def plain(to: str, more: str = "", body: str = "Thank you") -> bytes:
    """A mail that somebody wrote, or a machine: `more` headers, each with a line end."""
    return crlf(
        f"From: Anna <anna@example.com>\nTo: {to}\nSubject: Re: Hello\n"
        f"Date: Sun, 22 Nov 2026 10:00:00 +0000\n{more}\n{body}\n"
    )
