"""Comparisons, lengths of time and dates in the languages of shops, in our words.

Nothing is understood by this: a journey is read by colleagues and by programs that know one form. It says
what to type for `mindestens zwei`, `3 Tage`, `1. März 2026`. A word that means two things (`година` is an
hour in Ukrainian and a year in Bulgarian) is none of these.
"""

from __future__ import annotations

import re

_LONGEST = 60  # characters

_SAME = (
    "at least", "at most", "more than", "less than", "or more", "or less", "between", "and", "not", "ago",
    "before", "after", "from", "to", "minutes", "hours", "days", "weeks", "months", "years",
)  # fmt: skip
_OURS = {
    "at least": (
        "mindestens", "wenigstens", "au moins", "al menos", "por lo menos", "como mínimo", "не менее",
        "не меньше", "не менше", "минимум", "как минимум", "щонайменше", "поне", "най-малко", "minstens",
        "minimaal", "ten minste", "tenminste", "op zijn minst", "co najmniej", "przynajmniej", "almeno",
        "pelo menos", "no mínimo",
    ),
    "at most": (
        "höchstens", "maximal", "au plus", "au maximum", "como máximo", "a lo sumo", "не более",
        "не больше", "не більше", "максимум", "щонайбільше", "най-много", "hoogstens", "maximaal",
        "ten hoogste", "co najwyżej", "maksymalnie", "najwyżej", "al massimo", "no máximo",
    ),
    "more than": (
        "mehr als", "über", "plus de", "plus que", "más de", "más que", "больше", "более", "больше чем",
        "более чем", "більше", "більше ніж", "понад", "повече от", "над", "meer dan", "więcej niż", "ponad",
        "powyżej", "più di", "mais de",
    ),
    "less than": (
        "weniger als", "unter", "moins de", "moins que", "menos de", "menos que", "меньше", "менее",
        "меньше чем", "менее чем", "менше", "менше ніж", "по-малко от", "под", "minder dan", "mniej niż",
        "poniżej", "meno di",
    ),
    "or more": (
        "oder mehr", "ou plus", "o más", "или больше", "или более", "або більше", "или повече", "of meer",
        "lub więcej", "o più", "ou mais",
    ),
    "or less": (
        "oder weniger", "ou moins", "o menos", "или меньше", "или менее", "або менше", "или по-малко",
        "of minder", "lub mniej", "o meno", "ou menos",
    ),
    "between": ("zwischen", "entre", "между", "між", "tussen", "między", "pomiędzy", "tra"),
    "and": ("und", "et", "y", "и", "і", "та", "en", "e"),
    "not": ("nicht", "не", "niet", "nie", "non", "não"),
    "ago": ("назад", "тому", "geleden", "temu", "fa", "atrás"),
    "before": ("vor dem", "vor", "avant", "avant le", "antes de", "antes del", "преди"),
    "after": (
        "nach dem", "nach", "après", "après le", "después de", "después del", "после", "після", "след",
    ),
    "minutes": (
        "minute", "minuten", "minuto", "minutos", "минут", "минуты", "минута", "минути", "хвилин",
        "хвилини", "хвилина", "minuut", "minut", "minuty", "minuta", "minuti",
    ),
    "hours": (
        "stunde", "stunden", "heure", "heures", "hora", "horas", "час", "часа", "часов", "uur", "uren",
        "godzina", "godziny", "godzin", "ora", "ore",
    ),
    "days": (
        "tag", "tage", "tagen", "jour", "jours", "día", "días", "dia", "dias", "день", "дня", "дней", "дні",
        "днів", "ден", "дни", "dag", "dagen", "dzień", "dni", "giorno", "giorni",
    ),
    "weeks": (
        "woche", "wochen", "semaine", "semaines", "semana", "semanas", "неделя", "недели", "недель",
        "неделю", "тиждень", "тижні", "тижнів", "седмица", "седмици", "week", "weken", "tydzień",
        "tygodnie", "tygodni", "settimana", "settimane",
    ),
    "months": (
        "monat", "monate", "monaten", "mois", "mes", "meses", "месяц", "месяца", "месяцев", "місяць",
        "місяці", "місяців", "месец", "месеца", "месеци", "maand", "maanden", "miesiąc", "miesiące",
        "miesięcy", "mese", "mesi",
    ),
    "years": (
        "jahr", "jahre", "jahren", "an", "ans", "année", "années", "año", "años", "год", "года", "лет",
        "рік", "роки", "років", "jaar", "jaren", "rok", "lata", "lat", "anno", "anni",
    ),
    "1": (
        "ein", "eine", "einen", "einem", "einer", "un", "une", "uno", "una", "один", "одна", "одно", "един",
        "една", "едно", "een", "één", "jeden", "jedna", "jedno",
    ),
    "2": ("zwei", "deux", "dos", "два", "две", "дві", "twee", "dwa", "dwie", "due"),
    "3": ("drei", "trois", "tres", "три", "trzy", "tre"),
    "4": ("vier", "quatre", "cuatro", "четыре", "чотири", "четири", "cztery", "quattro"),
    "5": ("fünf", "cinq", "cinco", "пять", "п'ять", "п’ять", "пет", "vijf", "pięć"),
    "6": ("sechs", "six", "seis", "шесть", "шість", "шест", "zes", "sześć", "sei"),
    "7": ("sieben", "sept", "siete", "семь", "сім", "седем", "zeven", "siedem", "sette"),
    "8": ("acht", "huit", "ocho", "восемь", "вісім", "осем", "osiem", "otto"),
    "9": ("neun", "neuf", "nueve", "девять", "дев'ять", "дев’ять", "девет", "negen", "dziewięć", "nove"),
    "10": ("zehn", "dix", "diez", "десять", "десет", "tien", "dziesięć", "dieci"),
    "14": (
        "vierzehn", "quatorze", "catorce", "четырнадцать", "чотирнадцять", "четиринадесет", "veertien",
        "czternaście", "quattordici",
    ),
    "30": (
        "dreißig", "dreissig", "trente", "treinta", "тридцать", "тридцять", "тридесет", "dertig",
        "trzydzieści", "trenta",
    ),
    "January": ("januar", "jänner", "janvier", "enero", "января", "січня", "януари"),
    "February": ("februar", "février", "febrero", "февраля", "лютого", "февруари"),
    "March": ("märz", "mars", "marzo", "марта", "березня", "март"),
    "April": ("avril", "abril", "апреля", "квітня", "април"),
    "May": ("mai", "mayo", "мая", "травня", "май"),
    "June": ("juni", "juin", "junio", "июня", "червня", "юни"),
    "July": ("juli", "juillet", "julio", "июля", "липня", "юли"),
    "August": ("août", "agosto", "августа", "серпня", "август"),
    "September": ("septembre", "septiembre", "сентября", "вересня", "септември"),
    "October": ("oktober", "octobre", "octubre", "октября", "жовтня", "октомври"),
    "November": ("novembre", "noviembre", "ноября", "листопада", "ноември"),
    "December": ("dezember", "décembre", "diciembre", "декабря", "грудня", "декември"),
}  # fmt: skip
_WORDS = {word: ours for ours, words in _OURS.items() for word in words} | {word: word for word in _SAME}
_AGO = ("vor ", "il y a ", "hace ", "преди ")
"""In front of a length: `vor mehr als 30 Tagen`."""

