"""
flashlive against what people would use instead, in one run, as a table of ratios.

    python benchmarks/against.py [--rounds 3] [--minutes 1] [--without NAME]... [--venvs FOLDER] [--json FILE]

The others:

    quickstart   Google's google-genai SDK as in its command-line quickstart (`quickstart.py`)
    pipecat      Pipecat's local audio transport with its Gemini Live service (`peers/pipecat_local.py`)
    livekit      LiveKit Agents' console with its Gemini plugin, in a terminal (`peers/livekit_console.py`)

The last two are installed from the package registry into environments of their own, in a temporary folder or in
`--venvs`, and never into flashlive's. What does not install, or does not come to talk to a local server, has its
reason in the table instead of figures. (Pipecat's transport needs PyAudio, which is compiled: Debian's
portaudio19-dev.)

All play on the virtual sound card of `live_sound.py` and talk to its far end, over TLS. They take turns, round by
round, so that a busy machine slows all alike; a figure is the median of all rounds, and in brackets the ratio to
flashlive's, above 1 where flashlive is better. What is measured, from outside:

    import            Python with what a talk needs, imported: processor seconds, from the second start on
    --help            the same of its help, where it has one
    start to setup    start of the process -> its setup message is at the server
    microphone to wire, wire to speaker, flush, holes, RSS: see `live_sound.py`; four barge-ins a round
    CPU               processor seconds a minute while both sides talk
    lost under load   in `--minutes` of talk, cut into rounds, beside as many busy processes as there are cores: sound
                      of the replies that was never heard, sound that came late or twice, and the part of the
                      microphone's sound that never reached the server. The sound server starves with the client, so
                      these differ from run to run more than all others: nothing under twice says much

flashlive runs twice, without and with echo cancellation, which none of the others has here; ratios are to the first.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.live_sound import FLASHLIVE, PROGRAMS, QUICKSTART, measure_barge_ins, soak
from benchmarks.sound_rig import OTHERS, SoundCard, sound_card

PEERS: Final = Path(__file__).with_name("peers")
IN_TERMINAL: Final = Path(__file__).with_name("in_terminal.py")
BARGE_INS: Final = 4
STARTS: Final = 5
FIRST: Final = "flashlive"

LESS_IS_MORE: Final = {
    "import s": 0.01, "--help s": 0.01, "start to setup ms": 20.0, "microphone to wire ms": 5.0,
    "wire to speaker ms": 5.0, "flush ms": 5.0, "holes ms": 5.0, "CPU s/min": 0.1, "RSS MiB": 1.0,
    "reply lost, ms/min": 20.0, "reply late, ms/min": 20.0, "microphone lost %": 0.1,
}  # fmt: skip
"""The rows, and what is too little for a ratio: less than the measurement's own error."""

Figures = dict[str, list[float | None]]


@dataclass(slots=True)
class Client:
    """
    Something to talk with.

    Attributes:
        command: what talks until Ctrl-C.
        imports: Python that imports what the talk needs.
        help: what prints its help; None where it has none.
        wanted: what to install for it.
        failed: why it is not measured, once that is known.
    """

    name: str
    command: list[str]
    imports: str
    help: list[str] | None = None
    wanted: tuple[str, ...] = ()
    failed: str = ""
    figures: Figures = field(default_factory=dict)

    def note(self, measure: str, *values: float | None) -> None:
        """Keep what was measured."""
        self.figures.setdefault(measure, []).extend(values)


def clients(venvs: Path) -> list[Client]:
    """Return all that is compared, flashlive first."""
    python = {name: str(venvs / name / "bin" / "python") for name in ("pipecat", "livekit")}
    console = [python["livekit"], str(PEERS / "livekit_console.py")]
    cards = "flashlive_cli.audio.cardmic, flashlive_cli.audio.cardspeaker"
    flashlive = f"import flashlive_cli.cli.stage, {cards}, sounddevice, numpy"
    return [
        Client(FIRST, [*FLASHLIVE, "--echo", "off"], flashlive, [*FLASHLIVE[:-1], "--help"]),
        Client("with echo cancel", [*FLASHLIVE, "--echo", "cancel"], flashlive),
        Client("quickstart", QUICKSTART, "import google.genai, sounddevice"),
        Client(
            "pipecat",
            [python["pipecat"], str(PEERS / "pipecat_local.py")],
            "import pipecat.services.google.gemini_live.llm, pipecat.transports.local.audio, pipecat.pipeline.runner",
            wanted=("pipecat-ai[google,local]",),
        ),
        Client(
            "livekit",
            [sys.executable, str(IN_TERMINAL), *console, "console"],
            "import livekit.agents, livekit.plugins.google",
            [*console, "--help"],
            wanted=("livekit-agents", "livekit-plugins-google"),
        ),
    ]


def interpreter(client: Client) -> str:
    """Return the Python that runs a client."""
    return client.command[2] if str(IN_TERMINAL) in client.command else client.command[0]


