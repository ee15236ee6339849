"""A simulator held: listening, told of, and ended with its program or by a signal."""

import asyncio
import gc
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from flashlive_cli import doorbell
from flashlive_cli.cli.exits import FAILED, KILLED_BY
from flashlive_cli.cli.guest import CannotRun, run_guest
from flashlive_cli.cli.signals import on_signals
from flashlive_cli.cli.traffic import TrafficFiles, TrafficLog
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FlashliveError, OutputFailed
from flashlive_cli.printable import printable
from flashlive_cli.sim.certificate import throw_away_certificate
from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.guests import guest_environment, guest_settings
from flashlive_cli.sim.script import Script
from flashlive_cli.sim.server import SimServer, serve
from flashlive_cli.sim.tape import Tape
from flashlive_cli.sim.wire import Opened, WireEvent
from flashlive_cli.ui.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashlive_cli.sim.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """
    What `flashlive sim` was asked for.

    Attributes:
        command: program and arguments; empty for a server.
        tls: listen with a throw-away certificate.
        record: where traffic is kept; None for nowhere.
        log: show it.
        strict: the exit code tells of mismatches.
        as_json: the ready line is JSON.
        quiet: no notes.
    """

    command: tuple[str, ...]
    port: int
    script: Script | None
    tape: Tape | None
    faults: tuple[Fault, ...]
    tls: bool
    record: Path | None
    log: bool
    strict: bool
    key: str | None
    speed: float
    as_json: bool
    quiet: bool


async def hold_simulation(asked: Simulation) -> int:
    """
    Run a simulator until its program ends, or a signal comes; return the exit code.

    Raises:
        FlashliveError: it cannot listen, or what it says goes nowhere.
    """
    # what was imported lives for ever: looking through it for garbage took up to 77 ms with 200 sessions
    gc.collect()
    gc.freeze()
    async with AsyncExitStack() as stack:
        holding = _Holding(asked, asyncio.get_running_loop())
        return await holding.hold(stack)


@dataclass(slots=True)
class _Holding:
    asked: Simulation
    loop: asyncio.AbstractEventLoop
    over: asyncio.Event = field(default_factory=asyncio.Event)
    failure: FlashliveError | None = None
    n_mismatches: int = 0
    n_connections: int = 0
    lines: Outlet = field(init=False)

    def __post_init__(self) -> None:
        # stdout is the program's; a thread writes: a pipe that nobody reads must not hold up the clients
        stream, name = (sys.stderr, "stderr") if self.asked.command else (sys.stdout, "stdout")
        self.lines = Outlet(stream, name=name, failed=self._fail_soon)

    async def hold(self, stack: AsyncExitStack) -> int:
        stack.enter_context(self.lines)
        certificate = stack.enter_context(throw_away_certificate()) if self.asked.tls else None
        takers: list[Callable[[WireEvent], None]] = [self._count] if self.asked.strict else []
        if self.asked.record is not None:
            takers.append(stack.enter_context(TrafficFiles(self.asked.record, failed=self._recording_failed)).take)
        if self.asked.log:
            takers.append(TrafficLog(self.lines.say).take)

        def on_wire(event: WireEvent) -> None:
            for take in takers:
                take(event)

        serving = serve(
            clock=Clock(self.asked.speed),
            script=self.asked.script,
            tape=self.asked.tape,
            faults=self.asked.faults,
            port=self.asked.port,
            api_key=self.asked.key,
            ssl_context=certificate.context if certificate else None,
            on_note=None if self.asked.quiet else self._note,
            on_mismatch=self._mismatch,
            on_doubt=lambda line: self.lines.say(f"warning: {line}"),
            on_wire=on_wire if takers else None,
        )
        async with serving as server:
            settings = guest_settings(os.environ, port=server.port, key=self.asked.key, certificate=certificate)
            code = await (self._guest(settings) if self.asked.command else self._serve(server, certificate, settings))
        if self.failure is not None:
            raise self.failure
        if self.asked.strict and not self.n_connections:
            self._mismatch("nobody has connected: nothing was tested")
        return FAILED if self.asked.strict and self.n_mismatches and code in (0, KILLED_BY + signal.SIGINT) else code

    async def _guest(self, settings: dict[str, str]) -> int:
        try:
            return await run_guest(self.asked.command, guest_environment(os.environ, settings))
        except CannotRun as exc:
            typer.echo(f"flashlive: error: {printable(str(exc))}", err=True)
            return exc.code

    async def _serve(self, server: SimServer, certificate: "Certificate | None", settings: dict[str, str]) -> int:
        ca_file = str(certificate.ca_file) if certificate else None
        caught: list[int] = []

        def end(number: int) -> None:
            caught.append(number)
            self.over.set()

        with on_signals("SIGTERM", "SIGINT", "SIGHUP", act=end):
            if self.asked.as_json:
                self.lines.say(json.dumps({"url": server.url, "ca_file": ca_file, "env": settings}))
            else:
                self.lines.say(f"listening on {server.url} (Ctrl-C ends it)")
                if ca_file:
                    self.lines.say(f"its certificate is vouched for by {printable(ca_file)}")
            await self.over.wait()
        # SIGTERM is how a server is ended that has done its work
        return KILLED_BY + caught[0] if caught and caught[0] != signal.SIGTERM else 0

    def _note(self, line: str) -> None:
        self.lines.say(printable(line))

    def _count(self, event: WireEvent) -> None:
        self.n_connections += isinstance(event, Opened)

    def _mismatch(self, line: str) -> None:
        self.n_mismatches += 1
        self.lines.say(f"unexpected: {printable(line)}")

    def _recording_failed(self, message: str) -> None:
        """From the writer's thread."""
        self._fail_soon(OutputFailed(message))

    def _fail_soon(self, failure: OutputFailed) -> None:
        doorbell.ring(self.loop, self._fail, failure)

    def _fail(self, failure: OutputFailed) -> None:
        if self.asked.command and failure is self.lines.failure:
            return  # the program goes on without our words
        self.failure = self.failure or failure
        self.over.set()
