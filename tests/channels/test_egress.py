"""What leaves the house: public addresses, and what config.yaml names; nothing else in any disguise."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from pytest_httpserver import HTTPServer

from engine.channels.egress import LARGEST_ANSWER, Egress, EgressError, LostError, NotSentError, is_public
from engine.errors import WorldError
from tests.channels.odd_http import Play, floods, hangs_up, odd_server, says

pytestmark = pytest.mark.anyio

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "0.0.0.0",
    "0.1.2.3", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
    "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "::127.0.0.1", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::", "2001::1", "2001:0:7f00:1::", "2001:20::1",
    "2001:db8::1",
    "3fff::1", "5f00::1", "100::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public_however_they_are_written(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "127.0.0.2", "localhost", "LOCALHOST", "localhost.", "2130706433",
    "0x7f000001",
    "0x7f.1", "0x7F.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "0", "0.0.0.0", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:7f00:1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "ip6-localhost", "①②⑦.0.0.1", "127。0。0。1", "[::1%25lo]", "%31%32%37.0.0.1",
]  # fmt: skip
"""Ways to write this machine, and some that lead nowhere."""


@pytest.mark.parametrize("host", LOOPBACK)
async def test_case_103_nothing_reaches_loopback(httpserver: HTTPServer, host: str) -> None:
    egress = Egress()
    with pytest.raises(WorldError):  # refused, or no name at all on this machine
        await egress.post(f"http://{host}:{httpserver.port}/", b"{}", {})
    await egress.close()
    assert httpserver.log == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "100.64.0.1", "10.0.0.1", "0xa9fea9fe"]
)
async def test_case_103_nothing_reaches_the_house_on_the_ports_of_the_web(host: str) -> None:
    with pytest.raises(EgressError, match="not public"):
        await Egress().post(f"http://{host}/latest/meta-data/", b"{}", {})


def test_case_103_the_table_is_long_enough() -> None:
    assert len(PRIVATE) >= 40


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "file:///etc/passwd", "http://user:pw@example.com/", "http:///x", "gopher://x/"],
)
async def test_only_plain_web_addresses_are_called(url: str) -> None:
    with pytest.raises(EgressError):
        await Egress().post(url, b"{}", {})


async def test_what_config_names_is_reached_and_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data(
        "", status=302, headers={"Location": "/elsewhere"}
    )
    egress = Egress([f"127.0.0.1:{httpserver.port}"])
    answer = await egress.post(f"http://127.0.0.1:{httpserver.port}/hook?a=1", b'{"a": 1}', {"X-One": "1"})
    await egress.close()
    assert answer.status == 302
    [(request, _)] = httpserver.log
    assert (request.headers["Host"], request.headers["X-One"], request.query_string) == (
        f"127.0.0.1:{httpserver.port}", "1", b"a=1",
    )  # fmt: skip


class Resolver:
    """Names of a stranger: another answer every time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def getaddrinfo(self, _host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        found = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [(0, 0, 0, "", (address, port)) for address in found]


async def test_case_103_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        asyncio.get_running_loop(), "getaddrinfo", Resolver(["8.8.8.8", "10.0.0.5"]).getaddrinfo
    )
    with pytest.raises(EgressError, match=r"rebind\.example leads to an address that is not public"):
        await Egress().checked("rebind.example", 443)


async def test_case_103_a_name_that_changes_its_mind_is_asked_once(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is allowed (nobody listens there), every later one is the sink: the connection goes to
    the first."""
    resolver = Resolver(["127.0.0.2"], ["127.0.0.1"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    egress = Egress(["127.0.0.2/32"])
    with pytest.raises(NotSentError):
        await egress.post(f"http://rebind.example:{httpserver.port}/", b"{}", {})
    assert (resolver.asked, httpserver.log) == (1, [])
    with pytest.raises(EgressError):
        await egress.post(f"http://rebind.example:{httpserver.port}/", b"{}", {})
    await egress.close()
    assert httpserver.log == []


async def test_case_103_a_chain_of_redirects_is_not_followed(httpserver: HTTPServer) -> None:
    sink = HTTPServer(host="127.0.0.1")
    sink.start()
    try:
        for status in (301, 302, 303, 307, 308):
            httpserver.expect_request(f"/{status}").respond_with_data(
                "", status=status, headers={"Location": sink.url_for("/inside")}
            )
            egress = Egress([f"127.0.0.1:{httpserver.port}"])
            answer = await egress.post(
                httpserver.url_for(f"/{status}").replace("localhost", "127.0.0.1"), b"{}", {}
            )
            await egress.close()
            assert answer.status == status
        assert sink.log == []
    finally:
        sink.stop()


async def test_the_next_address_of_a_name_is_tried_when_the_first_takes_no_connection(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/").respond_with_data("")
    resolver = Resolver(["127.0.0.2", "127.0.0.1"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    egress = Egress(["127.0.0.0/8"])
    answer = await egress.post(f"http://two.example:{httpserver.port}/", b"{}", {})
    await egress.close()
    assert (answer.status, len(httpserver.log)) == (200, 1)
    assert httpserver.log[0][0].headers["Host"] == f"two.example:{httpserver.port}"


async def test_ten_megabytes_are_not_read() -> None:
    async with odd_server(floods) as odd:
        egress = Egress([odd.place])
        answer = await egress.post(f"http://{odd.place}/", b"{}", {})
        await egress.close()
    assert (len(answer.body), answer.is_whole) == (LARGEST_ANSWER, False)


@pytest.mark.parametrize("play", [hangs_up, says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")])
async def test_a_connection_lost_after_the_request_is_no_refusal(play: Play) -> None:
    async with odd_server(play) as odd:
        egress = Egress([odd.place])
        with pytest.raises(LostError):
            await egress.post(f"http://{odd.place}/", b"{}", {})
        await egress.close()


async def test_a_connection_lost_before_the_whole_request_was_taken_sent_nothing() -> None:
    """The other side reads one byte of a large body and hangs up."""

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    egress = Egress([f"127.0.0.1:{port}"])
    with pytest.raises(NotSentError):
        await egress.post(f"http://127.0.0.1:{port}/", b"x" * 50_000_000, {})
    await egress.close()
    server.close()


def test_networks_and_places_can_be_allowed() -> None:
    egress = Egress(["10.1.0.0/16", "crm.internal:8443", "127.0.0.1:9000", "[::1]:9000"])
    assert egress.is_allowed("::1", "::1", 9000)
    assert egress.is_allowed("CRM.internal", "192.168.0.9", 8443)
    assert egress.is_allowed("x", "10.1.2.3", 8080)
    assert egress.is_allowed("crm.internal", "192.168.0.9", 8443)
    assert not egress.is_allowed("crm.internal", "192.168.0.9", 443)
    assert not egress.is_allowed("127.0.0.1", "127.0.0.1", 9001)
    assert not egress.is_allowed("x", "8.8.8.8", 25)