def install(client: Client, venvs: Path) -> None:
    """Make a client's environment, if it has none yet."""
    if not client.wanted:
        return
    folder = venvs / client.name
    python = interpreter(client)
    if not Path(python).exists():
        print(f"installing {' '.join(client.wanted)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [python, "-m", "pip", "install", "-q", *client.wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "rror" in line] or ["pip failed"]
        client.failed = f"does not install: {lines[-1].strip()}"


def processor_s(command: Sequence[str]) -> float:
    """Return the processor seconds of a command, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextlib.contextmanager
def failures_of(client: Client) -> Iterator[None]:
    """Take what goes wrong inside as the client's failure."""
    try:
        yield
    except SystemExit as exc:
        lines = [line for line in str(exc).splitlines() if line.strip()]
        client.failed = " ".join([lines[0][-80:], *lines[-1:]]) if lines else "failed"
    except (TimeoutError, ExceptionGroup, ValueError, IndexError) as exc:
        client.failed = f"{type(exc).__name__}: {exc}"


def measure_start(client: Client) -> None:
    """Measure imports and help; the first time, which writes byte code, does not count."""
    for measure, command in (("import s", [interpreter(client), "-c", client.imports]), ("--help s", client.help)):
        if command is not None:
            values = [processor_s(command) for _ in range(STARTS + 1)]
            client.note(measure, *values[1:])


async def measure_talk(client: Client, card: SoundCard) -> None:
    """Measure four barge-ins in a talk of its own."""
    figures = await measure_barge_ins(card, client.command, BARGE_INS, busy=False)
    for measure, values in figures.items():
        if measure in LESS_IS_MORE:
            client.note(measure, *values)
    client.note("CPU s/min", *(percent and percent * 0.6 for percent in figures["CPU %"]))
    client.note(OTHERS, *figures[OTHERS])


async def measure_under_load(client: Client, card: SoundCard, minutes: float) -> None:
    """Measure what of a talk is lost beside busy processes."""
    n_busy = os.cpu_count() or 1
    busy = [await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass") for _ in range(n_busy)]
    try:
        talk = await soak(card, client.command, minutes, busy=False)
    finally:
        for process in busy:
            process.kill()
            await process.wait()
    played_min = len(talk.found) / 120
    lost_ms = sum(piece.holes_ms for piece in talk.found) - sum(min(0.0, piece.moved_ms) for piece in talk.found)
    client.note("reply lost, ms/min", lost_ms / played_min)
    client.note("reply late, ms/min", sum(max(0.0, piece.moved_ms) for piece in talk.found) / played_min)
    client.note("microphone lost %", max(0.0, 100 - 100 * talk.microphone_heard))


def table(compared: Sequence[Client]) -> str:
    """Return a row for each measure, a column for each client, and below what failed."""
    there = [client for client in compared if client.figures]
    base = there[0].figures
    lines = [f"{'':24}" + "".join(f"{client.name:>22}" for client in there)]
    for measure, too_little in LESS_IS_MORE.items():
        cells = [cell(client.figures.get(measure), base.get(measure), too_little) for client in there]
        if any(cells):
            lines.append(f"{measure:24}" + "".join(f"{text:>22}" for text in cells))
    lines += [f"{client.name}: {client.failed}" for client in compared if client.failed]
    return "\n".join(lines)


def cell(values: list[float | None] | None, base: list[float | None] | None, too_little: float) -> str:
    """Write a median, and its ratio to flashlive's where that says something."""
    if values is None:
        return "-"
    known, bases = ([value for value in some or [] if value is not None] for some in (values, base))
    if not known:
        return "never"
    median = statistics.median(known)
    text = f"{median:.2f}" if median < 10 else f"{median:.0f}"
    if not bases or values is base:
        return text
    ours = statistics.median(bases)
    return f"{text} ({median / ours:.1f} x)" if min(ours, median) >= too_little else text


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1.0, help="of talk under load, of each; 0 for none")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leave one out; repeatable")
    parser.add_argument("--venvs", type=Path, help="keep the others' environments there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured there")
    options = parser.parse_args()
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        raise SystemExit(f"{', '.join(missing)} missing; Debian: apt install pulseaudio pulseaudio-utils")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or whoever has most source in its checkout starts last
    with tempfile.TemporaryDirectory(prefix="fl-against-", ignore_cleanup_errors=True) as name:
        venvs = options.venvs or Path(name)
        compared = [client for client in clients(venvs) if client.name not in options.without]
        for client in compared:
            install(client, venvs)
        measure_all(compared, options.rounds, options.minutes)
    print(table(compared))
    if options.json:
        raw = {
            client.name: {"command": shlex.join(client.command), "failed": client.failed, **client.figures}
            for client in compared
        }
        options.json.write_text(json.dumps(raw, indent=2) + "\n")


def measure_all(compared: Sequence[Client], rounds: int, minutes: float) -> None:
    """Measure, taking turns; whoever fails is left out from then on."""
    for number in range(1, rounds + 1):
        for client in compared:
            if not client.failed:
                print(f"round {number} of {rounds}: {client.name}", file=sys.stderr)
                with failures_of(client):
                    measure_start(client)
                    with sound_card() as card:  # of one's own: a client that hangs must not hold up the next
                        asyncio.run(measure_talk(client, card))
                    if minutes:
                        with sound_card() as card:
                            asyncio.run(measure_under_load(client, card, minutes / rounds))


if __name__ == "__main__":
    main()
