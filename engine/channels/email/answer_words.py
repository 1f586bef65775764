"""What mail servers say in words, in the languages that they say it in: phrases and what they mean.

The phrases are those of the servers (Postfix, Exim, qmail, sendmail, Exchange, Domino, Courier, ...) and of
large providers. They are looked for in plain words: in small letters, without addresses, links and marks,
`doesn't` as `does not`, the end of a sentence as a full stop of its own.
"""

from __future__ import annotations

import re
from enum import StrEnum


class RefusalReason(StrEnum):
    """What a refusal is about. Only the first two close an address."""

    NO_USER = "no user"  # no such mailbox, or it has moved
    NO_HOST = "no host"  # no such domain, or one that takes no mail
    DISABLED = "disabled"  # the mailbox is there and closed: suspended, not used for long
    FULL = "full"
    SENDER = "sender"  # we: our address, network, signature, reputation, how often we write
    SIZE = "size"
    CONTENT = "content"
    LATER = "later"  # the server or the way to it, not this mailbox


LONGEST = 700
"""Characters that are looked at: a line of SMTP has 512, an explanation for people little more."""

_LINK = re.compile(r"\b(?:https?:|www\.)[^\s<>\"]+")
_ADDRESS = re.compile(r"[^\s<>@:;,\"'()\[\]|]{1,64}@[^\s<>@:;,\"'()\[\]|]{1,255}")
_SENTENCE = re.compile(r"[.!?;。！？](?=\s|$)|\.{2,}|。")
_MARK = re.compile(r"[^\w\s.#/-]|_")
_SPACE = re.compile(r"\s+")


def plain_words(words: str) -> str:
    """As the phrases are written."""
    text = _ADDRESS.sub(" ", _LINK.sub(" ", words[: 4 * LONGEST].lower().replace("’", "'")))
    text = text.replace("cannot", "can not").replace("can't", "can not").replace("n't", " not")
    return _SPACE.sub(" ", _MARK.sub(" ", _SENTENCE.sub(" . ", text)))[:LONGEST]


def _phrases(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases))


_MANY = r"(?:[\w#/.-]*\w ){0,3}?"  # up to three words that matter not; none is the end of a sentence
_WHO = (
    r"(?:users?|rece?ipients?|mailbox|mail box|accounts?|address(?:es)?|alias|addressee|subscriber|username|"
    r"inbox|user ?id|member|login|e-?mail (?:id|name)|local[ -]?part|rcpt)"
)
_IS = (
    r"(?:(?:is|are|was|were|has|have|been|does|do|did|could|can|be|appears? to|seems? to|currently|or|this) )"
    r"{0,3}"
)
_OUR = r"(?:your|the|this|our|its|his|their|an?|any|such)"

