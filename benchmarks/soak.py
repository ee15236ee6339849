"""
Hours of talk, with connections that end: what is lost, how long it is silent, whether memory and CPU stay flat.

The client's engine (session and file sound) runs here; the simulator is a process of its own, so that its voice and its
memory are not counted. Both run SPEED times as fast as the wall's clock. The simulator sends goAway after eight minutes
of each connection, with 50 s left; its faults break three more off in mid-talk, once each. A turn is a clip, a typed
line, or a typed line that calls a tool, by turns.

Prints what was asked, answered and called, what a move takes, the microphone's sound that was lost, and memory and CPU
by quarters. A real millisecond of dialling counts as SPEED of silence: at a lower speed the silence is nearer to life.
Exits 1 when a turn, a call or in a planned move the microphone was lost, or a call answered twice.

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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from benchmarks.talks import BOOKING, CLIP, Bookings, Files
from flashlive_cli.audio.clips import open_wav
from flashlive_cli.audio.filemic import WavMicrophone
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
from flashlive_cli.session.givens import Patience, Spoken, Turn, Typed
from flashlive_cli.session.talk import Talk

Told = TypeVar("Told", bound=Report)

MODEL = "gemini-3.8-live"
LEASE = "short-lease:after=480:left=50"
DROPS = (("drop-1006@{}", 0.02), ("close-1011@{}", 0.05), ("close-1008@{}", 0.08))
"""Each with its moment on a connection, as a share of the first hour."""


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

    def told(self, kind: type[Told]) -> list[Told]:
        """All reports of a kind."""
        return [report for _, report in self.reports if isinstance(report, kind)]


def turns(clock: Clock, minutes: float, microphone: WavMicrophone, course: Course) -> Iterator[Turn]:
    """Give one turn after another for so many minutes."""
    number, due_s = 0, 0.0
    while clock.now() < 60 * minutes:
        if clock.now() >= due_s:
            course.samples.append((clock.now(), resident_mib(), time.process_time()))
            due_s += 15 * minutes
        number += 1
        if number % 3:
            yield Typed(f"line {number}" if number % 3 == 1 else f"please book a table, number {number}")
            continue
        with contextlib.closing(open_wav(str(CLIP))) as clip:
            yield Spoken("clip", partial(microphone.play, clip))


def resident_mib() -> float:
    """Return the process' resident memory; its peak where there is no /proc."""
    with contextlib.suppress(OSError):
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@asynccontextmanager
async def simulator(speed: float, *faults: str) -> AsyncIterator[str]:
    """Run `flashlive sim`, and give its address."""
    command = [sys.executable, "-m", "flashlive_cli", "sim", "--port", "0", "--speed", str(speed), "--json"]
    for fault in faults:
        command += ["--fault", fault]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())["url"]
    finally:
        process.terminate()
        await process.communicate()


async def soak(minutes: float, speed: float) -> tuple[Course, Bookings, int]:
    """Hold the talk; return its course, its tools, and how many turns were taken."""
    clock, course, taken = Clock(speed), Course(), 0
    tools, sound, model = Bookings(clock, 2.0), Files(clock), find_model(MODEL)
    drops = (drop.format(round(60 * min(minutes, 60) * at, 1)) for drop, at in DROPS)
    async with simulator(speed, LEASE, *drops) as url:

        def counted() -> Iterator[Turn]:
            nonlocal taken
            for turn in turns(clock, minutes, sound.microphone, course):
                taken += 1
                yield turn

        talk = Talk(
            endpoint=find_endpoint(url, "k"),
            model=model,
            setup=c.Setup(model=model.resource, functions=(BOOKING,)),
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
        course.samples.append((clock.now(), resident_mib(), time.process_time()))
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
            sys.stdout.write(f"{name:38} {value}\n")
    sys.exit(
        bool(
            found["turns lost"]
            or found["calls lost"]
            or found["calls answered twice"]
            or found["microphone lost in planned moves, ms"]
        )
    )


def figures(course: Course, tools: Bookings, taken: int) -> dict[str, object]:
    """Return what is of interest."""
    finals = course.told(Transcript)
    moves = course.told(SessionResumed)
    called = [report.id for report in course.told(ToolCalled)]
    unanswered = [
        report.message
        for report in course.told(Warned)
        if "no answer to" in report.message and report.message.endswith("going on")
    ]
    silences = [report.moved_ms for report in moves]
    planned = [moved for moved, why in zip(moves, course.told(SessionMoving), strict=True) if "ends this" in why.reason]
    began, *later = course.samples
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
        "microphone kept in a planned move, ms": round(statistics.median(m.microphone_kept_ms for m in planned)),
        "microphone lost in planned moves, ms": sum(move.microphone_lost_ms for move in planned),
        "microphone lost, ms": sum(report.microphone_lost_ms for report in moves),
        "calls made": len(called),
        "calls lost": len(set(called) - set(course.answered)),
        "calls answered twice": len(course.answered) - len(set(course.answered)),
        "tool runs": tools.calls,
        "resident MiB by quarter": [round(sample[1], 1) for sample in course.samples],
        "growth from the first quarter on, MiB": round(later[-1][1] - later[0][1], 1),
        "CPU s per minute, by quarter": [
            round((to[2] - since[2]) / max(1e-9, to[0] - since[0]) * 60, 2) for since, to in pairwise((began, *later))
        ],
    }


if __name__ == "__main__":
    main()