_ANY = "|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True))
_TOKEN = re.compile(rf"(?P<word>{_ANY})(?![\w'’])|(?P<other>-?\d[\d.,:-]*|[€£%₴]|zł|eur|euros?)(?!\w)")
_LENGTH_ENDS = re.compile(r"\d (?:minutes|hours|days|weeks|months|years)$")


def in_our_words(written: str) -> str:
    """`at least 2` for `mindestens zwei`; "" where a word of it is not known, or where all of it is ours."""
    words = " ".join(written.casefold().split())
    if len(words) > _LONGEST or words in _WORDS.values():
        return ""
    for ago in _AGO:
        if words.startswith(ago) and (length := _translated(words.removeprefix(ago))):
            return f"{length} ago" if _LENGTH_ENDS.search(length) else _translated(words)
    return _translated(words)


def _translated(words: str) -> str:
    ours: list[str] = []
    is_foreign = False
    place = 0
    while place < len(words):
        match = _TOKEN.match(words, place)
        if match is None:
            return ""
        word = _WORDS.get(match["word"] or "", match[0])
        is_foreign = is_foreign or word.casefold() != match[0]
        # `1.` is how a day is written in front of its month
        ours.append(word.removesuffix(".") if match["other"] else word)
        place = match.end()
        while place < len(words) and words[place] == " ":
            place += 1
    return " ".join(ours) if is_foreign else ""
