"""The requests of our channel fit Twilio's own OpenAPI description. Needs that file and Prism, else it is
skipped.

    TWILIO_OAI=/path/to/twilio_api_v2010.yaml PRISM=/path/to/prism \\
        pytest tests/channels/twilio/test_twilio_prism.py

The description is github.com/twilio/twilio-oai, spec/yaml/twilio_api_v2010.yaml (MIT); Prism is npm
@stoplight/prism-cli, found as `PRISM`, as `prism`, or by `npx --no-install prism`. Prism checks what is asked
and makes up an answer.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.channels.base import Message
from engine.channels.twilio.channel import TwilioChannel
from engine.channels.twilio.request import Kind, Sender
from engine.clock import ManualClock
from engine.values import HOUR, Instant
from tests.channels.twilio_server import ACCOUNT, TOKEN

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _description() -> str:
    named = os.environ.get("TWILIO_OAI", "")
    return named if named and Path(named).is_file() else ""


def _prism() -> list[str] | None:
    named = os.environ.get("PRISM") or shutil.which("prism")
    if named:
        return [named]
    return ["npx", "--no-install", "prism"] if shutil.which("npx") else None


@pytest.fixture
async def prism() -> AsyncIterator[str]:
    description, command = _description(), _prism()
    if not description:
        pytest.skip("TWILIO_OAI does not name Twilio's OpenAPI file (twilio-oai, twilio_api_v2010.yaml)")
    if command is None:
        pytest.skip("Prism is not there: PRISM, `prism` or `npx` (npm @stoplight/prism-cli)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *command, "mock", "--errors", "--host", "127.0.0.1", "--port", str(port), description,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = b""
        async with asyncio.timeout(90):
            while b"listening" not in said:
                line = await process.stdout.readline()
                if not line:
                    pytest.fail(f"Prism does not start: {said.decode(errors='replace')[-500:]}")
                said += line
        reading = asyncio.create_task(process.stdout.read())
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("kind", ["sms", "whatsapp"])
async def test_what_we_ask_is_what_twilio_describes(prism: str, kind: Kind) -> None:
    number = "whatsapp:+359888000001" if kind == "whatsapp" else "+359888000001"
    sender = Sender(kind, number, "MG" + "0" * 32, "https://news.shop.example/callbacks/sms")
    channel = TwilioChannel(kind, sender, (ACCOUNT, TOKEN), prism, ManualClock(NOW), seconds=30)
    fields = {"content_sid": "HX" + "0" * 32, "variables.1": "Anna"} if kind == "whatsapp" else {}
    message = Message(
        "k1", kind, "+359888123456", "hello", "en", "marketing", "" if fields else "Hello", fields=fields,
        valid_until=Instant(NOW + HOUR),
    )  # fmt: skip

    async def hand_over() -> bool:
        return True

    try:
        delivery = await channel.deliver(message, hand_over)
        found = await channel.look_up(message, NOW)
    finally:
        await channel.close()
    assert delivery.kind in ("accepted", "unknown"), delivery  # Prism's made-up SID may be none
    assert delivery.raw.startswith("201"), delivery
    assert found.detail != "HTTP 422"