_OF_THE_SENDER = _phrases(
    # who sends, and what is asked of senders
    rf"senders? (?:e-?mail |mail )?(?:address |domain |host |ip |id )?{_IS}(?:not |rejected|denied|"
    rf"refused|blocked|invalid|unknown|must|listed)",
    r"(?:invalid|unknown|bad|forged|unverified|unauthenticated|unauthorized|verify|banned) sender",
    r"domains? of (?:the )?sender|sender s? ?domain|from domain|(?:valid|invalid|header|in) from\b",
    r"sender verif|mail from .{0,60}(?:rejected|refused|denied)|return[ -]path",
    r"sending (?:ip|server|host|domain|mta|limit|rate|quota|to/from)",
    r"(?:your|source|client|remote|connecting) (?:mail ?server|mail host|ip|network|hostname|domain)",
    r"your (?:e-?mail |message |mail )?(?:address )?(?:is |was |has been )(?:rejected|refused|blocked|"
    r"denied|identified|considered|classified)",
    r"\b(?:spf|dkim|dmarc|ptr|rdns|fcrdns|ehlo|helo|adsp|arc-seal)\b",
    r"reverse (?:dns|lookup|host|ip|name|mapping)|find your (?:reverse )?hostname|authenticat|smtp auth",
    r"relay|rcpthosts|not (?:allowed|permitted|authori[sz]ed|verified)(?: to (?:send|post|use)| for)?\b",
    r"permissions? (?:required )?to (?:send|post)|only accepts? (?:mail|messages) from|identities failed",
    r"starttls|tls (?:is )?required|encryption|restricted|members only|moderat|mailing list",
    r"smtp server of your isp",
    r"(?:mail|messages?|connections?) (?:not accepted |refused |rejected )?from .{0,60}(?:not accept|"
    r"reject|refus|den)",
    r"not accept(?:ed)? (?:e-?mail |mail |messages |connections )?from",
    # lists, reputation, spam, policy
    r"(?:black|block|deny) ?-?list",
    r"\b(?:dnsbl|rbl|spamhaus|spamcop|barracudacentral|sorbs|senderscore|cloudmark|abuseat)\b|reputation",
    r"\bbanned\b|\bblocked\b|\bspam|\bphish|\bub?ce\b|unsolicited|\bbulk\b|\bjunk\b|complain",
    r"\bpolic(?:y|ies)\b|access denied|administrative(?:ly)? (?:prohibit|den|lock)|content filter",
    r"too many (?!hops|redirects|loops|messages on)|rate ?-?limit|rate of|unusual rate|throttl",
    r"unexpected volume|(?:hourly|daily) (?:limit|quota)",
    r"exceeded (?:the |our )?(?:max\w* )?(?:number|rate|connection|e-?mails|messages|sending|daily|"
    r"hourly)",
    r"gr[ea]ylist|refus(?:es|ed) to (?:receive|accept|talk)|recipient preferences|user rules",
    r"\bfiltered\b|go away|banned content|\brfc ?-?\d{3,4}\b|redundant",
    # other languages
    r"absender|richtlinie|blockliste|sperrliste|expéditeur|indésirable|remitente|política",
    r"correo no deseado|mittente|posta indesiderata|remetente|nadawc|отправител|спам|репутац",
    r"ч[её]рн\w+ спис|блокиров|запрещ[её]н|送信者|送信元|迷惑メール|スパム|拒否|发件人|寄件|垃圾|黑名单",
    r"拒绝|拒絕|权限|權限|발신|스팸|차단|gönderen",
)

_SIZE = _phrases(
    r"(?:message|mail|content|data|it) (?:size |body |length |file )?(?:is |was )?(?:too (?:large|big|"
    r"long)|exceed\w* (?!.{0,30}quota))",
    r"too (?:large|big|long)|(?:maximum|max|allowed|fixed|limit) (?:message |mail |e-?mail )?size",
    r"message size|size (?:limit|exceed)|larger than|exceed(?:s|ed)? .{0,30}\b(?:bytes|mb|kb)\b|zu groß",
    r"zu gross|trop (?:grand|gros|volumineux)|demasiado grande|troppo grande|muito grande",
    r"слишком (?:больш|велик)|サイズ|过大|太大|용량이 너무",
)

_FULL = _phrases(
    r"(?:box|mail ?dir|folder|account|user|recipient|storage|disk|drop|inbox) (?:is |was |"
    r"are )?(?:currently |almost |already |temporarily |too )?full\b",
    r"full (?:mailbox|inbox)|quota|over (?:its |the |his |their |your )?(?:\w+ )?(?:limit|storage)",
    rf"exceed(?:s|ed|ing)? {_MANY}(?:storage|allocation|space|mailbox)",
    r"(?:storage|space|allocation|mailbox) (?:\w+ )?(?:\w+ )?exceed",
    r"insufficient (?:disk|storage|space|system storage)|not enough (?:\w+ )?(?:space|room|storage)",
    r"(?:no|out of) (?:\w+ )?(?:space|room)\b|disk full|would exceed|size of (?:the )?mailbox",
    r"too much mail|messages on the server|space .{0,20}used up|postfach .{0,30}voll|überfüllt",
    r"speicherplatz|bo[iî]te .{0,40}pleine|buzón .{0,30}llen|cuota|casella .{0,40}piena",
    r"caixa .{0,40}cheia|переполнен|квот|容量|いっぱい|超過|已满|已滿|空间不足|空間不足|가득|용량",
    r"kutusu dolu|przepełn",
)

