"""What people write to be left alone: exact words in many languages, and sentences that mean it.

Twilio's own words are STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE, OPTOUT (English, long codes
only); AWS adds ARRET, REMOVE, TD, OPT-OUT (design/reliability 3.5). The FCC asks for "any reasonable means",
so a sentence is read too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Reading = Literal["stop", "start", "help", "review", ""]

_STOP = """
stop stopall unsubscribe cancel end quit revoke optout stopit stopsms stoptexting unsub remove removeme td
arret arreter arretez desabonner desabonnement desinscrire desinscription fin
stopp halt ende abmelden abbestellen aufhoeren aufhoren kuendigen austragen
parar pare para basta baja alto cancelar detener darbaja darmedebaja
ferma fermati disiscriviti cancella cancellami annulla
sair remover cancelar descadastrar
koniec rezygnuje wypisz wypiszmnie anuluj zatrzymaj
стоп ctop стій досить відписатися відписатись відписка відмова скасувати
отписаться отписка отпишите отмена хватит прекратить
спри спрете отпиши отпишимe отпишиме отписване край откажи отказ
oprire opreste dezabonare dezaboneaza dezabonati stopati
dur durdur iptal ret cik abonelikteniptal
stoppen afmelden uitschrijven
avregistrera avsluta avmeld afmeld frameld slutt
odhlasit zrusit odhlasitodber zastavit odjava leiratkozas leallitas lopeta peruuta
διακοπη σταματα στοπ
توقف أوقف الغاء إلغاء הסר הפסק
停止 退订 退訂 配信停止 수신거부 หยุด
"""

_START = """
start unstop subscribe optin старт започни почни почати начать подписаться підписатися abonnieren anmelden
commencer reprendre comenzar empezar inizia baslat incepe rozpocznij começar
"""
"""Nobody is subscribed again by a bare «yes», which Twilio would take for START: it may answer something
else."""

_HELP = "help info aide hilfe ayuda aiuto ajuda pomoc помощ помощь допомога ajutor yardim hulp hjalp"

_SENTENCES = re.compile(
    r"""
    \b(?:please|pls|plz|kindly|just)\s+(?:\w+\s+)?stop\b
    | \bstop\s+(?:it|this|now|please|pls|plz|all|sending|send|texting|text|messaging|messages|message
        |msgs?|sms|contacting|spam\w*|bothering|writing|the\s+(?:texts|messages|sms|spam)|these|those|your)\b
    | \b(?:unsubscribe|opt)\s+(?:me|out)\b | \bunsubscribe\b
    | \b(?:remove|delete|take)\s+(?:me|my\s+(?:number|phone))\b
    | \b(?:don'?t|do\s+not|never|no\s+more|quit)
        \s+(?:text|texts|texting|message|messages|messaging|write|writing|contact|contacting|send|sending|sms)\b
    | \bleave\s+me\s+alone\b | \bwrong\s+number\b
    | \b(?:keine?|nicht)\s+(?:weiteren?\s+)?(?:sms|nachrichten|werbung|mehr)\b
    | \bmelde?n?\s+sie\s+mich\s+ab\b
    | \b(?:arretez|cessez)\s+(?:de|d'|vos|les|svp)\b | \bdesabonne[rz]?\b | \bne\s+m'?(?:envoye|ecrive)\w*
    | \b(?:no\s+(?:me\s+)?(?:envi|mand|escrib)\w+|dejen?\s+de\s+(?:envi|mand|escrib)\w+|denme\s+de\s+baja)
    | \b(?:basta|smett\w+)\s+(?:con|di|messaggi|sms)\b | \bnon\s+(?:inviat|mandat|scrivet)\w+
    | \bnao\s+(?:envi|mand|quero)\w* | \b(?:prosze\s+)?nie\s+(?:wysyl|pisz)\w*
    | \bне\s+(?:пишіть|надсилайте|присилайте|пишите|присылайте|отправляйте
        |шлите|пиши|ми\s+пишете|пращайте|изпращайте|ми\s+пращайте)
    | \b(?:отпишете|отпишите|відпишіть|спрете|перестаньте|прекратите|припиніть)\b
    | \bnu\s+(?:mai\s+|imi\s+)*(?:trimite|scrie)\w* | \b(?:mesaj|sms)\s+(?:gondermeyin|atmayin|istemiyorum)\b
    """,
    re.VERBOSE,
)
"""Sentences that ask to be left alone."""

_NOT_MEANT = re.compile(r"\b(?:don'?t|do\s+not|can'?t|cannot|never|won'?t|didn'?t)\s+(?:\w+\s+)?stop\b(?!\w)")
"""«I can't stop wearing them», «don't stop»."""

_POLITE = """
all now please pls plz thanks thank thx you sir все всё всі дякую спасибо благодаря будь ласка пожалуйста моля
bitte danke merci gracias grazie obrigado dziekuje por favor
"""
"""What people put around the word; it stays that word."""

_SIGNS = ("🛑", "⛔")
_LOOKALIKES = str.maketrans("асеорхуіјѕтмкнв", "aceopxyijstmkhb")
"""Letters of the Cyrillic alphabet that are drawn like others: one in «STОP» comes from a keyboard left in
the other layout, and one in «CTOП» from a telephone that saves on letters."""

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_LONGEST = 1_600
_DRAWN = re.compile("[\u034f\ufe00-\ufe0f\u20d0-\u20f0\U000e0000-\U000e01ef]")
"""Marks that say only how the character before is drawn: «STOP ❤️» has one."""


def _plain(text: str) -> str:
    """Case folded and without accents, but Cyrillic й and ї stay what they are; other scripts as they are."""
    # first: such a mark would keep its character from being folded
    text = _DRAWN.sub("", text)
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    # letters that have no accent to be taken off
    folded = folded.replace("ß", "ss").replace("ı", "i")
    letters = []
    for character in unicodedata.normalize("NFC", folded):
        if unicodedata.combining(character):  # İ folds to an i with a dot of its own
            continue
        base = unicodedata.normalize("NFD", character)
        letters.append(
            base[0] if base[0].isascii() or unicodedata.name(base[0], "").startswith("GREEK") else character
        )
    return "".join(letters).replace("ł", "l").replace("ø", "o")


def _squeezed(plain: str) -> str:
    """Letters and digits alone: `Stop.`, `S T O P`, `STOP ALL`, `opt-out` and «стоп!» are words of the
    list."""
    return "".join(character for character in plain if unicodedata.category(character)[0] in "LMN")


def _words(text: str) -> frozenset[str]:
    return frozenset(_squeezed(_plain(word)) for word in text.split())


def _is_mixed(squeezed: str) -> bool:
    """Latin and Cyrillic letters in one word, or Cyrillic ones that all look Latin («ЅТОР»)."""
    cyrillic = [letter for letter in squeezed if "\u0400" <= letter <= "\u04ff"]
    return bool(cyrillic) and (len(cyrillic) < len(squeezed) or _drawn_alike(squeezed).isascii())


def _drawn_alike(squeezed: str) -> str:
    """The word in one alphabet, for words that mix two."""
    return squeezed.translate(_LOOKALIKES)


_STOP_WORDS, _START_WORDS, _HELP_WORDS = _words(_STOP), _words(_START), _words(_HELP)
_STOP_SHAPES = frozenset(_drawn_alike(word) for word in _STOP_WORDS)
_POLITE_WORDS = _words(_POLITE) | {""}


def opt_out_meaning(text: str) -> Reading:
    """What an inbound message asks for. Exact words after trimming, case folding and without punctuation; the
    same word with «all», «please» or twice is that word too. `review`: a sentence that asks to be left alone,
    taken for a stop with a note that it was a sentence. Everything else, `stopwatch` too, says nothing."""
    plain = " ".join(_plain(text[:_LONGEST]).split())
    squeezed = _squeezed(plain)
    if not squeezed:
        return "review" if any(sign in text for sign in _SIGNS) else ""
    several = {_squeezed(word) for word in plain.split()} - _POLITE_WORDS
    word = next(iter(several)) if len(several) == 1 else squeezed
    for candidate in (squeezed, word):
        if candidate in _STOP_WORDS:
            return "stop"
        if candidate in _START_WORDS:
            return "start"
        if candidate in _HELP_WORDS:
            return "help"
        if _is_mixed(candidate) and _drawn_alike(candidate) in _STOP_SHAPES:
            return "stop"
    if _SENTENCES.search(plain) and not _NOT_MEANT.search(plain):
        return "review"
    return ""
