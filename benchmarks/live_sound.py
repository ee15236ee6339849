"""
How live is live sound? flashlive and Google's quickstart on one virtual sound card, measured from outside.

A private PulseAudio plays microphone and speaker (`sound_rig.py`), a small server on loopback plays the service
(`far_end.py`); the baseline is `quickstart.py`. The clients take turns, a few barge-ins each, so that a busy machine
slows all alike. A barge-in is: a burst of noise into the microphone; a reply, a sine of eight seconds in messages of
200 ms at 4.4 times real time; `interrupted`, every other time after the reply has been generated in full, when all the
rest of it waits in the client. What is measured, median (largest) and the ratio to the quickstart's median, where that
is more than the measurement's own error:

    start to setup       start of the process -> its setup message is at the server
    microphone to wire   onset of the burst at mic.monitor -> the message that holds it is at the server
    wire to speaker      the first message of a reply leaves the server -> its first sound at spk.monitor
    flush                `interrupted` leaves the server -> the last sound at spk.monitor
    holes                silence within a reply, from its first sound to `interrupted`
    last step            (--clicks) the largest step between two samples in the last 20 ms of sound, in units of the
                         sine's own largest: 1 is no click
    CPU                  of the process and its children, of one core, from the microphone's first sound on; and of
                         all else on the machine: where that comes near all of its cores, distrust the figures
    RSS                  of the same, at the end

Monitors are recorded with the times at which their blocks arrive; when a sample sounded is known to some 5 ms.

`--busy-tool` keeps a thread of Python busy in the client all the while: in flashlive a tool, which the server calls at
the start; in the quickstart a thread of its own.

`--minutes N` lets each client hear replies for so long in one talk instead. Each reply is pseudo-random noise of its
own below 2 kHz, and each half second of it is looked for in what spk.monitor recorded. `least likeness` is the smallest
correlation found there. A piece that came sooner after the one before it than it should means sound `dropped`; one that
came `late` means sound repeated, or a hole; `silence` is all of the holes. `microphone heard` is how much of the time
the sound that reached the server fills.

    python benchmarks/live_sound.py [--barge-ins 12] [--clicks] [--busy-tool] [--minutes N] [--client NAME]... [--json]
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import math
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.dye import DYED_S, Found, dyed, find
from benchmarks.far_end import VOICE_RATE_HZ, FarEnd, far_end, voice_messages
from benchmarks.sound_rig import OTHERS, TAPE_RATE_HZ, Mouth, Samples, SoundCard, Tape, cost, holes_ms, loud, sound_card

PROGRAMS = ("pulseaudio", "pactl", "parec", "pacat")
BARGE_INS_PER_TALK = 4
SINE_HZ = 307  # no whole number of periods in a message, so that a cut between two of them is heard
SINE_PEAK = 8000
REPLY_S = 8
HUSH_S = 1.2  # after `interrupted`: longer than any client was seen to go on
ACCURACY_MS = 5  # a ratio to less than that would be noise

BUSY_TOOL = '''
def count_for_ever() -> int:
    """Count, and never tell."""
    n = 0
    while True:
        n += 1
'''
FLASHLIVE = [sys.executable, "-m", "flashlive_cli", "talk"]
QUICKSTART = [sys.executable, str(Path(__file__).with_name("quickstart.py"))]
BASELINE = "quickstart"
CLIENTS = {
    "echo off": [*FLASHLIVE, "--echo", "off"],
    "echo cancel": [*FLASHLIVE, "--echo", "cancel"],
    BASELINE: QUICKSTART,
}

Figures = dict[str, list[float | None]]
"""What was measured, by name; None where what should have been heard was not."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A client in a talk, and all that watches it. The tapes can be read once the talk is over."""

    far: FarEnd
    process: asyncio.subprocess.Process
    begun_s: float
    mouth: Mouth
    mic: Tape
    spk: Tape

    async def speak(self) -> float:
        """Say something short; return when that was begun."""
        begun_s = time.monotonic()
        self.mouth.speaking = True
        await asyncio.sleep(0.25)
        self.mouth.speaking = False
        await asyncio.sleep(0.6 + random.random() * 0.1)  # noqa: S311 - meets the client's blocks in any phase
        return begun_s


