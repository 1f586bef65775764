"""What leaves the house: public addresses, and what config.yaml names; nothing else in any disguise."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from pytest_httpserver import HTTPServer

from engine.channels.egress import Egress, EgressError
from engine.channels.public_addresses import is_public
from engine.errors import WorldError

pytestmark = pytest.mark.anyio

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "192.0.0.8",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
    "fec0::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1",
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


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:7f00:1]"],
)
async def test_nothing_reaches_loopback(httpserver: HTTPServer, host: str) -> None:
    egress = Egress()
    with pytest.raises(WorldError):  # refused, or no name at all on this machine
        await egress.post(f"http://{host}:{httpserver.port}/", b"{}", {})
    await egress.close()
    assert httpserver.log == []


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


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", ("10.0.0.5", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
    with pytest.raises(EgressError, match=r"rebind\.example leads to an address that is not public"):
        await Egress().checked("rebind.example", 443)


def test_networks_and_places_can_be_allowed() -> None:
    egress = Egress(["10.1.0.0/16", "crm.internal:8443", "127.0.0.1:9000"])
    assert egress.is_allowed("x", "10.1.2.3", 8080)
    assert egress.is_allowed("crm.internal", "192.168.0.9", 8443)
    assert not egress.is_allowed("crm.internal", "192.168.0.9", 443)
    assert not egress.is_allowed("127.0.0.1", "127.0.0.1", 9001)
    assert not egress.is_allowed("x", "8.8.8.8", 25)