_NOT_SURE = _phrases(
    r"\b(?:may|might|could possibly)\b (?:\w+ ){0,4}?(?:not|no longer|exist|valid|misspelled|"
    r"incorrect|wrong|unknown|disabled|blacklisted)(?: exist\w*| valid| be)?",
    r"\b(?:if|perhaps|whether)\b (?:\w+ ){0,6}?(?:not|no longer|exist|valid|misspelled|incorrect|"
    r"wrong|unknown)(?: exist\w*| valid)?",
    r"(?:möglicherweise|vielleicht|eventuell|quizás?|es posible|peut-être|il se peut|forse|"
    r"è possibile|talvez|é possível|misschien|mogelijk|możliwe|возможно|可能)[^.]{0,120}",
    r"[^.]{0,40}(?:かもしれ|可能性|있습니다만)",
)
"""What only may be so: behind these words nothing is said for good."""

_FOR_NOW = _phrases(
    r"temporar|try (?:it )?(?:again (?:later|in)|later)|at this time|\bdeferred\b|vorübergehend",
    r"temporairement|temporalmente|temporaneamente|временно|позже|一時的|暂时|稍后|暫時|稍後|일시적",
    r"not found try again",
)

_NO_USER = _phrases(
    rf"\b{_WHO} {_MANY}{_IS}(?:unknown|invalid|nonexistent|non-existent|no longer|deleted|removed|"
    rf"terminated|not (?:be )?(?:found|exist\w*|known|valid|recogni[sz]ed|registered|listed|present|"
    rf"local|hosted|defined|resolved|ours?|here|there|in|on|an?|available|active user)\b)",
    rf"\b(?:unknown|invalid|illegal|nonexistent|non-existent|no such|undefined|unrecognized|"
    rf"unrouteable|unroutable|undeliverable|unresolvable|"
    rf"bad destination) (?:or \w+ )?(?:\w+ ){{0,2}}?{_WHO}",
    rf"\bno (?:valid |such )?(?:{_WHO}|person|one) .{{0,30}}?(?:here|by that name|with that|found|"
    rf"exists?|were|at this)",
    rf"\bno such (?:\w+ )?(?:{_WHO}|person|name|virtual)",
    r"\bnot (?:a|an|our) (?:\w+ ){0,2}(?:user|customer|recipient|mailbox|account|address|alias)\b",
    r"\bnot (?:exist|have an? (?:\w[\w.-]* )?(?:account|mailbox))",
    r"\bnot (?:be )?found (?:at|in|on|by|within)\b",
    rf"\bnot (?:find|locate|look ?up) (?:{_OUR} )?(?:\w+ )?{_WHO}",
    rf"\bunable to (?:find|locate|validate|verify|look ?up) (?:{_OUR} )?{_WHO}",
    r"\bnot listed in\b|user ?unknown|unknown ?user|nosuchuser|ex nouser|recip\w{0,6}not ?found",
    r"no valid recipients?\b|action not taken mailbox unavailable|\bbad[ -]?(?:rcptto|recipient|address)\b",
    r"missing home directory|not ok\b|n[ao]t allowed rcpt|user lookup failed|name is not recognized",
    r"unknown recipient|(?:user|recipient) rejected\b(?! .{0,40}(?:temporar|later))",
    # moved
    r"(?:has|have) moved\b",
    r"no longer (?:\w+ )?(?:valid|active|used|available|accept|monitored|with|work|employed|at|in use|"
    r"on|here|supported|exist|receiv)",
    r"user not local|not our user|(?:address|mailbox) (?:has )?(?:been )?(?:changed|replaced)",
    # other languages
    r"(?:benutzer|empfänger|adresse|postfach|konto|nutzer)\w* (?:[\w.-]+ ){0,5}?(?:unbekannt|"
    r"existiert nicht|ungültig|nicht (?:gefunden|bekannt|vorhanden|existent|verfügbar))",
    r"unbekannte\w? (?:benutzer|empfänger|adresse)|existiert nicht|nicht (?:gefunden|ermittelt) werden",
    r"(?:utilisateur|destinataire|adresse|boîte|boite|compte) (?:[\w.-]+ ){0,4}?(?:inconnue?|"
    r"introuvable|inexistante?|invalide)",
    r"n existe (?:pas|plus)|introuvable|non répertorié dans l annuaire",
    r"(?:usuario|destinatario|dirección|buzón|cuenta) (?:[\w.-]+ ){0,4}?(?:desconocid|inexistente|"
    r"inválid|no (?:existe|encontr))",
    r"no (?:existe|se (?:ha )?(?:encontr|pudo encontr))",
    r"(?:utente|destinatario|indirizzo|casella) (?:[\w.-]+ ){0,4}?(?:sconosciut|inesistente|"
    r"non (?:esiste|trovat|valid))",
    r"non (?:esiste|sono riuscito a trovare|è stato (?:possibile )?trova)",
    r"(?:usuário|destinatário|endereço|conta|caixa) (?:[\w.-]+ ){0,4}?(?:desconhecid|inexistente|"
    r"inválid|não (?:existe|encontrad))",
    r"não (?:existe|foi encontrad)",
    r"(?:gebruiker|ontvanger|adres|postbus) (?:[\w.-]+ ){0,3}?(?:onbekend|niet gevonden)|bestaat niet",
    r"nie (?:istnieje|znaleziono)|nieznany (?:użytkownik|odbiorca|adres)",
    r"не (?:существует|найден|зарегистрирован|существу)|нет такого",
    r"такого (?:пользователя|адреса|ящика) нет|неизвестн\w+ (?:пользовател|получател|адрес)",
    r"(?:пользовател|получател|адрес|ящик)\w* (?:\w+ ){0,2}?(?:неизвест|удал[её]н|отсутству)",
    r"не (?:існує|знайден)|存在しま?せ|存在しない|存在致しません|見つかりません",
    r"ユーザー?が(?:不明|いません)|宛先\w{0,12}(?:不明|間違)|不存在|未找到|找不到|查无此|查無此|无此用户",
    r"無此用戶|没有这个|無效的(?:收件|地址)|无效的(?:收件|地址)|존재하지|찾을 수 없",
    r"없는 (?:사용자|계정|주소|수신자)|알 수 없는|bulunamadı|kullanıcı yok|finns inte|hittades inte",
    r"findes ikke|finnes ikke|ei löydy|neexistuje|nem létezik|nu există",
)