@contextlib.asynccontextmanager
async def talk(card: SoundCard, folder: Path, command: list[str], *, busy: bool) -> AsyncIterator[Talk]:
    """Start a client, yield it once its microphone is heard, end it with Ctrl-C."""
    if busy:
        (folder / "busy.py").write_text(BUSY_TOOL)
        command = [*command, *(["--busy"] if command == QUICKSTART else ["--tools", str(folder / "busy.py")])]
    async with far_end(folder) as (far, env):
        with (
            contextlib.closing(Tape(card, "mic.monitor", folder / "mic")) as mic,
            contextlib.closing(Tape(card, "spk.monitor", folder / "spk")) as spk,
            contextlib.closing(Mouth(card)) as mouth,
            (folder / "said").open("w+b") as said,
        ):
            begun_s = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *command, env=card.env | env, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said
            )
            try:
                async with asyncio.timeout(30):
                    await far.listening.wait()
                if busy:
                    await far.call("count_for_ever")  # the quickstart does not listen
                await asyncio.sleep(1)
                yield Talk(far, process, begun_s, mouth, mic, spk)
            except (ConnectionError, TimeoutError) as exc:
                said.seek(0)
                words = said.read()[-2000:].decode(errors="replace")
                raise SystemExit(f"{' '.join(command)} gave up, code {process.returncode}:\n{words}") from exc
            finally:
                await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """End a client as a user does, or else for good."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass(frozen=True, slots=True)
class BargeIn:
    """When the parts of one were begun."""

    spoken_s: float
    reply_s: float
    cut_s: float


async def barge_in(client: Talk, *, late: bool) -> BargeIn:
    """Speak, reply, and interrupt the reply: in mid-generation, or late, when all of it has been sent."""
    t = np.arange(VOICE_RATE_HZ * REPLY_S) / VOICE_RATE_HZ
    messages = voice_messages((SINE_PEAK * np.sin(2 * np.pi * SINE_HZ * t)).astype(np.int16))
    spoken_s = await client.speak()
    moment_s = 1.3 + random.random() * 0.3  # noqa: S311 - any phase of the client's blocks
    reply_s = await client.far.reply(messages, for_s=math.inf if late else moment_s)
    if late:
        await asyncio.sleep(moment_s - 1)
    cut_s = await client.far.interrupt()
    await asyncio.sleep(HUSH_S)
    return BargeIn(spoken_s, reply_s, cut_s)


async def measure_barge_ins(card: SoundCard, command: list[str], n: int, *, busy: bool) -> Figures:
    """Interrupt a client n times in one talk; return what was measured."""
    with tempfile.TemporaryDirectory() as name:
        async with talk(card, Path(name), command, busy=busy) as client:
            before = cost(client.process.pid)
            done = [await barge_in(client, late=bool(i % 2)) for i in range(n)]
            after = cost(client.process.pid)
        judged = [judge(client, one) for one in done]
        return {
            "start to setup ms": [(client.far.setup_s - client.begun_s) * 1000],
            **{measure: [figures[measure] for figures in judged] for measure in judged[0]},
            **{measure: [percent] for measure, percent in after.percent_since(before).items()},
            "RSS MiB": [after.rss_mib],
        }


def microphone_ms(client: Talk, one: BargeIn) -> float | None:
    """Return how long the burst's onset took to the server; None where it never came."""
    burst, begun_s = client.mic.between(one.spoken_s, one.cut_s)  # a busy machine's microphone lags
    onset_s = begun_s + float(next(iter(loud(burst)), math.inf)) / TAPE_RATE_HZ
    came = (at_s for at_s, samples in client.far.heard if onset_s < at_s < one.cut_s and loud(samples).size)
    return next(((at_s - onset_s) * 1000 for at_s in came), None)


