"""Bodies, heads and connections that are meant to hold the daemon up: it answers everybody else meanwhile.

The bounds here are for a busy machine; on an idle one health answers within 200 ms.
"""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import httpx2
import pytest

from engine.http.body import MOST_BYTES, MOST_BYTES_OF_STRANGERS
from engine.http.callers import forwarded_for
from engine.http.connections import MOST_PER_ADDRESS
from engine.http.intake import browsers
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served

HELD = 3.0
"""Seconds that one look at the health may take, while others use the machine as well."""

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LINES, JSON = "application/x-ndjson", "application/json"
EVENT = b'{"event": "site_visited", "customer_id": "%d"}'


@contextmanager
def healthy(served: Served) -> Iterator[None]:
    """Looks at the health again and again; fails when it is ever held back or refused."""
    waits: list[float] = []
    faults: list[str] = []
    done = threading.Event()

    def look() -> None:
        is_last = False
        while not is_last:
            # One more look after everything is over: at least one there is.
            is_last = done.wait(0.02)
            began = time.monotonic()
            try:
                answer = raw(served, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " not in answer[:15]:
                    faults.append(repr(answer[:60]))
            except OSError as wrong:
                faults.append(repr(wrong))
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert faults == []
    assert max(waits) < HELD


def connect(served: Served) -> socket.socket:
    parts = urlsplit(served.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def raw(served: Served, request: bytes) -> bytes:
    """The whole answer to these bytes, up to the end of the connection."""
    with connect(served) as sock:
        sock.sendall(request)
        answer = b""
        while received := sock.recv(65_536):
            answer += received
    return answer


def head(served: Served, *headers: str, key: str = "") -> bytes:
    login = base64.b64encode(f"{key or served.key()}:".encode()).decode()
    lines = ("POST /events HTTP/1.1", "Host: x", f"Authorization: Basic {login}", *headers, "", "")
    return "\r\n".join(lines).encode()


# --- bodies ----------------------------------------------------------------------------------------

LARGE = 5 * 1024 * 1024 - 100
BODIES: dict[str, tuple[bytes, str, int]] = {
    "line ends": (b"{\n" * 2_500_000, LINES, 413),
    "brackets": (b"[" * LARGE, JSON, 413),
    "brackets that no count stops": (b"[" * 49_000, JSON, 400),
    "a nested list": (b"[" * 900 + b"]" * 900, JSON, 400),
    "a nested line": (b'{"a":' * 900 + b"1" + b"}" * 900 + b"\n", LINES, 400),
    "empty lists": (b"[" + b"[]," * 1_600_000 + b"1]", JSON, 413),
    "numbers": (b"[" + b"1," * 240_000 + b"1]", JSON, 413),
    "digits": (b"[" + b"9" * LARGE + b"]", JSON, 400),
    "digits that are read twice": (b"[" + b"9" * 400_000 + b"]", JSON, 400),
    "one text": (b'["' + b"a" * LARGE + b'"]', JSON, 400),
    "one text that does not end": (b'["' + b'\\"' * (LARGE // 2), JSON, 400),
    "names": (b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}", JSON, 400),
    "one name": (b"{" + b",".join([b'"k":1'] * 200_000) + b"}", JSON, 400),
    "lines that are no JSON": (b"{\n" * 4_900, LINES, 400),
    "white space": (b" " * LARGE, JSON, 400),
    "empty lines": (b"\n" * LARGE, LINES, 413),
    "nothing but commas": (b"," * LARGE, JSON, 413),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", BODIES)
def test_no_body_holds_the_daemon(served: Served, name: str, packed: bool) -> None:
    body, kind, status = BODIES[name]
    headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if packed else {})
    content = gzip.compress(body, 1) if packed else body
    with served.client() as client, healthy(served):
        began = time.monotonic()
        answer = client.post("/events", content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert time.monotonic() - began < 20


def test_a_gzip_bomb_is_refused_before_it_unfolds(served: Served) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    with served.client() as client, healthy(served):
        answers = [
            client.post("/events", content=bomb, headers={"Content-Encoding": "gzip"}) for _ in range(5)
        ]
    assert {answer.status_code for answer in answers} == {413}


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip at all", b"", gzip.compress(EVENT)[:-9], gzip.compress(EVENT) + b"more",
        gzip.compress(EVENT) * 2, gzip.compress(b"")[:10],
    ],
    ids=["other", "empty", "cut", "more", "twice", "a head"],
)  # fmt: skip
def test_gzip_that_is_not_whole_is_refused(served: Served, body: bytes) -> None:
    with served.client() as client:
        answer = client.post("/events", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 400


def test_five_thousand_events_are_taken_and_nobody_waits_for_them(served: Served) -> None:
    body = b"[" + b",".join(EVENT % n for n in range(5_000)) + b"]"
    with served.client() as client, healthy(served):
        answer = client.post("/events", content=body, headers={"Content-Type": JSON})
    assert answer.json()["taken"] == 5_000


def test_a_byte_order_mark_is_passed_over(served: Served) -> None:
    with served.client() as client:
        for kind in (JSON, LINES):
            body = b"\xef\xbb\xbf" + EVENT % time.monotonic_ns()
            assert client.post("/events", content=body, headers={"Content-Type": kind}).json()["taken"] == 1


def test_good_items_are_kept_beside_one_that_no_strict_reader_takes(served: Served) -> None:
    body = b"[" + EVENT % 1 + b', {"event": "site_visited", "customer_id": "x", "properties": {"n": NaN}}]'
    with served.client() as client:
        answer = client.post("/events", content=body, headers={"Content-Type": JSON}).json()
    assert [item["item"] for item in answer["refused"]] == [1]


def _begin_bodies(served: Served, stack: ExitStack, number: int, head_of: bytes, size: int) -> None:
    """Connections that send all of a body but its last byte."""
    for _ in range(number):
        sock = stack.enter_context(connect(served))
        sock.sendall(head_of + b"x" * (size - 1))


def _answers(served: Served, client: httpx2.Client, status: int) -> httpx2.Response:
    """What an event is answered once it is `status`: what others sent is read a moment later."""
    for _ in range(100):
        answer = client.post("/events", content=EVENT % 1, headers={"Content-Type": JSON})
        if answer.status_code == status:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"it is still answered {answer.status_code}")


def test_all_bodies_together_are_bounded(served: Served) -> None:
    with served.client() as client, ExitStack() as stack, healthy(served):
        key, whole = served.key(), MOST_BYTES // LARGE
        for number, size in ((whole, LARGE), (1, MOST_BYTES - whole * (LARGE - 1))):
            begun = head(served, f"Content-Length: {size}", key=key)
            _begin_bodies(served, stack, number, begun, size)
        refused = _answers(served, client, 503)
        assert refused.json()["title"] == "too many bytes are on their way"
        assert refused.headers["retry-after"] == "2"
        stack.close()
        assert _answers(served, client, 200).status_code == 200


def test_strangers_keep_nobody_out_who_has_a_key(served: Served) -> None:
    with served.client() as client, ExitStack() as stack:
        size = browsers.MAX_BODY
        begun = b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        _begin_bodies(served, stack, MOST_BYTES_OF_STRANGERS // size, begun, size)
        # Its key is in the body, so nobody knows it before the body is read.
        call = {"writeKey": served.key(), "event": "site_visited", "userId": "x"}
        with httpx2.Client(base_url=served.url, verify=PLAIN, timeout=30) as stranger:
            statuses = (stranger.post("/v1/track", json=call).status_code for _ in range(600))
            assert any(status == 503 for status in statuses)
        assert client.post("/events", content=EVENT % 1, headers={"Content-Type": JSON}).status_code == 200


def test_many_refusals_are_told_and_nobody_waits_for_them(served: Served) -> None:
    with served.client() as client, healthy(served):
        answer = client.post("/events", content=b"[" + b"1," * 4_999 + b"1]", headers={"Content-Type": JSON})
    assert (answer.status_code, len(answer.json()["refused"])) == (400, 5_000)


def test_a_body_in_crumbs_is_refused(served: Served) -> None:
    request = head(served, "Transfer-Encoding: chunked") + b"1\r\n \r\n" * 5_000 + b"0\r\n\r\n"
    # Closed while we are still sending: refused as well.
    with healthy(served), suppress(ConnectionError):
        assert b" 400 " in raw(served, request)[:15]


# --- heads -----------------------------------------------------------------------------------------

BODY = EVENT % 1
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
N = len(BODY)


@pytest.mark.parametrize(
    "headers",
    [
        (f"Content-Length: {N}", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", f"Content-Length: {N}"),
        ("transfer-encoding: chunked", "content-length: 0"),
        (f"Content-Length: {N}", f"Content-Length: {N}"),
        (f"Content-Length: {N}", "Content-Length: 0"),
        (f"Content-Length: {N}, {N}",), (f"Content-Length: +{N}",), (f"Content-Length: 0x{N:x}",),
        (f"Content-Length: {N}.0",), ("Content-Length: -1",), ("Content-Length:",), ("Content-Length: 1_0",),
        ("Content-Length: 99999999999999999999999",), (f"Content-Length : {N}",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: identity",), ("Transfer-Encoding: xchunked",), ("Transfer-Encoding:",),
        ("Transfer-Encoding: chunked, identity",), (f"X: y\rContent-Length: {N}",),
        *((tuple(f"X-{n}: y" for n in range(200)),)),
    ],
    ids=str,
)  # fmt: skip
def test_a_head_that_two_readers_may_understand_differently_is_refused_and_the_connection_closed(
    served: Served, headers: tuple[str, ...]
) -> None:
    second = HEALTH
    is_chunked = any("chunked" in line for line in headers)
    answer = raw(served, head(served, *headers) + (CHUNKED if is_chunked else BODY) + second)
    assert answer.count(b"HTTP/1.1 ") == 1, "what stands behind it is not answered"
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))


def test_chunks_of_http_1_0_are_refused(served: Served) -> None:
    request = head(served, "Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert raw(served, request + CHUNKED).startswith(b"HTTP/1.1 400 ")


def test_honest_heads_are_taken(served: Served) -> None:
    close = "Connection: close"
    for headers, body in (
        ((f"Content-Length: {N}", close), BODY), ((f"CONTENT-LENGTH:  {N} ", close), BODY),
        (("Transfer-Encoding: chunked", close), CHUNKED),
    ):  # fmt: skip
        assert raw(served, head(served, *headers) + body).startswith(b"HTTP/1.1 200 "), headers


# --- connections -----------------------------------------------------------------------------------


def test_idle_connections_do_not_keep_the_others_out(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(1_010):
            stack.enter_context(connect(served))
        with healthy(served), served.client() as client:
            for _ in range(20):
                assert client.get("/healthz").status_code == 200
                time.sleep(0.02)


def test_the_oldest_idle_connection_of_an_address_makes_room(served: Served) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(served)) for _ in range(MOST_PER_ADDRESS + 20)]
        time.sleep(1)
        opened[0].settimeout(5)
        with suppress(ConnectionError):
            assert opened[0].recv(10) == b""
        newest = opened[-1]
        newest.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert newest.recv(4_096).startswith(b"HTTP/1.1 200 ")


def _ends(sock: socket.socket, send: Callable[[], bytes], seconds: float) -> float:
    """How long the other side goes on while a byte now and then is sent; fails after so many seconds."""
    began = time.monotonic()
    sock.settimeout(0.5)
    while time.monotonic() - began < seconds:
        try:
            sock.sendall(send())
            if sock.recv(4_096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError(f"it is still open after {seconds} seconds")
    return time.monotonic() - began


@pytest.mark.parametrize(
    "before", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "second"]
)
def test_a_slow_head_ends_its_connection(served: Served, before: bytes) -> None:
    with connect(served) as sock:
        if before:
            sock.sendall(before)
            assert b" 200 " in sock.recv(4_096)
        sock.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        assert 5 < _ends(sock, lambda: b"x", 30) < 30


# --- who calls -------------------------------------------------------------------------------------


def test_a_right_key_is_never_slowed_by_wrong_ones_of_the_same_address(served: Served) -> None:
    # an address of its own: the daemon is shared, and other tests have no key from the usual one
    with httpx2.Client(
        base_url=served.url, transport=httpx2.HTTPTransport(verify=PLAIN, local_address="127.0.0.7")
    ) as client:
        for n in range(80):
            wrong = client.post("/events", auth=(f"wrong-{n}", ""), json={})
            assert wrong.status_code == (401 if n < 25 else wrong.status_code)
        assert (wrong.status_code, wrong.headers["retry-after"]) == (429, "60")
        right = served.key()
        for n in range(5):
            body = {"event": "site_visited", "customer_id": f"right-{n}"}
            assert client.post("/events", auth=(right, ""), json=body).status_code == 200


@pytest.mark.parametrize(
    ("peer", "header", "proxies", "caller"),
    [
        ("203.0.113.9", "198.51.100.1", (), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", (), "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", ("127.0.0.1",), "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.1", ("127.0.0.1",), "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1, 10.1.2.3", ("127.0.0.1", "10.0.0.0/8"), "198.51.100.1"),
        ("127.0.0.1", "10.1.2.3", ("127.0.0.1", "10.0.0.0/8"), "10.1.2.3"),
        ("::ffff:127.0.0.1", "2001:db8::1", ("127.0.0.1",), "2001:db8::1"),
        ("127.0.0.1", "[2001:db8::1]:99, 198.51.100.1:4711", ("127.0.0.1",), "198.51.100.1"),
        ("127.0.0.1", "unknown", ("127.0.0.1",), "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1, <script>", ("127.0.0.1",), "127.0.0.1"),
        ("127.0.0.1", "", ("127.0.0.1",), "127.0.0.1"),
    ],
)  # fmt: skip
def test_only_trusted_proxies_say_who_calls(
    peer: str, header: str, proxies: tuple[str, ...], caller: str
) -> None:
    assert forwarded_for(peer, [(b"x-forwarded-for", header.encode())], proxies) == caller