_NO_HOST = _phrases(
    r"(?:unknown|invalid|illegal|no such|nonexistent|non-existent) (?:mail )?(?:hosts?|domain)",
    r"(?:host|domain)(?: name)? (?:or domain name )?(?:[\w.-]+ )?(?:is |was |could |can )?(?:unknown|"
    r"invalid|nonexistent|not (?:be )?(?:found|exist|known|valid|resolved))(?! .{0,20}try)",
    r"domain .{0,40}does not exist|not find (?:any host|a mail exchanger)",
    r"bad destination (?:system|host)|point to non-existent|host address lookups failed permanently",
    r"nxdomain|no data known|no such domain|domain is not reachable \. please check|null ?-?mx",
    r"indicated no smtp service|no (?:mx|mx or a|a) records? (?:was |were )?found",
    r"no matches to nameserver",
    r"(?:host|domain|server|system) (?:[\w.-]+ )?does not accept (?:any )?(?:e-?)?mail(?! from)",
    r"never (?:receives?|accepts?) mail",
)

_DISABLED = _phrases(
    rf"\b{_WHO} {_MANY}{_IS}(?:temporarily |temporary |administratively )?(?:disabled|suspended|"
    rf"inactive|deactivated|frozen|locked|expired|dormant|not (?:active|activated|enabled)|closed|"
    rf"on hold|unused|lapsed)",
    rf"\b(?:disabled|suspended|inactive|deactivated|frozen|locked|expired|dormant|"
    rf"closed) (?:\w+ )?{_WHO}",
    r"is (?:currently )?(?:disabled|suspended|inactive|deactivated|frozen)\b|disabled or discontinued",
    r"not (?:been )?used (?:for|in|since)|no activity|not accepting (?:messages|mail)|unpaid|billing",
    r"deaktiviert|gesperrt|stillgelegt|désactiv|suspendu|fermée?\b|desactivad|suspendid|deshabilitad",
    r"disattivat|sospes|disabilitat|desativad|suspens|отключ[её]н|заморожен|неактив|приостановлен",
    r"利用停止|停止中|停止されて|休止|已停用|禁用|停用|已冻结|정지|비활성|휴면",
)

