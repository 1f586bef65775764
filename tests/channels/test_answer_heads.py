"""Before an answer a few informational ones are ignored; more of them end the request, and little is read."""

from __future__ import annotations

import asyncio

import pytest
from httpcore2._backends.anyio import AnyIOStream

from engine.channels.answer_heads import MOST_INFORMATIONAL, PIECE
from engine.channels.egress import Answer, Egress, LostError, Request
from tests.channels.odd_http import Play, odd_server, says

pytestmark = pytest.mark.anyio

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def asked(play: Play) -> Answer:
    async with odd_server(play) as odd:
        egress = Egress([odd.place])
        try:
            return await egress.post(f"http://{odd.place}/", b"{}", {})
        finally:
            await egress.close()


def of_length(head: int) -> bytes:
    """A `100` of so many bytes."""
    return b"HTTP/1.1 100 " + b"x" * (head - 17) + b"\r\n\r\n"


async def test_a_few_informational_answers_are_ignored() -> None:
    answer = await asked(says(CONTINUE * MOST_INFORMATIONAL + ANSWER))
    assert (answer.status, answer.body) == (200, b"done")


async def test_one_more_ends_the_request_and_nothing_further_is_waited_for() -> None:
    async def waits(writer: asyncio.StreamWriter) -> None:
        writer.write(CONTINUE * (MOST_INFORMATIONAL + 1))
        await asyncio.Event().wait()

    with pytest.raises(LostError, match="TooManyInformational"):
        await asked(waits)


async def test_of_informational_answers_without_end_hardly_more_than_the_bound_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []
    read = AnyIOStream.read

    async def counting(stream: AnyIOStream, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        data = await read(stream, max_bytes, timeout)
        taken.append(len(data))
        return data

    async def endless(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(CONTINUE * 1_000)
            await writer.drain()

    monkeypatch.setattr(AnyIOStream, "read", counting)
    with pytest.raises(LostError, match="TooManyInformational"):
        await asked(endless)
    assert 0 < sum(taken) <= len(CONTINUE) * MOST_INFORMATIONAL + PIECE


@pytest.mark.parametrize("length", range(PIECE - 3, PIECE + 5))
async def test_heads_are_counted_wherever_the_pieces_end(length: int) -> None:
    heads = of_length(length) * MOST_INFORMATIONAL
    assert (await asked(says(heads + ANSWER))).body == b"done"
    with pytest.raises(LostError, match="TooManyInformational"):
        await asked(says(heads + of_length(length) + ANSWER))


async def test_what_looks_like_an_informational_answer_in_a_body_is_none() -> None:
    body = CONTINUE * 100
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await asked(says(head + body))).body == body


async def test_the_count_begins_anew_with_each_request_of_a_connection() -> None:
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while await reader.read(65_536):
            writer.write(CONTINUE * MOST_INFORMATIONAL + ANSWER)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    egress = Egress([place])
    bodies = [(await egress.exchange(Request("GET", f"http://{place}/"))).body for _ in range(3)]
    await egress.close()
    server.close()
    assert (bodies, connections) == ([b"done"] * 3, [1])
