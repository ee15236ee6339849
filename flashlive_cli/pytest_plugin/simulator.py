"""
The simulator for one test: a thread with an event loop of its own, so that clients of any kind can be waited for.

    test ─► run_simulator ─► thread flashlive-sim: serve, until the test is over

What it saw is appended in its thread and read in the test's; a list may be read while it grows.
"""

import asyncio
import importlib.util
import json
import os
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, FileError, FlashliveError
from flashlive_cli.nearest import meant_or_known
from flashlive_cli.printable import printable
from flashlive_cli.scenario.reading import read_script_file
from flashlive_cli.sim.certificate import Certificate
from flashlive_cli.sim.faults import Fault, parse_faults
from flashlive_cli.sim.guests import address_for_sdks, guest_environment, guest_settings
from flashlive_cli.sim.script import Script, read_script
from flashlive_cli.sim.server import SimServer, serve
from flashlive_cli.sim.tape import Tape, read_tape
from flashlive_cli.sim.wire import Opened, Passed, WireEvent

_PATIENCE_S: Final = 15.0
"""Real seconds to start, or to end: closing a connection takes up to three."""


def _has_tls() -> bool:
    return importlib.util.find_spec("cryptography") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    What a test wants of its simulator: names of the marker, and of an indirect parameter.

    Attributes:
        scenario: a file, relative to the test's, or the text of one; what is heard and answered, turn by turn.
        replay: a recording that is performed instead; file or folder, likewise relative.
        faults: what goes wrong, as `flashlive sim --fault`.
        speed: so many times faster than real time.
        tls: with a throw-away certificate; by default where that can be made (extra `tls`).
        key: the only one that is let in; None for any.
        strict: the test fails where a client did otherwise than scenario or recording say, or none came.
    """

    scenario: str | os.PathLike[str] | None = None
    replay: str | os.PathLike[str] | None = None
    faults: str | Sequence[str] = ()
    speed: float = 1.0
    tls: bool = field(default_factory=_has_tls)
    key: str | None = None
    strict: bool = False
    folder: Path = field(default_factory=Path.cwd)

    def faults_meant(self) -> tuple[Fault, ...]:
        """Understand `faults`."""
        texts = [self.faults] if isinstance(self.faults, str) else self.faults
        return tuple(fault for text in texts for fault in parse_faults(text))

    def script(self) -> Script | None:
        """Read `scenario`."""
        if self.scenario is None:
            return None
        text = os.fspath(self.scenario)
        if "\n" not in text:
            return read_script_file(self.folder / text).script()
        try:
            return read_script(tomllib.loads(text), self.folder / "the test's scenario")
        except tomllib.TOMLDecodeError as exc:
            raise FileError(f"the test's scenario is not TOML: {exc}") from exc

    def tape(self) -> Tape | None:
        """Read `replay`."""
        return None if self.replay is None else read_tape(self.folder / os.fspath(self.replay))


@dataclass(slots=True)
class Simulator:
    """
    A simulator that is listening, as a test sees it.

    Attributes:
        url: where a client that speaks the protocol dials: `wss://127.0.0.1:…`, or `ws://` without TLS.
        base_url: the same for SDKs: `https://…` or `http://…`.
        port: of 127.0.0.1.
        key: a key that is let in.
        ca_file: PEM of the authority that vouches for it; None without TLS.
        settings: variables that lead a program here.
        env: the whole environment of such a program, for `subprocess.run(…, env=…)`.
        notes: what happened, a line each.
        wire: all that passed; see `sim.wire`.
    """

    url: str
    base_url: str
    port: int
    key: str
    ca_file: Path | None
    settings: dict[str, str]
    env: dict[str, str]
    notes: list[str]
    wire: list[WireEvent]
    _mismatches: list[str]
    _stop: Callable[[], None]

    @property
    def mismatches(self) -> list[str]:
        """What clients did otherwise than scenario or recording say, so far; all of it after `stop`."""
        return list(self._mismatches)

    def messages(self, by: str = "c") -> list[dict[str, Any]]:
        """Return what the client (`c`) or the server (`s`) has said so far, as JSON."""
        return [json.loads(event.raw) for event in list(self.wire) if isinstance(event, Passed) and event.by == by]

    def stop(self) -> None:
        """End it now: connections are closed with 1001. May be called again."""
        self._stop()


def wanted_by(request: pytest.FixtureRequest) -> Wanted:
    """Put together what the markers of a test, its class and its module say, and its parameter over that."""
    told: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("flashlive_sim"))):
        if marker.args:
            pytest.fail("the marker flashlive_sim takes names only: flashlive_sim(scenario=…)", pytrace=False)
        told |= marker.kwargs
    parameter = getattr(request, "param", None)
    if parameter is not None and not isinstance(parameter, Mapping):
        pytest.fail("flashlive_sim is parametrized by dicts, such as {'faults': ['drop-1006']}", pytrace=False)
    told |= parameter or {}
    known = [each.name for each in fields(Wanted) if each.name != "folder"]
    for name in told:
        if name not in known:
            pytest.fail(f"flashlive_sim knows no {name!r}{meant_or_known(name, known)}", pytrace=False)
    if told.get("tls", False) is None:
        del told["tls"]
    return Wanted(**told, folder=request.path.parent)


def run_simulator(wanted: Wanted, certificate: Certificate | None) -> Iterator[Simulator]:
    """Be the generator of a fixture: start, yield, stop, and judge where that is wanted."""
    try:
        with _running(wanted, certificate) as simulator:
            yield simulator
            simulator.stop()
            if wanted.strict:
                _judge(simulator)
    except FlashliveError as exc:
        pytest.fail(printable(f"flashlive_sim: {exc}"), pytrace=False)


def _judge(simulator: Simulator) -> None:
    unexpected = simulator.mismatches
    if not any(isinstance(event, Opened) for event in simulator.wire):
        unexpected.append("nobody has connected: nothing was tested")
    if unexpected:
        lines = "\n".join(printable(f"unexpected: {line}") for line in unexpected)
        pytest.fail(lines, pytrace=False)


@contextmanager
def _running(wanted: Wanted, certificate: Certificate | None) -> Iterator[Simulator]:
    """Run a thread with the simulator in it, until the block is left."""
    if not 0.1 <= wanted.speed <= 100:
        raise ConfigError(f"speed {wanted.speed:g} is not between 0.1 and 100")
    script, tape, faults = wanted.script(), wanted.tape(), wanted.faults_meant()
    notes: list[str] = []
    mismatches: list[str] = []
    wire: list[WireEvent] = []
    ready: Future[tuple[SimServer, Callable[[], object]]] = Future()

    async def hold() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        serving = serve(
            clock=Clock(wanted.speed),
            script=script,
            tape=tape,
            faults=faults,
            api_key=wanted.key,
            ssl_context=certificate.context if certificate is not None else None,
            on_note=notes.append,
            on_mismatch=mismatches.append,
            on_doubt=notes.append,
            on_wire=wire.append,
        )
        async with serving as server:
            ready.set_result((server, partial(loop.call_soon_threadsafe, over.set)))
            await over.wait()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(hold())
        except BaseException as exc:  # noqa: BLE001 - told in the test's thread
            (failed if ready.done() else ready).set_exception(exc)

    failed: Future[None] = Future()
    thread = threading.Thread(target=work, name="flashlive-sim", daemon=True)
    thread.start()
    try:
        server, end = ready.result(_PATIENCE_S)
    except TimeoutError as exc:
        if ready.done():  # the simulator's own
            raise
        raise FlashliveError(f"the simulator has not started within {_PATIENCE_S:g} s: is the machine busy?") from exc
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:  # whatever came of it was told
            return
        stopped = True
        with suppress(RuntimeError):  # its loop is closed
            end()
        thread.join(_PATIENCE_S)
        if thread.is_alive():
            raise FlashliveError(f"the simulator has not ended within {_PATIENCE_S:g} s, and its thread is left behind")
        if failed.done():
            failed.result()

    settings = guest_settings(os.environ, port=server.port, key=wanted.key, certificate=certificate)
    simulator = Simulator(
        url=server.url,
        base_url=address_for_sdks(server.port, tls=certificate is not None),
        port=server.port,
        key=settings["GEMINI_API_KEY"],
        ca_file=None if certificate is None else certificate.ca_file,
        settings=settings,
        env=guest_environment(os.environ, settings),
        notes=notes,
        wire=wire,
        _mismatches=mismatches,
        _stop=stop,
    )
    try:
        yield simulator
    finally:
        stop()
