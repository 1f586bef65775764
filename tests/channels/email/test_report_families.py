"""Delivery reports as servers of each family write them: an address is closed only for what is said of it.

The mails are made up in the shape that each server gives them; words and codes are those of its manual.
"""

from __future__ import annotations

import base64

import pytest

from engine.channels.email.mail_reports import InboundMail, read_mail
from tests.mails import complaint, delivery_report, plain

ANNA = "anna@example.com"
PATH = "bounces+x@shop.example"

GONE = ("bounced", "address")
FOR_NOW = ("bounced for now", "address")
LATE = ("bounced for now", "provider")
OURS = ("refused", "sender")
MAIL = ("refused", "template")


def text(body: str, sender: str = "MAILER-DAEMON@mx.test", subject: str = "failure notice",
         charset: str = "utf-8", headers: str = "") -> bytes:  # fmt: skip
    """A report without parts. `headers`: each with a line end."""
    head = (
        f"Return-Path: <>\nFrom: {sender}\nTo: {PATH}\nSubject: {subject}\n{headers}MIME-Version: 1.0\n"
        f'Content-Type: text/plain; charset="{charset}"\nContent-Transfer-Encoding: 8bit\n\n'
    )
    return (head + body + "\n").encode(charset)


def qmail(said: str) -> bytes:
    return text(f"""Hi. This is the qmail-send program at mx.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{ANNA}>:
{said}

--- Below this line is a copy of the message.

Return-Path: <{PATH}>
Subject: the user is unknown, the mailbox is full""")


