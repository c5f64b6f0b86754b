"""The benchmarks' client tells a whole answer from a broken one."""

import asyncio
import json

import pytest

from tests.bench.load.clients import _share
from tests.bench.load.http import Connection, Exchange
from tests.bench.load.systems import MARK, Replik, fault
from tests.light.graph import answer, sentence

TEXT = "question 1 of client 0"
OURS = Replik(port=0, server_key="k", sentences=3)


def stream(said: list[str], final: str | None, ids: list[str] | None = None) -> bytes:
    """Return an answer's bytes as the server sends them, an event a chunk."""
    events = [("delta", {"text": one}) for one in said]
    if final is not None:
        events.append(("message", {"text": final}))
    names = ids or [f"1.0.1.{number}" for number in range(1, len(events) + 1)]
    raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    for id_, (name, data) in zip(names, events, strict=True):
        event = f"id: {id_}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
        raw += b"%x\r\n%s\r\n" % (len(event), event)
    return raw + b"0\r\n\r\n"


def received(raw: bytes, piece: int) -> Exchange:
    """Return the exchange after the bytes came in pieces; it is complete with the last one only."""
    exchange = Exchange(0.0, MARK, asyncio.Future(loop=asyncio.new_event_loop()))
    pieces = [raw[start : start + piece] for start in range(0, len(raw), piece)]
    assert [exchange.feed(one, float(at)) for at, one in enumerate(pieces, 1)] == [
        *[False] * (len(pieces) - 1),
        True,
    ]
    return exchange


SAID = [sentence(TEXT, number) for number in (1, 2, 3)]
FINAL = answer(TEXT, 3)


@pytest.mark.parametrize("piece", [1, 7, 100, 10_000])
def test_an_answer_is_complete_however_it_is_cut(piece: int) -> None:
    exchange = received(stream(SAID, FINAL), piece)
    assert fault(OURS, OURS.read(exchange), TEXT) is None
    assert exchange.marked_at is not None
    assert 0 < exchange.marked_at <= exchange.ended_at


def test_merged_sentences_are_as_good() -> None:
    assert fault(OURS, OURS.read(received(stream([SAID[0] + SAID[1], SAID[2]], FINAL), 50)), TEXT) is None


def test_an_answer_that_was_not_streamed_is_told_apart() -> None:
    heard = OURS.read(received(stream([], FINAL), 50))
    assert fault(OURS, heard, TEXT) is None
    assert heard.is_unstreamed


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (stream([SAID[0], SAID[2]], FINAL), "streamed"),
        (stream([SAID[0], *SAID], FINAL), "streamed"),
        (stream([SAID[1], SAID[0], SAID[2]], FINAL), "streamed"),
        (stream(SAID, answer("another question", 3)), "finally said"),
        (stream(SAID, None), "finally said None"),
        (stream([], None), "streamed []"),
        (stream(SAID, FINAL, ["1.0.1.1", "1.0.1.2", "1.0.1.2", "2.1.1.2"]), "repeated an event id"),
    ],
)
def test_what_is_wrong_is_found(raw: bytes, what: str) -> None:
    assert what in (fault(OURS, OURS.read(received(raw, 60)), TEXT) or "")


async def test_an_answer_that_breaks_off_or_is_refused_is_an_error() -> None:
    answers = iter([stream(SAID, FINAL)[:-40], b"HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for reason in ("broke off", "429"):
            with pytest.raises(ConnectionError, match=reason):
                await Connection(port).post("/", b"", b"", MARK)


async def test_a_kept_connection_that_the_server_closed_is_opened_again() -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(stream(SAID, FINAL))
        await reader.readuntil(b"\r\n\r\n")  # the second request arrives, and is not answered
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = Connection(server.sockets[0].getsockname()[1])
        for _ in range(2):
            exchange = await connection.post("/", b"", b"", MARK)
            assert fault(OURS, OURS.read(exchange), TEXT) is None
        connection.close()
    assert asked == 2


@pytest.mark.parametrize(
    ("sent_at", "ended_at", "share"),
    [
        (10.0, 12.0, 1.0),
        (9.0, 11.0, 0.5),
        (13.0, 15.0, 0.5),
        (7.0, 10.0, 0.0),
        (8.0, 16.0, 0.5),
        (15.0, 16.0, 0.0),
    ],
)
def test_a_turn_counts_with_the_share_of_it_in_the_window(
    sent_at: float, ended_at: float, share: float
) -> None:
    exchange = received(stream(SAID, FINAL), 10_000)
    exchange.sent_at, exchange.ended_at = sent_at, ended_at
    assert _share(exchange, 10.0, 14.0) == pytest.approx(share)