_CONTENT = _phrases(
    r"\bvirus|malware|trojan|infected|attachment|executable",
    r"content (?:rejected|not accepted|denied|refused)",
    r"(?:bad|illegal|invalid|malformed|missing|duplicate|multiple) (?:\w+ )?headers?|from header|in from",
    r"8-?bit|smtputf8|bare (?:lf|cr|line)|line (?:is )?too long|media (?:type )?not supported|conversion",
    r"вирус|вложени|ウイルス|病毒|附件|바이러스",
)

_LATER = _phrases(
    r"tim(?:ed|e) ?-?out|connection (?:refused|reset|lost|closed|dropped|failed|died)",
    r"(?:could|can|was|were) not (?:be )?(?:able to )?(?:connect|establish|reach|contact|delivered for)",
    r"unable to (?:connect|contact|establish|reach)|no (?:route|answer|response)|unreachable",
    r"not reachable|\bhops?\b|\bloop|lookup (?:failure|timed|error)|name ?server|name service",
    r"dns (?:error|failure|lookup|query|server)|expired|too long in|queue too long|giving up|given up",
    r"retr(?:y|ies|ied)|delayed|undelivered after",
    r"(?:system|software|mailer|configuration|protocol|syntax|processing|internal|"
    r"operating) (?:\w+ )?(?:error|failure|problem)",
    r"service (?:unavailable|not available)|resources|out of memory",
    r"command (?:output|died|parameter|unrecognized|failed|not)|sequence",
    r"not (?:create|open|write|append|lock)|permission|no such file|read-only|failed to|on hold",
    r"nicht erreichbar|zeitüberschreitung|истекло|недоступ|не удалось|タイムアウト|接続でき|超时|超時",
    r"无法连接|시간 ?초과|연결",
)

_PLAINLY_NO_USER = _phrases(
    r"user ?unknown|unknown ?user|unknown recipient",
    r"no such (?:user|recipient|mailbox|person|address|account)",
    r"(?:user|recipient|mailbox|account) (?:is |was |does )?not (?:be )?(?:found|exist)",
    r"unknown in (?:local|virtual|relay)|invalid (?:recipient|mailbox|user)\b",
)
"""Words that nobody uses of a sender; they stand beside `policy` and `blocked` in the explanations of some.
"""


def reason_in_words(words: str) -> RefusalReason | None:
    """What these words say; None: nothing that is known here. What is said of the sender or of the message
    wins over what may be said of the mailbox, and what is said for now over what would be for good."""
    plain = plain_words(words)
    sure = _NOT_SURE.sub("", plain)
    is_for_now = _FOR_NOW.search(plain) is not None
    gone = (
        None
        if is_for_now
        else RefusalReason.NO_USER
        if _NO_USER.search(sure)
        else RefusalReason.NO_HOST
        if _NO_HOST.search(sure)
        else None
    )
    if _OF_THE_SENDER.search(sure) and not (
        gone and _PLAINLY_NO_USER.search(plain) and "sender verif" not in plain
    ):
        return RefusalReason.SENDER
    if _SIZE.search(plain):
        return RefusalReason.SIZE
    if _FULL.search(plain):
        return RefusalReason.FULL
    if gone:
        return gone
    if _DISABLED.search(sure):
        return RefusalReason.DISABLED
    if _CONTENT.search(plain):
        return RefusalReason.CONTENT
    return RefusalReason.LATER if is_for_now or _LATER.search(plain) else None
