"""What people write to be left alone is understood, in their language, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.opt_out_keywords import opt_out_meaning


@pytest.mark.parametrize(
    "text",
    [
        "Stop.", "стоп", "STOP ALL", "stop", " sToP\n", "STOP!!!", "«Стоп»", "S T O P", "stop stop stop",
        "Stop please",
        "STOPALL", "Unsubscribe", "CANCEL", "end", "Quit", "REVOKE", "optout", "Opt-Out", "opt out", "ARRET",
        "arrêt",
        "Arrêter", "REMOVE", "td", "Stopp", "Abmelden", "BAJA", "baja!", "Basta", "Sair", "Koniec",
        "Відписатися",
        "отписаться", "Спри", "Oprește", "dezabonare", "İPTAL", "iptal", "dur", "ＳＴＯＰ", "🛑 stop", "退订",
        "διακοπή",
    ],
)  # fmt: skip
def test_case_93_words_that_stop(text: str) -> None:
    assert opt_out_meaning(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "STOP ❤️", "STOP\ufe0f", "S\u200bT\u200bO\u200bP", "\u202eSTOP\u202c", "\u200fSTOP", "STOP✋🏻",
        "stop\x00", "𝐒𝐓𝐎𝐏", "🅂🅃🄾🄿", "ⓢⓣⓞⓟ",
        "st\u034fop", "ЅТОР", "STОP", "CTOП", "СТОP", "ѕtop", "стоп, будь ласка", "Стоп! Дякую",
        "стоп спасибо", "stop thank you",
        "Stop bitte", "stop, merci", "stop por favor", "стоп всі", "أوقف",
    ],
)  # fmt: skip
def test_case_93_a_word_that_is_drawn_or_framed_otherwise_is_that_word(text: str) -> None:
    assert opt_out_meaning(text) == "stop"


@pytest.mark.parametrize("text", ["🛑", "🛑🛑🛑", "⛔️"])
def test_case_93_a_sign_alone_is_not_overlooked(text: str) -> None:
    assert opt_out_meaning(text) == "review"


@pytest.mark.parametrize(
    "text",
    [
        "please stop texting me", "Stop sending me these", "unsubscribe me from your list",
        "take me off, remove me",
        "Don't text me again", "do not contact me", "leave me alone!", "wrong number", "Не пишите мне больше",
        "Не пишіть мені", "Моля, отпишете ме", "keine SMS mehr", "Arrêtez d'envoyer des SMS",
        "no me envíen más",
        "Proszę nie wysyłać", "mesaj göndermeyin", "Nu mai trimiteți",
    ],
)  # fmt: skip
def test_case_93_sentences_that_ask_for_it_are_not_overlooked(text: str) -> None:
    assert opt_out_meaning(text) == "review"


@pytest.mark.parametrize(
    "text",
    [
        "stopwatch", "Do you sell a stopwatch?", "I can't stop drinking it", "don't stop!", "nonstop",
        "where is the bus stop",
        "", "  ", "👍", "thanks", "endless", "cancellation policy?", "stopover in Sofia", "Спасибо",
        "what time do you close",
        "parade", "is the weekend ok", "Stop by our store?", "👍🏻", "❤️", "тест", "thank you", "дякую",
        "СТОПка", "стопка", "настоп",
    ],
)  # fmt: skip
def test_case_93_nothing_else_stops(text: str) -> None:
    assert opt_out_meaning(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("START", "start"),
        ("unstop", "start"),
        ("Старт", "start"),
        ("yes", ""),
        ("HELP", "help"),
        ("Помощ", "help"),
    ],
)
def test_start_and_help(text: str, said: str) -> None:
    assert opt_out_meaning(text) == said


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert opt_out_meaning(text) in ("stop", "start", "help", "review", "")


def test_a_long_text_of_nonsense_ends_at_once() -> None:
    assert opt_out_meaning("please " * 50_000) == ""
    assert opt_out_meaning("a" * 50_000 + "!") == ""
