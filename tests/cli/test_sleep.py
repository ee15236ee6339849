"""A talk whose machine sleeps: the process is stopped, and its line is gone when it goes on."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from flashlive_cli.session.connection import SILENT_AFTER_SLEEP_S, SILENT_FOR_S
from flashlive_cli.session.slumber import LOOK_S, SLEPT_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


class Line:
    """A line that can vanish: the far end has hung up, and no word of that comes through."""

    def __init__(self, port: int) -> None:
        self.dialled_s: list[float] = []
        self.refuses = 0
        self._port = port
        self._vanished = False
        self._near: list[asyncio.StreamWriter] = []
        self._far: list[asyncio.StreamWriter] = []
        self._carriers: list[asyncio.Task[None] | None] = []

    def vanish(self) -> None:
        self._vanished = True
        for far in self._far:
            far.transport.abort()

    async def close(self) -> None:
        for end in (*self._near, *self._far):
            end.transport.abort()
        await asyncio.gather(*filter(None, self._carriers))

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialled_s.append(asyncio.get_running_loop().time())
        self._near.append(writer)
        self._carriers.append(asyncio.current_task())
        if self._vanished and self.refuses:
            self.refuses -= 1
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._far.append(far_writer)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def a_line(port: int) -> AsyncIterator[tuple[str, Line]]:
    line = Line(port)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", line
    server.close()
    await line.close()


async def until(process, kind: str) -> dict[str, object]:
    while line := await asyncio.to_thread(process.stdout.readline):
        if (record := json.loads(line))["type"] == kind:
            return record
    raise AssertionError(process.stderr.read())


async def test_after_a_sleep_a_dead_line_is_noticed_at_once_and_dialled_without_a_storm(shell, monkeypatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    loop = asyncio.get_running_loop()
    with shell.simulator() as simulator:
        async with a_line(int(simulator.rsplit(":", 1)[1])) as (url, line):
            with shell.started("talk", "--url", url, "--format", "json", "-x", "tell me a long story") as process:
                await until(process, "reply.first_sample")
                process.send_signal(signal.SIGSTOP)
                line.vanish()
                line.refuses = 2
                await asyncio.sleep(LOOK_S + SLEPT_S + 1)
                process.send_signal(signal.SIGCONT)
                woke_s = loop.time()
                await until(process, "session.moving")
                noticed_s = loop.time() - woke_s
                resumed = await until(process, "session.resumed")

    assert noticed_s < LOOK_S + SILENT_AFTER_SLEEP_S + 4, f"not the {SILENT_FOR_S:g} s of a line that is awake"
    assert (resumed["resumed"], resumed["asked_again"]) == (True, True)
    assert len(line.dialled_s) == 4
    waits_s = [after - before for before, after in zip(line.dialled_s[1:], line.dialled_s[2:], strict=False)]
    assert [wait_s > least_s for wait_s, least_s in zip(waits_s, (0.9, 1.9), strict=True)] == [True, True]
