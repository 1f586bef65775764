"""Complaints: somebody called a message spam. By RFC 5965, and as providers wrote them before it and beside
it."""

from __future__ import annotations

import re

from engine.channels.email.mime_reader import MailPart, decoded_words, read_fields

_FEEDBACK = "message/feedback-report"

_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc", "virus"})
"""Feedback that is no wish of a person to be left alone: taken out of the spam folder (RFC 6430), a signature
that broke on the way (RFC 6591), an attachment that a scanner did not like."""

_COMPLAINERS = re.compile(
    r"(?:staff@hotmail\.com|scomp@aol\.net|(?:fbl|feedback|abuse-?feedback|complaints?)[\w.-]{0,40}@)",
    re.IGNORECASE,
)
_SUBJECTS = re.compile(
    r"complaint about message from|e-?mail feedback report|client tos notification|abuse report|"
    r"spam report|feedback loop",
    re.IGNORECASE,
)
_TEXT = re.compile(r"this is an? (?:[\w.-]+ ){0,3}?(?:e-?mail )?abuse (?:report|complaint)", re.IGNORECASE)
"""The sentence that RFC 5965 has in its examples, and most programs in their reports."""

_MARKS = ("x-arf", "x-xarf", "x-spamcop-sourceip")
"""Headers of reports in the forms of X-ARF and of SpamCop."""

_QUOTED_KINDS = ("message/rfc822", "text/rfc822-headers")
_REPORTERS = ("x-hmxmroriginalrecipient", "x-hmxmrfeedback", "x-reporter-ip")
"""Headers that Microsoft adds to the message that somebody complained about (Junk Mail Reporting Program)."""


def is_feedback(mail: MailPart) -> bool:
    """It reports what somebody thought of a message."""
    kinds = {part.kind for part in mail.walk()}
    if mail.parameters.get("report-type", "").lower() == "feedback-report" or _FEEDBACK in kinds:
        return True
    if any(mail.get(name) for name in _MARKS):
        return True
    quoted = [part for part in mail.walk() if part.kind in _QUOTED_KINDS]
    if not quoted or any(kind.endswith("delivery-status") for kind in kinds):
        return False
    headers = [read_fields(part.content.partition(b"\n\n")[0]) for part in quoted[:3]]
    if any(fields.get(name) for fields in headers for name in _REPORTERS):
        return True
    text = next((part.text[:2_000] for part in mail.walk() if part.kind == "text/plain"), "")
    if not (_SUBJECTS.search(decoded_words(mail.get("subject"))[:500]) or _TEXT.search(text)):
        return False
    # a person who passes a mail on may write such words, too; in an answer to us they are a person's
    sender = decoded_words(mail.get("from")).rpartition("<")[2].strip(" <>")
    return _COMPLAINERS.match(sender) is not None or not mail.get("in-reply-to")


def is_complaint(mail: MailPart) -> bool:
    """Of a person who wants to be left alone; what does not say its kind is one, too."""
    for part in mail.walk():
        if part.kind == _FEEDBACK:
            fields = read_fields(part.content.lstrip())
            return fields.get("feedback-type").strip().lower() not in _NO_COMPLAINT
    return True
