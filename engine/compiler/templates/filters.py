"""What template filters do: money, dates, times and plurals in the language of the message, and safe places
for values."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, format_percent
from jinja2 import pass_context
from jinja2.runtime import Context, Undefined

from engine.values import Birthday, Instant, Money, to_datetime

_ORDER = ("zero", "one", "two", "few", "many")
_SCHEMES = ("https", "http", "mailto", "tel")
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*\Z")
_USUAL_LINK = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?:/[A-Za-z0-9_.~/-]*)?\Z")
"""As our own links are, of which each mail has some: nothing else has to be asked."""
_NOT_IN_CSS = re.compile(r"[^A-Za-z0-9#%., _-]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\\"<>`]|[\u2028\u2029]")
_WIDTHS = ("short", "medium", "long", "full")


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale:
    """Babel's locale of a language such as `uk` or `pt-BR`; English for one that nobody knows."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale.parse("en")


def filters_of(language: str, currency: str) -> Mapping[str, Callable[..., Any]]:
    """The filters that speak `language`."""
    locale = locale_of(language)

    def money(value: object, of: str = "") -> str:
        """`{{ trigger.total | money }}`: an amount with its currency."""
        if isinstance(value, Money):
            return _money(value.amount, value.currency, locale)
        return _money(_number(value, "money"), of or currency, locale)

    @pass_context
    def date(context: Context, value: object, width: str = "long") -> str:
        """`{{ code.expires | date }}`: a day; width short, medium, long, full, or a pattern such as `d
        MMMM`."""
        day = _moment(value, context)
        if isinstance(day, Birthday):
            return format_date(dt.date(2000, day.month, day.day), format=_day_pattern(locale), locale=locale)
        if isinstance(day, dt.time):
            raise TypeError(f"{value} is no date")
        return format_date(day, format=width, locale=locale)

    @pass_context
    def time(context: Context, value: object, width: str = "short") -> str:
        """`{{ trigger.at | time }}`: the time of day in the customer's zone."""
        moment = _moment(value, context)
        if not isinstance(moment, dt.datetime | dt.time):
            raise TypeError(f"{value} has no time of day")
        if width in _WIDTHS:
            return format_time(moment, format=width, locale=locale, tzinfo=getattr(moment, "tzinfo", None))
        return format_datetime(moment, format=width, locale=locale)

    def plural(value: object, *forms: str) -> str:
        """`{{ n }} {{ n | plural("day", "days") }}`: the form that fits, in the order of the language
        (Ukrainian: день, дні, днів)."""
        if not forms:
            raise ValueError("plural needs the forms of the word")
        number = _number(value, "plural")
        categories = [one for one in _ORDER if one in locale.plural_form.tags] + ["other"]
        place = categories.index(locale.plural_form(number))
        return forms[min(place, len(forms) - 1)]

    return {"money": money, "date": date, "time": time, "plural": plural, **_PLACES}


class TemplateShare(Decimal):
    """A share between 0 and 1; a template prints it in percent."""


def printed(value: object, language: str) -> str:
    """How `{{ x }}` shows a value that is no text and has no filter."""
    locale = locale_of(language)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Money):
        return _money(value.amount, value.currency, locale)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, TemplateShare):
        tenths = value.quantize(Decimal("0.001"))
        return str(format_percent(tenths, locale=locale, decimal_quantization=False))
    if isinstance(value, float | Decimal):
        return str(format_decimal(value, locale=locale, group_separator=False))
    if isinstance(value, dt.datetime):
        return format_datetime(value, format="medium", locale=locale, tzinfo=value.tzinfo)
    if isinstance(value, dt.date):
        return format_date(value, format="long", locale=locale)
    if isinstance(value, Birthday):
        return format_date(dt.date(2000, value.month, value.day), format=_day_pattern(locale), locale=locale)
    if isinstance(value, list | tuple):
        return ", ".join(one if isinstance(one, str) else printed(one, language) for one in value)
    raise TypeError("this is a group of values, not a value")


# --- values in dangerous places -----------------------------------------------------------------


def link(value: object) -> str:
    """A whole link target that is a value: only http, https, mailto and tel, and nobody's name or password
    in it."""
    text = _text(value).strip()
    if _USUAL_LINK.match(text):
        return text
    try:
        parts = urlsplit(text)
        fine = parts.scheme.lower() in _SCHEMES and not _NOT_IN_URL.search(text)
        if fine and parts.scheme.lower() in ("http", "https"):
            fine = bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fine = False
    return text if fine else "#"


def link_part(value: object) -> str:
    """A value inside a link whose beginning the template wrote: it stays one part, never a host or a
    scheme."""
    text = _text(value)
    return text if _UNRESERVED.match(text) else quote(text, safe="")


def css(value: object) -> str:
    """A value inside a style: letters, digits and colours, nothing that ends the declaration."""
    return _NOT_IN_CSS.sub("", _text(value))


_PLACES: Mapping[str, Callable[..., Any]] = {"_link": link, "_link_part": link_part, "_css": css}


def _text(value: object) -> str:
    text = str(value)  # an undefined value raises here
    return html.unescape(text) if hasattr(value, "__html__") else text


# --- reading values -----------------------------------------------------------------------------


def _number(value: object, what: str) -> Decimal:
    if isinstance(value, Undefined):
        str(value)
    if isinstance(value, Money):
        return value.amount
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{what} needs a number, not {str(value)[:40]!r}") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError(f"{what} needs a number, not {str(value)[:40]!r}")
    return number


def _moment(value: object, context: Context) -> dt.date | dt.time | Birthday:
    if isinstance(value, Undefined):
        str(value)
    zone = context.get("_zone", dt.UTC)
    if isinstance(value, bool):
        raise TypeError("this is no date")
    if isinstance(value, int):
        return to_datetime(Instant(value), zone)
    if isinstance(value, dt.datetime):
        return value.astimezone(zone) if value.tzinfo else value
    if isinstance(value, dt.date | dt.time | Birthday):
        return value
    try:
        text = str(value)
        if len(text) == 10:
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text)
        return moment.astimezone(zone) if moment.tzinfo else moment
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} is no date") from None


@lru_cache(maxsize=4096)
def _money(amount: Decimal, currency: str, locale: Locale) -> str:
    return str(format_currency(amount, currency, locale=locale))


@lru_cache(maxsize=256)
def _day_pattern(locale: Locale) -> str:
    """Day and month of a language, without the year."""
    skeleton = locale.datetime_skeletons.get("MMMMd") or locale.datetime_skeletons.get("MMMd")
    return str(skeleton.pattern) if skeleton is not None else "d MMMM"