def judge(client: Talk, one: BargeIn) -> dict[str, float | None]:
    """Return what the tapes tell of a barge-in; None where nothing was heard."""
    figures: dict[str, float | None] = dict.fromkeys(
        ("microphone to wire ms", "wire to speaker ms", "flush ms", "holes ms", "last step")
    )
    figures["microphone to wire ms"] = microphone_ms(client, one)

    reply, begun_s = client.spk.between(one.reply_s, one.cut_s)
    if (places := loud(reply)).size:
        figures["wire to speaker ms"] = (begun_s + float(places[0]) / TAPE_RATE_HZ - one.reply_s) * 1000
        figures["holes ms"] = holes_ms(reply[places[0] :])

    rest, begun_s = client.spk.between(one.cut_s - 0.05, one.cut_s + HUSH_S)
    if (places := loud(rest)).size:
        figures["flush ms"] = (begun_s + float(places[-1]) / TAPE_RATE_HZ - one.cut_s) * 1000
        figures["last step"] = last_step(rest, int(places[-1]))
    return figures


def last_step(samples: Samples, end: int) -> float:
    """Return the largest step before and at the end of the sound, in units of the sine's own largest."""
    own = 2 * SINE_PEAK * math.sin(math.pi * SINE_HZ / TAPE_RATE_HZ)
    last = samples[max(0, end - TAPE_RATE_HZ // 50) : end + TAPE_RATE_HZ // 500].astype(np.int32)
    return float(np.abs(np.diff(last)).max()) / own


async def compare(card: SoundCard, names: Sequence[str], n_barge_ins: int, *, busy: bool) -> dict[str, Figures]:
    """Measure all, alternating."""
    figures: dict[str, Figures] = {name: {} for name in names}
    left = n_barge_ins
    while left > 0:
        for name in names:
            print(f"{name}: {left} barge-ins left", file=sys.stderr)
            part = await measure_barge_ins(card, CLIENTS[name], min(left, BARGE_INS_PER_TALK), busy=busy)
            for measure, values in part.items():
                figures[name].setdefault(measure, []).extend(values)
        left -= BARGE_INS_PER_TALK
    return figures


@dataclass(frozen=True, slots=True)
class Soak:
    """What a long talk was like."""

    found: list[Found]
    rss_mib: list[float]
    cpu_percent: dict[str, float]
    microphone_heard: float


async def soak(card: SoundCard, command: list[str], minutes: float, *, busy: bool) -> Soak:
    """Let a client hear replies for so long."""
    with tempfile.TemporaryDirectory() as name:
        async with talk(card, Path(name), command, busy=busy) as client:
            begun: list[float] = []
            costs = [cost(client.process.pid)]
            while time.monotonic() < costs[0].at_s + 60 * minutes:
                messages = voice_messages(dyed(len(begun)))
                await client.speak()
                begun.append(await client.far.reply(messages))
                await asyncio.sleep(begun[-1] + DYED_S + HUSH_S - time.monotonic())
                await client.far.end_turn()
                costs.append(cost(client.process.pid))
        came = client.far.heard
        tapes = [client.spk.between(at_s, at_s + DYED_S + HUSH_S)[0] for at_s in begun]
        return Soak(
            found=[piece for n, tape in enumerate(tapes) for piece in find(n, tape)],
            rss_mib=[one.rss_mib for one in costs],
            cpu_percent=costs[-1].percent_since(costs[0]),
            microphone_heard=sum(len(samples) for _, samples in came[1:]) / 16000 / (came[-1][0] - came[0][0]),
        )


async def soak_all(card: SoundCard, names: Sequence[str], minutes: float, *, busy: bool) -> dict[str, Soak]:
    """Let one after the other hear replies for so long."""
    return {name: await soak(card, CLIENTS[name], minutes, busy=busy) for name in names}


def comparison(figures: dict[str, Figures], *, clicks: bool) -> str:
    """Return a row for each measure, a column for each client."""
    lines = [" " * 22 + "".join(f"{name:>32}" for name in figures)]
    for measure in next(iter(figures.values())):
        if measure != "last step" or clicks:
            base = figures[BASELINE][measure] if BASELINE in figures and measure != OTHERS else []
            cells = [_cell(measure, figures[name][measure], [] if name == BASELINE else base) for name in figures]
            lines.append(f"{measure:22}" + "".join(f"{cell:>32}" for cell in cells))
    return "\n".join(lines)


def _cell(measure: str, values: list[float | None], base: list[float | None]) -> str:
    there, theirs = ([value for value in some if value is not None] for some in (values, base))
    if not there:
        return "never"
    median, their_median = (statistics.median(some or [0.0]) for some in (there, theirs))
    missing = f", {len(values) - len(there)} never" if len(there) < len(values) else ""
    says_much = their_median > (ACCURACY_MS if measure.endswith("ms") else 0)
    ratio = f"  {median / their_median:.2f} x" if says_much else ""
    return f"{median:.1f} ({max(there):.1f}{missing}){ratio}"


def summary(soaks: dict[str, Soak]) -> str:
    """Return a column for each client."""
    rows: dict[str, list[str]] = {}
    for one in soaks.values():
        likeness = [piece.likeness for piece in one.found]
        sooner = [-piece.moved_ms for piece in one.found if piece.moved_ms < 0]
        later = [piece.moved_ms for piece in one.found if piece.moved_ms > 0]
        for measure, text in {
            "pieces of 0.5 s": str(len(likeness)),
            "least likeness": f"{min(likeness):.4f}",
            "pieces below 0.99": str(sum(alike < 0.99 for alike in likeness)),
            "dropped": f"{len(sooner)} ({sum(sooner):.0f} ms)",
            "late": f"{len(later)} ({sum(later):.0f} ms)",
            "silence": f"{sum(piece.holes_ms for piece in one.found):.0f} ms",
            "microphone heard": f"{one.microphone_heard:.2%}",
            **{measure: f"{percent:.1f}" for measure, percent in one.cpu_percent.items()},
            "RSS MiB at start": f"{one.rss_mib[0]:.1f}",
            "RSS MiB in the middle": f"{one.rss_mib[len(one.rss_mib) // 2]:.1f}",
            "RSS MiB at the end": f"{one.rss_mib[-1]:.1f}",
        }.items():
            rows.setdefault(measure, []).append(text)
    lines = [" " * 22 + "".join(f"{name:>20}" for name in soaks)]
    lines += [f"{measure:22}" + "".join(f"{text:>20}" for text in texts) for measure, texts in rows.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--barge-ins", type=int, default=12, metavar="N", help="of each client, in talks of four")
    parser.add_argument("--clicks", action="store_true", help="tell how the sound ends, too")
    parser.add_argument("--busy-tool", action="store_true", help="keep a thread of Python busy in the client")
    parser.add_argument("--minutes", type=float, metavar="N", help="a long talk instead of barge-ins")
    parser.add_argument("--client", action="append", choices=CLIENTS, help="only this one; repeatable")
    parser.add_argument("--json", action="store_true", help="print all that was measured instead of a table")
    options = parser.parse_args()
    options.client = options.client or list(CLIENTS)
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        raise SystemExit(f"{', '.join(missing)} missing; Debian: apt install pulseaudio pulseaudio-utils")
    with sound_card() as card:
        if options.minutes is None:
            figures = asyncio.run(compare(card, options.client, options.barge_ins, busy=options.busy_tool))
            print(json.dumps(figures, indent=2) if options.json else comparison(figures, clicks=options.clicks))
        else:
            soaks = asyncio.run(soak_all(card, options.client, options.minutes, busy=options.busy_tool))
            print(json.dumps(soaks, indent=2, default=dataclasses.asdict) if options.json else summary(soaks))


if __name__ == "__main__":
    main()
