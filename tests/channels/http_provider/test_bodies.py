"""Whatever stands in a customer's data, it stays data: no JSON text, form field, header or address is broken
by it."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from engine.channels.egress import Request
from engine.channels.http_provider.request import RequestWriter
from engine.config.channels.http_provider import HttpProviderOptions
from engine.config.channels.request_template import WrittenWrongError
from engine.values import HOUR, Instant
from tests.channels.gateway_desk import NOW, Hand, deliver, gateway, message, setup

NASTY = st.text(max_size=60) | st.sampled_from(
    ['", "to": "+1', "\\", "\\u0022", "{{ secret.token }}", "{% for x in [1] %}", "&to=+1", "a=b&c",
     "\r\nX: 1", "../..", "?#%00",
     "\ud800", "\u2028", '"}]', "null", "</a>"]
)  # fmt: skip


def written(channel: str, text: str, address: str = "+1") -> Request:
    """The request as it would leave."""
    options = setup(channel).channel.options_as(HttpProviderOptions)
    own = {"from": "Shop", "callback_url": "https://news.shop.example/callbacks/sms"}
    return RequestWriter(options, own, {}, message(address, body=text, fields={"name": text}), NOW).request(
        address
    )


MAP = """
via: http
url: "https://api.example/send/{{ message.text }}?to={{ message.text }}&from=us"
body: {to: "{{ message.address }}", \
deep: [{text: "{{ message.text }}"}, "Hi {{ message.text }}!"], all: "{{ message.fields }}"}
answer: {id: id}
"""
TEXT = """
via: http
url: https://api.example/send
body: '{"to": "{{ message.address }}", "text": "{{ message.text }}", "raw": {{ message.text|tojson }}, \
"n": {{ valid_for }}}'
answer: {id: id}
"""
FORM = """
via: http
url: https://api.example/send
body: "to={{ message.address }}&text={{ message.text }}&from=us"
answer: {ok: [200]}
"""
XML = """
via: http
url: https://api.example/send
headers: {Content-Type: application/xml}
body: '<sms to="{{ message.address }}">{{ message.text }}</sms>'
answer: {ok: [200]}
"""
_QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_QUICK
@given(NASTY)
def test_a_body_that_is_a_map_carries_any_text(text: str) -> None:
    try:
        request = written(MAP, text)
    except WrittenWrongError:
        assert any("\ud800" <= letter <= "\udfff" for letter in text)  # no bytes exist for it
        return
    found = orjson.loads(request.body)
    assert found == {"to": "+1", "deep": [{"text": text}, f"Hi {text}!"], "all": {"name": text}}


@_QUICK
@given(NASTY)
def test_an_address_keeps_its_host_and_its_parts(text: str) -> None:
    try:
        parts = urlsplit(written(MAP, text).url)
    except WrittenWrongError:
        return
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example", "")
    assert unquote(parts.path) == f"/send/{text}"
    assert parse_qsl(parts.query, keep_blank_values=True) == [("to", text), ("from", "us")]


@_QUICK
@given(NASTY)
def test_a_body_that_is_json_as_text_carries_any_text(text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return
    found = orjson.loads(written(TEXT, text).body)
    assert found == {"to": "+1", "text": text, "raw": text, "n": 3600}


@_QUICK
@given(NASTY)
def test_a_value_outside_of_quotes_is_one_value_or_no_request(text: str) -> None:
    try:
        request = written(TEXT.replace('"{{ message.text }}"', "[{{ message.text }}]"), text)
    except WrittenWrongError:
        return
    found = orjson.loads(request.body)
    assert found.keys() == {"to", "text", "raw", "n"}
    assert len(found["text"]) <= 1
    assert not any(isinstance(one, dict | list) for one in found["text"])


@_QUICK
@given(NASTY)
def test_a_form_has_the_fields_of_its_author(text: str) -> None:
    try:
        request = written(FORM, text)
    except WrittenWrongError:
        return
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode(), keep_blank_values=True) == [
        ("to", "+1"),
        ("text", text),
        ("from", "us"),
    ]


def test_xml_stays_what_it_is() -> None:
    body = written(XML, '<evil>"&', 'x" y="').body.decode()
    assert body == '<sms to="x&quot; y=&quot;">&lt;evil&gt;&quot;&amp;</sms>'


def test_kinds_are_kept_and_what_is_none_is_left_out() -> None:
    channel = MAP.replace(
        "{to:",
        '{ttl: "{{ valid_for }}", yes: "{{ true }}", half: "{{ 0.5 }}", image: '
        '"{{ message.image or none }}", digits: "12", to:',
    )
    found = orjson.loads(written(channel, "x").body)
    assert (found["ttl"], found["yes"], found["half"], found["digits"]) == (HOUR // 1000, True, 0.5, "12")
    assert "image" not in found


@pytest.mark.anyio
async def test_what_cannot_be_written_is_refused_and_nothing_leaves(httpserver: HTTPServer) -> None:
    channel = f"""
via: http
url: http://127.0.0.1:{httpserver.port}/send
headers: {{X-Title: "{{{{ message.title }}}}"}}
body: {{text: "{{{{ message.fields.missing }}}}"}}
answer: {{id: id}}
"""
    hand = Hand()
    found = await deliver(gateway(channel), message(), hand)
    assert (found.kind, found.fault) == ("refused", "template")
    assert "missing" in found.detail
    late = await deliver(gateway(channel), message(fields={"missing": "x", "title": "a\r\nX: b"}), hand)
    assert (late.kind, late.fault, hand.asked, httpserver.log) == ("refused", "template", [], [])


def test_nothing_of_python_can_be_reached() -> None:
    for source in (
        "{{ message.text.__class__ }}",
        "{{ message.fields.pop('name') }}",
        "{{ message['__class__'] }}",
    ):
        with pytest.raises(WrittenWrongError):
            written(MAP.replace("{{ message.address }}", source), "x")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_the_time_that_is_left_is_told() -> None:
    options = setup(TEXT).channel.options_as(HttpProviderOptions)
    own = {"from": "", "callback_url": ""}
    half = message(valid_until=Instant(NOW + HOUR // 2))
    assert orjson.loads(RequestWriter(options, own, {}, half, NOW).request("+1").body)["n"] == 1800