def exim(said: str) -> bytes:
    return text(
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {ANNA}
    {said}

------ This is a copy of the message, including all the headers. ------

Return-path: <{PATH}>""",
        "Mail Delivery System <Mailer-Daemon@mx.test>",
        "Mail delivery failed: returning message to sender",
        headers=f"X-Failed-Recipients: {ANNA}\nAuto-Submitted: auto-replied\n",
    )


def dma(said: str) -> bytes:
    return text(f"""This is the DragonFly Mail Agent v0.13 at mx.test.

There was an error delivering your mail to <{ANNA}>.

{said}

Message headers follow.
""", "MAILER-DAEMON <>", "Mail delivery failed")  # fmt: skip


def opensmtpd(said: str) -> bytes:
    return text(f"""    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

{ANNA}: {said}

    Below is a copy of the original message:
""", "Mailer Daemon <MAILER-DAEMON@mx.test>", "Delivery status notification: error")  # fmt: skip


def sendmail(command: str, said: str, own: str = "554 5.0.0 Service unavailable") -> bytes:
    return text(f"""The original message was received at Thu, 29 Apr 2010 23:45:10 +0900

   ----- The following addresses had permanent fatal errors -----
<{ANNA}>

   ----- Transcript of session follows -----
... while talking to mx.test.com.:
>>> {command}
<<< {said}
{own}

   ----- Unsent message follows -----
""", "Mail Delivery Subsystem <MAILER-DAEMON@mx.test>", "Returned mail: see transcript")  # fmt: skip


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        # qmail and its children
        (qmail("Sorry, no mailbox here by that name. (#5.1.1)"), GONE),
        (qmail("Sorry, I couldn't find any host named exmaple.com. (#5.1.2)"), GONE),
        (qmail("Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)"), GONE),
        (qmail("192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 User unknown\n"
               "Giving up on 192.0.2.1."), GONE),
        (qmail("192.0.2.1 does not like recipient.\nRemote host said: 550 5.7.606 Access denied, banned "
               "sending IP [192.0.2.9]\nGiving up on 192.0.2.1."), OURS),
        (qmail("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\nI'm not going to try again; "
               "this message has been in the queue too long."), FOR_NOW),
        (qmail("user is over quota"), FOR_NOW),
        (qmail("Connected to 192.0.2.1 but sender was rejected.\nRemote host said: 421 4.7.0 too many "
               "complaints"), FOR_NOW),
        (qmail("Sorry. Although I'm listed as a best-preference MX or A for that host,\nit isn't in my "
               "control/locals file, so I don't treat it as local. (#5.4.6)"), FOR_NOW),
        # Exim: without a standard part, with what was asked for
        (exim("SMTP error from remote mail server after RCPT TO:<anna@example.com>:\n    host mx "
              "[192.0.2.1]: "
              "550 No such user here"), GONE),
        (exim("SMTP error from remote mail server after end of data:\n    host mx [192.0.2.1]: 550 No such "
              "user here"), FOR_NOW),
        (exim("SMTP error from remote mail server after MAIL FROM:<x@shop.example>:\n    host mx: 550 5.1.1 "
              "unknown user"), OURS),
        (exim("SMTP error from remote mail server after initial connection:\n    host mx: 554 Your IP has no "
              "PTR record"), OURS),
        (exim("Unrouteable address"), GONE),
        (exim("an MX or SRV record indicated no SMTP service"), GONE),
        (exim("retry timeout exceeded"), FOR_NOW),
        (exim("mailbox is full (MTA-imposed quota exceeded while writing to file /var/mail/anna)"), FOR_NOW),
        # others without a standard
        (dma("mx.test.com [192.0.2.1] did not like our RCPT TO:\n550 5.1.1 <anna@example.com> User unknown"),
         GONE),
        (dma("mx.test.com [192.0.2.1] did not like our final DATA:\n552 5.3.4 message too big"), MAIL),
        (dma("mx.test.com [192.0.2.1] did not like our DATA:\n554 5.7.1 Email rejected per DMARC policy"),
         OURS),
        (dma("Could not deliver for the last 432000 seconds. Giving up."), FOR_NOW),
        (opensmtpd("550 5.1.1 recipient does not exist"), GONE),
        (opensmtpd("550 5.7.25 no reverse DNS for 192.0.2.9"), OURS),
        (opensmtpd("Network error on destination MXs"), FOR_NOW),
        (sendmail("RCPT To:<anna@example.com>", "550 <anna@example.com>... User unknown",
                  "550 5.1.1 <anna@example.com>... User unknown"), GONE),
        (sendmail("DATA", "550 Unknown user anna@example.com"), FOR_NOW),
        (sendmail("MAIL From:<x@shop.example> SIZE=2000", "553 5.1.8 Domain of sender does not exist"), OURS),
        (sendmail("DATA", "552 5.2.2 Mailbox full"), FOR_NOW),
        (text(f"Unknown user: {ANNA}\n\nOriginal message follows.\n", "Postmaster <postmaster@mx.test>",
              "Undeliverable Mail"), GONE),
        (text(f"Your message\n\n  Subject: Hello\n\nwas not delivered to:\n\n  {ANNA}\n\nbecause:\n\n  User "
              f"anna ({ANNA}) not listed in Domino Directory", subject="DELIVERY FAILURE"), GONE),
        (text(f"------- Failure Reasons  --------\n\nUser not listed in public Name & Address "
              f"Book\n{ANNA}\n\n"
              "------- Returned Message --------\n", subject="Undeliverable message"), GONE),
        (text(f"Your message\n\n  To:      Anna\n  Subject: Hello\n\ndid not reach the following "
              f"recipient(s):"
              f"\n\n{ANNA} on Thu, 29 Apr 2010 12:00:00 +0200\n    The recipient name is not recognized\n"
              "\tMSEXCH:IMS:X:Y:Z 0 (000C05A6) Unknown Recipient", "System Administrator <postmaster@x.test>",
              "Undeliverable: Hello"), GONE),
        (text(f"Message from  mail.example.\nUnable to deliver message to the following address(es).\n\n"
              f"<{ANNA}>:\nunable to connect to remote server: Operation timed out", subject="failed "
                    "delivery"),
         FOR_NOW),
        (text("Delivery failed 20 attempts: anna@example.com\n\n\nOriginal message follows.\n",
              subject="Undeliverable Mail"), FOR_NOW),
        (text(f"The user(s) account is disabled.\n\n<{ANNA}>", "Postmaster@mobile.example",
              "Mail System Error - Returned Mail"), FOR_NOW),
        (text(f"Your mail sent on: Thu, 29 Apr 2013\nCould not be delivered to: <{ANNA}>\n\nAs their "
              f"mailbox is "
              "full.", subject="Mail could not be delivered"), FOR_NOW),
        (text(f"--- Non-Delivery Report ---\n\n{ANNA} - no such user here.", "MDaemon@mx.test",
              "Warning: User unknown!"), GONE),
        (text(f"Sorry, we were unable to deliver your message to the following address.\n\n<{ANNA}>:\nNo mx "
              "record found for domain=example.com", subject="Failure Notice"), GONE),
        (text(f"This is an automatically generated Delivery Status Notification\n\nDelivery to the following "
              f"recipient failed permanently:\n\n     {ANNA}\n\nThe recipient server did not accept our "
                    f"requests "
              "to connect.", subject="Delivery Status Notification (Failure)"), FOR_NOW),
        # nobody says for sure
        (text("The group you tried to contact may not exist, or you may not have permission to post messages "
              "to it.", subject="Delivery Status Notification (Failure)"), OURS),
        (text(f"<{ANNA}>: the account or domain may not exist", subject="Undelivered"), FOR_NOW),
        (text(f"Something went wrong with {ANNA}.", subject="Undelivered Mail"), FOR_NOW),
    ],
)  # fmt: skip
def test_a_report_without_a_standard_part_is_judged_by_its_words(
    mail: bytes, expected: tuple[str, str]
) -> None:
    letter = read_mail(mail)
    assert letter.kind == "bounce"
    assert outcomes(letter) == [expected]
    assert letter.alone


@pytest.mark.parametrize(
    ("body", "charset", "expected"),
    [
        ("Ваше письмо не доставлено. Такого пользователя нет.", "koi8-r", GONE),
        ("Ваше письмо не доставлено: ящик получателя переполнен.", "windows-1251", FOR_NOW),
        ("Ваше письмо не доставлено: оно похоже на спам.", "utf-8", OURS),
        ("Ihre Nachricht konnte nicht zugestellt werden. Der Empfänger existiert nicht.", "iso-8859-1", GONE),
        ("Ihre Nachricht konnte nicht zugestellt werden: das Postfach ist voll.", "iso-8859-15", FOR_NOW),
        ("Die Nachricht war unzustellbar, da der Absender gesperrt ist.", "utf-8", OURS),
        ("Votre message n'a pas pu être remis. Cette adresse n'existe pas.", "iso-8859-1", GONE),
        ("Votre message n'a pas pu être remis. La boîte du destinataire est pleine.", "utf-8", FOR_NOW),
        ("No se pudo entregar el mensaje. El usuario no existe.", "iso-8859-1", GONE),
        ("Il messaggio non è stato consegnato: utente sconosciuto.", "iso-8859-1", GONE),
        ("A mensagem não foi entregue. O destinatário não existe.", "iso-8859-1", GONE),
        ("メールは配信できませんでした。宛先のユーザーは存在しません。", "iso-2022-jp", GONE),
        ("メールは配信できませんでした。相手のメールボックスの容量がいっぱいです。", "shift_jis", FOR_NOW),
        ("您的邮件无法投递：收件人不存在。", "gb2312", GONE),
        ("您的邮件被退信：对方邮箱已满。", "gbk", FOR_NOW),
        ("您的郵件無法遞送：查無此人。", "big5", GONE),
        ("메일이 전달되지 못했습니다. 존재하지 않는 사용자입니다.", "euc-kr", GONE),
    ],
)
def test_a_report_is_understood_in_many_languages(body: str, charset: str, expected: tuple[str, str]) -> None:
    assert outcomes(read_mail(text(body, charset=charset))) == [expected]
    head, _, rest = text("@", charset=charset).partition(b"8bit\r\n" if b"\r\n" in text("") else b"8bit\n")
    packed = head + b"base64\n\n" + base64.encodebytes(body.encode(charset))
    assert rest
    assert outcomes(read_mail(packed)) == [expected]


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        ("5.1.1", "550 5.1.1 mailbox unavailable", GONE),
        ("5.1.10", ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address "
              "lookup"), GONE),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. [AS(201806281)]", GONE),
        ("5.4.4", "Host or domain name not found. Name service error for name=x.test type=A: Host not found",
         GONE),
        ("5.0.0", "556 5.1.10 Domain does not accept mail (nullMX)", GONE),
        ("5.1.6", "551 5.1.6 recipient no longer on server", GONE),
        ("5.1.1", "550 5.1.1 mailbox is full", FOR_NOW),
        ("5.1.1", "552 5.1.1 user is over quota", FOR_NOW),
        ("5.1.1", "550 5.1.1 temporary failure, please try again later", FOR_NOW),
        ("4.1.1", "450 4.1.1 user unknown", FOR_NOW),
        ("5.4.7", "delivery time expired", FOR_NOW),
        ("5.4.4", "Name service error for name=x.test type=MX: Malformed name server reply", FOR_NOW),
        ("5.2.1", "550 5.2.1 The account is disabled", FOR_NOW),
        ("5.1.0", "550 5.1.0 192.0.2.9 is not allowed to send from shop.example per its SPF Record", OURS),
        ("5.1.1", "550 5.1.1 Sender address rejected: domain does not exist", OURS),
        ("5.1.2", "550 5.1.2 message blocked due to poor reputation of the sending IP", OURS),
        ("5.0.0", "554 5.7.1 Relay access denied", OURS),
        ("5.7.1", "550 5.7.1 unknown user, or your mail looks like spam", FOR_NOW),
        ("5.0.0", "550-5.7.26 This mail is unauthenticated", OURS),
        ("5.2.3", "552 5.2.3 Message size exceeds fixed maximum message size", MAIL),
        ("5.6.0", "554 5.6.0 virus found", MAIL),
    ],
)  # fmt: skip
def test_the_answer_in_a_report_is_judged_as_one_in_a_session(
    status: str, said: str, expected: tuple[str, str]
) -> None:
    assert outcomes(read_mail(delivery_report(PATH, (ANNA, status, said)))) == [expected]


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        # Gmail's own client says how far it had come
        (text(f"Delivery to the following recipient failed permanently:\n\n     {ANNA}\n\nThe error that the "
              f"other server returned was: 550 550 Unknown user {ANNA} (state 14)."), GONE),
        (text(f"Delivery to the following recipient failed permanently:\n\n     {ANNA}\n\nThe error that the "
              f"other server returned was: 550 550 Unknown user {ANNA} (state 17)."), FOR_NOW),
        (text(f"Sent <<< RCPT TO:<{ANNA}>\nReceived >>> 550 <{ANNA}>... user unknown\n\nUnable to deliver "
              f"message to <{ANNA}>", subject="Mail could not be delivered"), GONE),
        (text(f"Your message:\n  Subject: Hello\n\nCould not be delivered because of\n\n550 5.1.1 "
              f"User unknown\n\n"
              f"The following recipients were affected:\n  {ANNA}", subject="Undeliverable Mail"), GONE),
        (text(f"This message was not delivered due to the following reason:\n\nThe user(s) account is "
              f"temporarily over quota.\n\n<{ANNA}>", subject="Returned Mail"), FOR_NOW),
        (text(f"Unknown host: {ANNA}", subject="Undeliverable Mail"), GONE),
        (text(f"Ihre Nachricht an {ANNA} konnte nicht zugestellt werden.\nDie E-Mail-Adresse wurde in der "
              "Zieldomäne nicht gefunden.", subject="Unzustellbar: Hallo"), GONE),
        (text(f"User anna ({ANNA}) non répertorié dans l'annuaire Domino", subject="DELIVERY FAILURE"), GONE),
        (text(f"No route found to domain example.com from server X.\n{ANNA}", subject="DELIVERY "
              "FAILURE"), FOR_NOW),
        (exim('unknown local-part "anna" in domain "example.com"'), GONE),
        (exim('all hosts for "example.com" have been failing for a long time'), FOR_NOW),
        (exim("lowest numbered MX record points to local host"), FOR_NOW),
        (qmail("vdeliver: invalid or unknown virtual user 'anna@example.com'"), GONE),
        (qmail("vdelivermail: account is locked email bounced"), FOR_NOW),
        (qmail("Sorry, this message is looping: it already has my Delivered-To line. (#5.4.6)"), FOR_NOW),
        (qmail("Remote host said: 553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)"), OURS),
    ],
)  # fmt: skip
def test_reports_of_more_families(mail: bytes, expected: tuple[str, str]) -> None:
    assert outcomes(read_mail(mail)) == [expected]


@pytest.mark.parametrize(
    ("exit_code", "expected"), [("67", GONE), ("68", GONE), ("75", FOR_NOW), ("77", FOR_NOW)]
)
def test_what_a_program_ended_with_is_read_by_the_table_of_sysexits(
    exit_code: str, expected: tuple[str, str]
) -> None:
    raw = delivery_report(PATH, (ANNA, "5.3.0", "@"))
    assert outcomes(read_mail(raw.replace(b"smtp; @", f"X-Unix; {exit_code}".encode()))) == [expected]


def test_a_report_whose_parts_are_broken_is_read_by_its_fields() -> None:
    raw = delivery_report(PATH, (ANNA, "5.1.1", "550 5.1.1 user unknown"))
    broken = raw.replace(b'multipart/report; report-type=delivery-status; boundary="b1"', b"text/plain")
    assert broken != raw
    assert outcomes(read_mail(broken)) == [GONE]


def test_a_report_inside_a_report_counts() -> None:
    inner = delivery_report("somebody@mx.test", (ANNA, "5.1.1", "550 5.1.1 user unknown"))
    head = (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.test\r\nTo: {PATH}\r\nSubject: Returned mail\r\n"
        'Content-Type: multipart/mixed; boundary="outer"\r\n\r\n--outer\r\n\r\nPermanent delivery errors.\r\n'
        "--outer\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    assert outcomes(read_mail(head.encode() + inner + b"\r\n--outer--\r\n")) == [GONE]


def test_of_several_addresses_in_free_text_each_is_judged_by_its_own_words() -> None:
    letter = read_mail(
        qmail("user is over quota\n\n<ben@example.com>:\nSorry, no mailbox here by that name.")
    )
    assert {failure.address: failure.kind for failure in letter.failures} == {
        ANNA: "bounced for now",
        "ben@example.com": "bounced",
    }
    assert not letter.alone


@pytest.mark.parametrize(
    ("kind", "type_", "person", "expected"),
    [
        ("Bounce", '"bounceType":"Permanent","bounceSubType":"General",',
         '"status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"', [GONE]),
        ("Bounce", '"bounceType":"Permanent","bounceSubType":"NoEmail",', '"action":"failed"', [GONE]),
        ("Bounce", '"bounceType":"Transient","bounceSubType":"MailboxFull",',
         '"status":"5.2.2","diagnosticCode":"smtp; 552 5.2.2 mailbox full"', [FOR_NOW]),
        ("Bounce", '"bounceType":"Transient","bounceSubType":"General",', '"action":"failed"', [FOR_NOW]),
        ("Bounce", '"bounceType":"Permanent","bounceSubType":"General",',
         '"status":"5.7.1","diagnosticCode":"smtp; 550 5.7.1 blocked"', [OURS]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrap", [0, 70])
def test_a_notice_of_a_sending_service_is_a_report(
    kind: str, type_: str, person: str, expected: list[tuple[str, str]], wrap: int
) -> None:
    notice = (
        f'{{"notificationType":"{kind}","bounce":{{{type_}"bouncedRecipients":[{{"emailAddress":"{ANNA}",'
        f'{person}}}]}},"mail":{{"destination":["{ANNA}"]}}}}'
    )
    if wrap:
        notice = "\n ".join(notice[at : at + wrap] for at in range(0, len(notice), wrap))
    letter = read_mail(text(notice, "no-reply@sns.example", "AWS Notification Message"))
    assert (letter.kind, outcomes(letter)) == ("bounce", expected)


@pytest.mark.parametrize(("type_", "kind"), [("Complaint", "complaint"), ("Delivery", "other")])
def test_other_notices_of_a_sending_service_are_no_bounces(type_: str, kind: str) -> None:
    notice = f'{{"notificationType":"{type_}","mail":{{"destination":["{ANNA}"]}}}}\n\n--\nunsubscribe: ...'
    assert read_mail(text(notice, "no-reply@sns.example", "Notification")).kind == kind


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Delivery Status Notification (Success)", "Your message was delivered to the following recipients."),
        ("Successful Mail Delivery Report", f"<{ANNA}>: delivery via mx.test.com: 250 2.0.0 Ok"),
        ("Delivered: Hello", "Your message has been delivered to the following recipients:"),
        ("Read: Hello", "Your message was read on Monday."),
        ("Gelesen: Hallo", "Ihre Nachricht wurde gelesen."),
        ("Return receipt", "The message was displayed. This is no guarantee that it was read."),
    ],
)
def test_what_says_that_all_went_well_is_no_bounce(subject: str, body: str) -> None:
    assert read_mail(text(body, subject=subject)).kind == "other"


@pytest.mark.parametrize("person", [ANNA, "the office <office@example.com>"])
@pytest.mark.parametrize(
    "marked", ["Auto-Submitted: auto-replied\n", "X-Autoreply: yes\n", "Precedence: bulk\n"]
)
def test_an_absence_that_speaks_of_mail_is_no_bounce(person: str, marked: str) -> None:
    body = (
        "I no longer work here. This address does not exist any more from Monday on; mail is not delivered."
    )
    raw = plain(PATH, f"{marked}In-Reply-To: <x@shop.example>\n", body).replace(
        ANNA.encode(), person.encode()
    )
    assert (read_mail(raw).kind, read_mail(raw).failures) == ("automatic", ())


def test_a_person_who_writes_about_a_failure_is_no_server() -> None:
    body = "My parcel could not be delivered, the postman says that there is no such user."
    assert read_mail(plain("hello@shop.example", "References: <x@shop.example>\n", body)).failures == ()


@pytest.mark.parametrize(
    "raw",
    [
        complaint("x"),
        complaint("x").replace(b"multipart/report; report-type=feedback-report", b"multipart/mixed"),
        complaint("x").replace(b"Feedback-Type: abuse", b"Abuse-Type: complaint"),
        # Microsoft's Junk Mail Reporting Program: the message alone, with a header of its own
        complaint("x").replace(b"report; report-type=feedback-report", b"mixed")
        .replace(b"message/feedback-report", b"text/plain")
        .replace(b"\r\nFrom: Shop", b"\r\nX-HmXmrOriginalRecipient: anna@hotmail.example\r\nFrom: Shop"),
        complaint("x").replace(b"report; report-type=feedback-report", b"mixed")
        .replace(b"message/feedback-report", b"text/plain")
        .replace(b"<abuse@mailbox.test>", b"<staff@hotmail.com>")
        .replace(b"FW: Hello", b"complaint about message from 192.0.2.9"),
        # by its words alone, and in the form of X-ARF
        complaint("x").replace(b"report; report-type=feedback-report", b"mixed")
        .replace(b"message/feedback-report", b"text/plain"),
        complaint("x").replace(b"report; report-type=feedback-report", b"mixed")
        .replace(b"message/feedback-report", b"application/json")
        .replace(b"MIME-Version", b"X-XARF: PLAIN\r\nMIME-Version"),
    ],
)  # fmt: skip
def test_a_complaint_is_seen_in_every_shape(raw: bytes) -> None:
    assert read_mail(raw).kind == "complaint"


def outcomes(letter: InboundMail) -> list[tuple[str, str]]:
    return [(failure.kind, failure.fault) for failure in letter.failures]
