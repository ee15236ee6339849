"""
An hour of talk, with connections that end: what is lost, how long it is silent, whether memory grows.

The client's engine (session and file sound) talks to the simulator in one process, both on one clock that runs SPEED
times as fast as the wall's. The simulator ends each connection as the service does (goAway at nine minutes, "50s"); its
faults break three more off in mid-talk. A turn is a clip, a typed line, or a typed line that calls a tool, by turns.

Prints what was asked, answered and called, each move with its silence, the microphone's sound that was lost, and the
process' memory and CPU in the first and the last quarter. Exits 1 when a turn or a call was lost or answered twice.

    python benchmarks/soak.py [--minutes 60] [--speed 40] [--json]
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from flashlive_cli.audio.clips import open_wav
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.clock import Clock
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import find_model
from flashlive_cli.reports import (
    Report,
    SessionLeaving,
    SessionMoving,
    SessionResumed,
    Stamped,
    ToolCalled,
    Transcript,
    Warned,
)
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.session.givens import Patience, Sound, Spoken, Turn, Typed
from flashlive_cli.session.talk import Talk
from flashlive_cli.sim.faults import parse_faults
from flashlive_cli.sim.server import serve

CLIP = Path(__file__).parents[1] / "examples" / "where-is-my-order.wav"
MODEL = "gemini-3.8-live"
DROPS = "drop-1006@{},close-1011@{},close-1008@{}"


@dataclass
class Booked:
    """What a tool has come to."""

    response: dict[str, object] = field(default_factory=lambda: {"output": "booked"})
    final: bool = True


class Bookings:
    """A tool that takes two seconds of the conversation."""

    def __init__(self, clock: Clock) -> None:
        self.calls = 0
        self._clock = clock

    def asks(self, name: str) -> bool:
        """Never."""
        del name
        return False

    def scheduling(self, name: str) -> None:
        """Leave it to the service."""
        del name

    async def outcomes(self, name: str, args: object) -> AsyncGenerator[Booked, None]:
        """Book."""
        del name, args
        self.calls += 1
        await self._clock.sleep(2.0)
        yield Booked()


class Files:
    """Ears and mouth from files."""

    def __init__(self, clock: Clock) -> None:
        self.microphone = WavMicrophone(clock)
        self._clock = clock
        self._speaker: WavSpeaker | None = None

    def prepare(self) -> None:
        """Nothing to do."""

    async def open(self) -> Sound:
        """Open both."""
        self._speaker = WavSpeaker.open(self._clock, None)
        return Sound(self._speaker, self.microphone)

    async def close(self) -> None:
        """Close both."""
        await self.microphone.close()
        if self._speaker is not None:
            await self._speaker.close()


@dataclass
class Course:
    """What the talk has told, what it has answered on the wire, and what the process took meanwhile."""

    reports: list[tuple[float, Report]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """Ids of calls, once for each answer that went out."""
    samples: list[tuple[float, float, float]] = field(default_factory=list)
    """Conversation seconds, resident MiB, CPU seconds."""

    def listen(self, stamped: Stamped) -> None:
        """Keep what counts; a report of a piece of transcript would make memory grow by itself."""
        if isinstance(stamped.report, SessionLeaving | SessionMoving | SessionResumed | ToolCalled | Warned) or (
            isinstance(stamped.report, Transcript) and stamped.report.final
        ):
            self.reports.append((stamped.t, stamped.report))

    def sent(self, message: str, now: float) -> None:
        """See what goes out."""
        del now
        if message.startswith('{"toolResponse"'):
            answers = json.loads(message)["toolResponse"]["functionResponses"]
            self.answered += [answer["id"] for answer in answers]

    def received(self, message: bytes, now: float) -> None:
        """Nothing of interest."""

    def spoke(self, pcm: bytes, now: float) -> None:
        """Nothing of interest."""

    def told(self, kind: type[Report]) -> list[Report]:
        """All reports of a kind."""
        return [report for _, report in self.reports if type(report) is kind]


def turns(clock: Clock, minutes: float, microphone: WavMicrophone, course: Course) -> Iterator[Turn]:
    """Give one turn after another for so many minutes."""
    number = 0
    while clock.now() < 60 * minutes:
        course.samples.append((clock.now(), resident_mib(), time.process_time()))
        number += 1
        if number % 3:
            yield Typed(f"line {number}" if number % 3 == 1 else f"please book a table, number {number}")
            continue
        with contextlib.closing(open_wav(str(CLIP))) as clip:
            yield Spoken("clip", partial(microphone.play, clip))


def resident_mib() -> float:
    """Return the process' resident memory; its peak where there is no /proc."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def soak(minutes: float, speed: float) -> tuple[Course, Bookings, int]:
    """Hold the talk; return its course, its tools, and how many turns were taken."""
    clock, course, taken = Clock(speed), Course(), 0
    tools, sound, model = Bookings(clock), Files(clock), find_model(MODEL)
    drops = DROPS.format(*(round(60 * minutes * share, 1) for share in (0.05, 0.1, 0.14)))
    async with serve(clock=clock, faults=parse_faults(drops)) as server:

        def counted() -> Iterator[Turn]:
            nonlocal taken
            for turn in turns(clock, minutes, sound.microphone, course):
                taken += 1
                yield turn

        functions = (c.FunctionDeclaration("book_table", "Book a table.", {"type": "OBJECT"}),)
        talk = Talk(
            endpoint=find_endpoint(server.url, "k"),
            model=model,
            setup=c.Setup(model=model.resource, functions=functions),
            sound=sound,
            tools=tools,
            listener=course.listen,
            witness=course,
            clock=clock,
            patience=Patience(setup_s=10),
        )
        try:
            await talk.hold(counted())
        finally:
            await sound.close()
    return course, tools, taken


