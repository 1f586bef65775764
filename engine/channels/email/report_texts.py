"""What a report says to people: is it one, what is its own and what the original, and what it says of whom.

No standard holds here. Nothing of it decides about an address: that is done by the words of the answers
(`answer_words`), and of which message a report is only our own token says.
"""

from __future__ import annotations

import re
from itertools import islice

from engine.channels.email.mime_reader import MailPart, decoded_words
from engine.channels.email.quoted_answers import codes

BEGINNING = 16_384
"""Characters of a text in which a server has said what it is about."""

RECIPIENTS = 20
"""Of one report; our messages have one recipient each."""


def _phrases(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


_RULE = re.compile(r"[ \t>*|]{0,20}[-_=*]{2,}(.*)")
_BEHIND_A_RULE = _phrases(
    r"[ \t]*(?:this is a copy of|below this line is|the (?:body|header) of|original|returned|unsent|"
    r"enclosed is)\b",
    r"[ \t]*(?:copy of|start of|included is|message (?:text|header)|forwarded|begin)\b",
    r".{0,40}(?:original message|copy of (?:the|your) message|unsent message|message follows|"
    r"returned message)",
    r".{0,40}(?:message header|原文|исходн|nachricht folgt)",
)
_ORIGINAL = _phrases(
    r"(?:a copy of the )?original message (?:headers?|follows|attached|as received|below)|old message:",
    r"message headers? follow|below is a copy of|the original message (?:follows|is)",
    r"original mail as follows|the header of the original|intestazioni originali|ursprüngliche nachricht",
    r"en-t[êe]tes de message|encabezados de mensaje|received:\s?(?:from|by)\b|return-path:\s",
    r"dkim-signature:\s|x-received:\s|arc-seal:\s",
)
"""How lines begin behind which the original is quoted: nobody says anything about a delivery there."""

_QUOTED = ("message/rfc822", "text/rfc822-headers")

_SERVER_NAMES = _phrases(
    r"mailer[-_ .]?daemon|po+st[ _.-]?master|mail ?delivery|mail[-_.]?(?:system|administrator|agent)",
    r"delivery subsystem|double-bounce|^<>|bounce|mail[ _-]?(?:server|gateway|service)|mdaemon|\bndr\b",
    r"smtp[ _-]gateway",
)

_SUBJECTS = _phrases(
    r"undeliver|unde?livr|deliver\w* (?:status|fail|problem|error|report|notif|delay|impossible)",
    r"fail(?:ed|ure)\b|return(?:ed|ing)\b|non[- ]?remis|mail (?:system )?error",
    r"could not (?:send|deliver|be)|can ?not (?:send|deliver)|not (?:be )?deliver|bounce|error sending",
    r"unzustellbar|nicht zugestellt|unzustellbarkeit|zustell",
    r"non (?:recapitabile|consegnat|distribu|livr)|échec|non remis",
    r"no se (?:puede|pudo|ha podido) entregar|no entregad|não (?:entregue|foi entregue)|onbestelbaar",
    r"niet (?:afgeleverd|bezorgd)|недостав|не доставлен|не может быть доставлен|ошибка доставки|配信",
    r"送信(?:エラー|できません)|配達|不達|エラー|退信|投递|無法傳遞|无法投递|未送达|退回|반송|배달",
    r"전송 ?실패|undeliverable|warning: (?:could not|message)|delivery|loop alert|errors from",
)

_SAYS_SO = _phrases(
    r"(?:could|can|was|were|has|have|will|did) ?(?:not|n['’]t) (?:yet )?(?:be(?:en)? |"
    r"able to (?:be )?)?(?:deliver|sen[dt]|reach|received|relay)",
    r"cannot be deliver|not delivered to|undeliverable",
    r"(?:delivery|deliver\w*) (?:\S+ ){0,8}(?:failed|failure|delayed|error|problem|not possible)",
    r"failed to deliver|unable to (?:deliver|send)|trouble deliver",
    r"error(?:s)? (?:\S+ ){0,4}(?:deliver|sending)",
    r"(?:delivery errors|fatal errors|delivery problems|permanent errors?)|returned to (?:the )?sender",
    r"did(?: not|n't) like (?:our|recipient)|does not like recipient|failed addresses|failure reasons",
    r"unknown user|user unknown|no such user|mailbox is full|address(?:es)? (?:\S+ )?failed",
    r"transcript of session|returned message|bounced|server message|automatically rejected",
    r"encountered an error|user\(s\) account|nicht zugestellt|konnte nicht|unzustellbar|n['’]a pas pu",
    r"échoué|no se (?:pudo|ha podido|puede)|non è (?:stato possibile|riuscito)|não (?:foi|pôde|pode)",
    r"niet (?:worden )?(?:afgeleverd|bezorgd)|не (?:может быть |было |удалось )?достав|не удалось",
    r"недоставлен|配信でき|送信でき|届け|配送でき|送信に失敗|不達|无法(?:投递|送达|发送)",
    r"無法(?:傳遞|送達|遞送)|退信|未能(?:送达|投递)|전달(?:되지|할 수)|반송|실패",
)

_NO_FAILURE = _phrases(
    r"success|delivered:|\bread:|gelesen:|\blu ?:|read receipt|return receipt|receipt notification",
    r"relayed|zugestellt:",
    r"(?:has been|was|were) (?:successfully )?(?:delivered|relayed) (?:to|successfully)",
    r"successful (?:mail )?delivery",
)
"""What servers write when all went well."""

_MAILBOX = r"[^\s<>@:;,\"'()\[\]|=]{1,64}@[^\s<>@:;,\"'()\[\]|=]{1,255}"
_NAMED_FIRST = _phrases(
    rf"^[\s*\"'<(\[-]{{0,12}}(?:\d{{3}}[ -])?[\s\"'<(\[]{{0,4}}({_MAILBOX})[\s\"'>)\]]{{0,4}}(?:$|:|;|"
    rf"\.\.\.|,|\(| on | error|<mailto| delivery|-+>|\.$)",
)
_NAMED_AFTER = _phrases(
    rf"\b(?:delivered to|deliver(?:y|ing)? (?:your )?(?:mail|message)? ?to|recipients?(?: address)?|"
    rf"following recipient|addressed to|undeliverable address|attempts|userid|unknown user|failed for|"
    rf"is full|errors?|宛先|an|destinatario|кому)\W{{1,4}}<?({_MAILBOX})",
)
_TO_ASK = re.compile(
    r"(?:po+st[ _.-]?master|mailer-daemon|abuse|support|help(?:desk)?|admin\w*|webmaster|info)@",
    re.IGNORECASE,
)
_SENDER = re.compile(rf"MAIL FROM:? ?<({_MAILBOX})>", re.IGNORECASE)
_RCPT = re.compile(rf"(?:RCPT TO:? ?|RCPT:? ?)<({_MAILBOX})>", re.IGNORECASE)


def said_text(mail: MailPart) -> str:
    """What a mail says to people, without the original that it quotes: its texts, or HTML where it has no
    other."""
    texts: list[str] = []
    hypertext = ""
    for part in mail.walk():
        if part.kind in _QUOTED:
            break
        if part.kind.startswith("multipart/") and not part.parts:  # its boundary is not to be found
            texts.append(part.text)
        elif part.kind == "text/html":
            hypertext = hypertext or part.text
        elif part.kind.startswith("text/") and not part.parts:
            texts.append(part.text)
    text = "\n\n".join(texts) if any(each.strip() for each in texts) else hypertext
    lines = text.split("\n")
    for number, line in enumerate(lines):
        start = line[:200]
        rule = _RULE.match(start)
        begins = _BEHIND_A_RULE.match(rule[1]) if rule else _ORIGINAL.match(start.lstrip(" \t>*|"))
        # a mark at the very beginning ends nothing
        if begins and any(each.strip() for each in lines[:number]):
            return "\n".join(lines[:number])
    return text


def is_from_a_server(mail: MailPart) -> bool:
    """Sent by nobody: some servers call their bounces answers."""
    sender = decoded_words(mail.get("from"))
    path = mail.get("return-path").strip()
    # programs that keep mailing lists write under the name of their list
    return (
        path == "<>"
        or bool(mail.get("x-mlserver"))
        or any(_SERVER_NAMES.search(name) is not None for name in (sender, path))
    )


def is_a_report(mail: MailPart, text: str) -> bool:
    if "x-failed-recipients" in (name for name, _ in mail.headers):
        return True
    subject, text = decoded_words(mail.get("subject"))[:1_000], text[:BEGINNING]
    if _NO_FAILURE.search(subject):
        return False
    says_so = _SAYS_SO.search(text) is not None
    named = (
        _SUBJECTS.search(subject) is not None or mail.parameters.get("report-type", "") == "delivery-status"
    )
    if is_from_a_server(mail):
        return (named or says_so or _quotes_an_answer(text)) and not (
            _NO_FAILURE.search(text) and not says_so
        )
    # from an address like any other: only what nobody writes by hand, and nobody about another mail
    is_an_answer = bool(mail.get("in-reply-to") or mail.get("references")) or subject.lower().startswith(
        ("fwd:", "fw:", "wg:")
    )
    quotes_a_mail = any(part.kind in _QUOTED for part in mail.walk())
    return says_so and (named or _quotes_an_answer(text) or quotes_a_mail) and not is_an_answer


def _quotes_an_answer(text: str) -> bool:
    return next(codes(text), None) is not None


def said_of_addresses(mail: MailPart, text: str) -> dict[str, str]:
    """Address -> what is said of it; "" where no address is named."""
    failed = [
        address.strip(" <>\"'")
        for value in mail.get_all("x-failed-recipients")
        for address in value.split(",")
    ]
    failed = [address for address in dict.fromkeys(failed) if "@" in address][:RECIPIENTS]
    if len(failed) == 1:
        return {failed[0]: text}
    known = {address.lower() for address in failed}
    senders = {address.lower() for address in _SENDER.findall(text[:BEGINNING])}
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []  # of the address that was named last, or of none yet
    for line in text.split("\n"):
        address = _address_in(line)
        if address and address.lower() not in senders and (not known or address.lower() in known):
            lines = blocks.setdefault(address, [] if blocks else lines)
        lines.append(line)
    if len(blocks) < 2:
        return {next(iter(blocks), "") or _only_address(mail, text): text}
    return {address: "\n".join(said) for address, said in islice(blocks.items(), RECIPIENTS)}


def names_nobody(text: str) -> bool:
    """It says of no address that it could not be reached."""
    return not any(_address_in(line) for line in text.split("\n"))


def _address_in(line: str) -> str:
    """The address that a line is about; "" where it is about none."""
    line = line[:1_000]
    match = _NAMED_FIRST.search(line) or _RCPT.search(line) or _NAMED_AFTER.search(line)
    return match[1].rstrip(".") if match else ""


def _only_address(mail: MailPart, text: str) -> str:
    """The one address in the text that is neither ours nor of somebody to ask."""
    ours = " ".join(mail.get_all("to") + mail.get_all("delivered-to") + mail.get_all("from")).lower()
    found = {address.rstrip(".").lower() for address in re.findall(_MAILBOX, text[:BEGINNING])}
    others = [address for address in found if address not in ours and not _TO_ASK.match(address)]
    return others[0] if len(others) == 1 else ""
