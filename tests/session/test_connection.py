"""Dials that fail, each in one line that says what to do."""

import asyncio
import contextlib
import http
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from websockets.asyncio.server import serve  # noqa: TID251 - the far end of a test

from benchmarks.bad_line import Proxy, Toxics, bad_line
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected
from flashlive_cli.session import connection
from flashlive_cli.session.connection import SILENT_FOR_S, Connection, dial
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.sim.faults import parse_faults
from flashlive_cli.sim.server import serve as serve_simulator


async def dial_loopback(port: int, scheme: str = "ws", timeout_s: float = 5.0) -> str:
    with pytest.raises(ConnectionRejected) as caught:
        await dial(find_endpoint(f"{scheme}://127.0.0.1:{port}", "sEcReT"), timeout_s=timeout_s)
    assert "\n" not in str(caught.value)
    assert "sEcReT" not in str(caught.value)
    return str(caught.value)


@asynccontextmanager
async def tcp_server(answer: bytes | None) -> AsyncIterator[int]:
    """Answer whatever comes with these bytes and hang up; with None, say nothing until the client hangs up."""
    done: list[asyncio.Event] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.append(asyncio.Event())
        ended = done[-1]
        with contextlib.suppress(ConnectionError):
            if answer is None:
                await reader.read()
            else:
                await reader.read(100)
                writer.write(answer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for ended in done:
            await ended.wait()


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        assert "cannot be reached" in await dial_loopback(taken.getsockname()[1])


async def test_no_such_host() -> None:
    with pytest.raises(ConnectionRejected, match=r"no\.such\.host\.invalid cannot be reached"):
        await dial(find_endpoint("wss://no.such.host.invalid", "key"), timeout_s=5)


async def test_a_web_server_that_is_no_websocket() -> None:
    async with tcp_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as port:
        assert "HTTP 200" in await dial_loopback(port)


async def test_something_that_is_no_web_server() -> None:
    async with tcp_server(b"220 smtp ready\r\n") as port:
        assert "does not speak WebSocket" in await dial_loopback(port)


async def test_somebody_who_says_nothing() -> None:
    async with tcp_server(None) as port:
        assert "did not answer within 0.2 s" in await dial_loopback(port, timeout_s=0.2)


async def test_a_plain_server_dialled_with_tls() -> None:
    async with tcp_server(b"nonsense") as port:
        assert "cannot be reached" in await dial_loopback(port, scheme="wss")


@pytest.mark.parametrize(("status", "hint"), [(401, "key"), (404, "URL"), (429, "later"), (503, "503")])
async def test_an_http_refusal_names_its_status(status: int, hint: str) -> None:
    async with serve(
        lambda _socket: asyncio.sleep(0),
        "127.0.0.1",
        0,
        process_request=lambda connection, _request: connection.respond(http.HTTPStatus(status), "no"),
    ) as server:
        message = await dial_loopback(server.sockets[0].getsockname()[1])

    assert str(status) in message
    assert hint in message


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    went_there = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        went_there.append(await reader.read(10))
        writer.close()

    other = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    async with other:
        location = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/"
        answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with tcp_server(answer.encode()) as port:
            assert "HTTP 302" in await dial_loopback(port)

    assert went_there == []


@pytest.mark.parametrize(("patience_s", "outlived"), [(45.0, True), (20.0, False)])
async def test_pongs_may_be_half_a_minute_late(monkeypatch, patience_s, outlived) -> None:
    """At a hundredth of the time; a library's own 20 s would end a healthy connection."""
    monkeypatch.setattr(connection, "PING_EVERY_S", 0.2)
    monkeypatch.setattr(connection, "SILENT_FOR_S", patience_s / 100)
    async with (
        serve_simulator(clock=Clock(100), faults=parse_faults("slow-pong:seconds=30")) as server,
        await dial(find_endpoint(server.url, "k")) as line,
    ):
        await line.send('{"setup": {"model": "models/gemini-3.8-live"}}')
        await line.receive()
        watch = asyncio.get_running_loop().create_task(line.outlive())
        await asyncio.wait([watch], timeout=1.5)
        assert watch.done() != outlived
        watch.cancel()
        if outlived:
            await line.send('{"realtimeInput": {"text": "still here"}}')
        else:
            with pytest.raises(ConnectionLost, match="broke off"):
                await line.send('{"realtimeInput": {"text": "still here"}}')


SOUND = json.dumps({"realtimeInput": {"audio": {"data": "AAAA" * 1000, "mimeType": "audio/pcm;rate=16000"}}})
"""Of 94 ms."""


@asynccontextmanager
async def set_up_over(
    monkeypatch: pytest.MonkeyPatch, toxics: Toxics, *, narrow: bool = False, scale: float = 0.1
) -> AsyncIterator[tuple[Connection, Proxy, "asyncio.Task[None]"]]:
    """Dial a simulator over a bad line, and look after that at a share of the time; pongs may take as long as ever."""
    for name in ("STILL_LOOK_S", "STILL_FOR_S", "PROD_AFTER_S"):
        monkeypatch.setattr(connection, name, scale * getattr(connection, name))
    async with (
        serve_simulator(clock=Clock()) as server,
        bad_line(server.port, toxics, narrow=narrow) as (url, proxy),
        await dial(find_endpoint(url, "k")) as line,
    ):
        await line.send('{"setup": {"model": "models/gemini-3.8-live"}}')
        await line.receive()
        await line.receive()
        watch = asyncio.get_running_loop().create_task(line.outlive())
        yield line, proxy, watch
        watch.cancel()
        line.break_off()


def good() -> Toxics:
    return Toxics(Random(1), cuts=0.0, trickles=0.0)


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what is acknowledged")


@linux
@pytest.mark.parametrize("speaks", [True, False])
async def test_a_link_that_is_gone_without_a_word_is_noticed_long_before_a_pong_is_late(monkeypatch, speaks) -> None:
    async with set_up_over(monkeypatch, good()) as (line, proxy, watch):
        proxy.vanish()
        while speaks and not watch.done():
            with contextlib.suppress(ConnectionLost):
                await line.send(SOUND)
            await asyncio.sleep(0.01)
        async with asyncio.timeout(SILENT_FOR_S / 4):
            await watch
            with pytest.raises(ConnectionLost, match="broke off"):
                await line.receive()


@linux
async def test_a_proxy_that_takes_nothing_any_more_is_noticed_once_it_is_full(monkeypatch) -> None:
    async with set_up_over(monkeypatch, good(), narrow=True) as (line, proxy, watch):
        proxy.freeze()
        async with asyncio.timeout(SILENT_FOR_S / 4):
            while not watch.done():
                await asyncio.sleep(0.01)
                with contextlib.suppress(ConnectionLost, TimeoutError):
                    async with asyncio.timeout(0.05):  # behind a full buffer who sends waits
                        await line.send(SOUND)


@linux
async def test_a_slow_line_is_left_alone_though_what_is_sent_piles_up(monkeypatch) -> None:
    """Some 35 kB a second come through, in hundreds of bytes, of the 43 kB that speech takes."""
    trickle = Toxics(Random(1), cuts=0.0, trickles=1.0)
    async with set_up_over(monkeypatch, trickle, narrow=True, scale=0.3) as (line, proxy, watch):
        proxy.pause_s = 0.01
        most_bytes = 0
        for _ in range(100):
            await asyncio.sleep(0.06)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await line.send(SOUND)
            most_bytes = max(most_bytes, line.unsent_bytes)
            assert not watch.done()
        assert most_bytes > len(SOUND)


@linux
async def test_a_line_on_which_nobody_says_anything_is_left_alone(monkeypatch) -> None:
    async with set_up_over(monkeypatch, good()) as (_line, _proxy, watch):
        assert not (await asyncio.wait([watch], timeout=3))[0]