def main() -> None:
    """Soak, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--speed", type=float, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    gc.collect()
    course, tools, taken = asyncio.run(soak(options.minutes, options.speed))
    found = figures(course, tools, taken)
    if options.json:
        json.dump(found, sys.stdout, indent=1)
    else:
        for name, value in found.items():
            sys.stdout.write(f"{name:34} {value}\n")
    sys.exit(bool(found["turns lost"] or found["calls lost"] or found["calls answered twice"]))


def figures(course: Course, tools: Bookings, taken: int) -> dict[str, object]:
    """Return what is of interest."""
    finals = [report for report in course.told(Transcript) if isinstance(report, Transcript)]
    moves = [report for report in course.told(SessionResumed) if isinstance(report, SessionResumed)]
    called = [report.id for report in course.told(ToolCalled) if isinstance(report, ToolCalled)]
    unanswered = [
        report.message
        for report in course.told(Warned)
        if isinstance(report, Warned) and "no answer to" in report.message and report.message.endswith("going on")
    ]
    silences = [report.moved_ms for report in moves]
    first, last = course.samples[len(course.samples) // 4], course.samples[-1]
    half = course.samples[len(course.samples) // 2]
    return {
        "turns taken": taken,
        "turns lost": len(unanswered),
        "replies": sum(report.role == "model" for report in finals),
        "goAways": len(course.told(SessionLeaving)),
        "moves": len(moves),
        "moves to the old session": sum(report.resumed for report in moves),
        "questions asked again": sum(report.asked_again for report in moves),
        "silence of a move, median ms": round(statistics.median(silences)) if silences else None,
        "silence of a move, longest ms": round(max(silences, default=0)),
        "microphone lost, ms": sum(report.microphone_lost_ms for report in moves),
        "calls made": len(called),
        "calls lost": len(set(called) - set(course.answered)),
        "calls answered twice": len(course.answered) - len(set(course.answered)),
        "tool runs": tools.calls,
        "resident MiB at 1/4, 1/2, end": [round(sample[1], 1) for sample in (first, half, last)],
        "CPU s per minute, 1st and 2nd half": [
            round((to[2] - since[2]) / max(1e-9, to[0] - since[0]) * 60, 2)
            for since, to in ((course.samples[0], half), (half, last))
        ],
    }


if __name__ == "__main__":
    main()
