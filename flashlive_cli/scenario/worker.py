"""
A process that runs one scenario after another, and the pipe to it: `Worker` is the parent's end, `_work` the other.

    parent: take ─► pipe ─► worker: hold_case ─► pipe: progress, outcome ─► parent: hear

A process of its own keeps a scenario's tools, its threads and its share of the interpreter from the others; one that
dies is an outcome too.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flashlive_cli.errors import FileError, FlashliveError
from flashlive_cli.scenario.outcome import Outcome
from flashlive_cli.scenario.page import NAME as PAGE_NAME
from flashlive_cli.scenario.page import write_html
from flashlive_cli.scenario.run import Held, Progress, Stage, hold_case
from flashlive_cli.scenario.scrubbing import scrubbed
from flashlive_cli.scenario.timeline import Timeline, timeline_of
from flashlive_cli.scenario.variants import Case

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

_STOP_S: Final = 2.0
"""Real seconds that workers have to end by themselves before they are killed."""
_GRACE_S: Final = 120.0
"""
Real seconds beyond `max_duration_s` that a run may take: for espeak-ng, a tool's thirty seconds, and a busy machine.
What takes longer hangs: a tool that blocks the loop, or a regular expression that never comes to an end.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One run that is to be made; `repetition` counts from 1."""

    case: Case
    repetition: int


@dataclass(frozen=True, slots=True)
class Done:
    """
    A run that is over.

    Attributes:
        timeline: where one is wanted.
    """

    outcome: Outcome
    timeline: Timeline | None = None


class Worker:
    """A process that runs one scenario after another; see `_work`."""

    def __init__(self, stage: Stage, *, draw: bool) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process with threads and an event loop is a gamble
        self.job: Job | None = None
        self.due_s = 0.0  # by the machine's monotonic clock
        self._stage = stage
        self.pipe, far = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_work, args=(far, stage, draw), name="flashlive-scenario", daemon=True
        )
        with _ctrl_c_held_back():
            self._process.start()
        far.close()
        self._gone = False
        self._hangs = False

    @property
    def is_alive(self) -> bool:
        """Whether it can take a job."""
        return not self._gone

    def take(self, job: Job) -> None:
        """Run it."""
        self.job = job
        self.due_s = time.monotonic() + job.case.scenario.max_duration_s / self._stage.speed + _GRACE_S
        with contextlib.suppress(OSError):  # it is dead, which `hear` tells
            self.pipe.send(job)

    def hear(self) -> Progress | Done:
        """Return what it has to say; of one that has died, that."""
        try:
            told = self.pipe.recv()
        except (EOFError, OSError):
            self._gone = True
            self._process.join(_STOP_S)
            assert self.job is not None
            if self._hangs:
                words = "it did not come to an end: does a tool, or a regular expression, never return?"
                return Done(_no_outcome(self.job, self._stage, words))
            code = self._process.exitcode
            return Done(_no_outcome(self.job, self._stage, f"its process died (exit code {code}); did a tool end it?"))
        assert isinstance(told, Progress | Done)
        return told

    def give_up(self) -> None:
        """Kill it: it hangs. That it has died is heard like anything else."""
        self._hangs = True
        self._process.kill()

    def end(self) -> None:
        """Let it end: at once where it works."""
        self.pipe.close()
        if self.job is not None:
            self._process.terminate()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """
    Let a process be born with Ctrl-C held back: it would tell of it in twenty lines while it imports.

    One that comes meanwhile is raised afterwards; in the middle it would leave a process half told what to be.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # else starting that lets it through again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what a new process inherits
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def _work(pipe: "Connection", stage: Stage, draw: bool) -> None:
    """Run what comes down the pipe, until it closes; in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # for the children of tools
    _be_quiet()
    threading.Thread(target=_end_with_parent, name="flashlive-parent", daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            tell: Callable[[Progress], None] = pipe.send
            held = asyncio.run(hold_case(job.case, stage, repetition=job.repetition, on_progress=tell))
            done = _drawn(held, stage) if draw else Done(held.outcome)
        except FlashliveError as exc:
            done = Done(_no_outcome(job, stage, str(exc)))
        except Exception as exc:  # noqa: BLE001 - one scenario must not take the others with it
            done = Done(_no_outcome(job, stage, f"unexpected {type(exc).__name__}: {exc}"))
        try:
            pipe.send(done)
        except OSError:
            return


def _drawn(held: Held, stage: Stage) -> Done:
    """Draw a run, and leave the page with its evidence; a page that cannot be written changes no verdict."""
    outcome = held.outcome
    timeline = scrubbed(timeline_of(outcome, held.course), stage.secrets)
    if outcome.evidence is not None:
        try:
            write_html(Path(outcome.evidence) / PAGE_NAME, [timeline], took_s=outcome.took_s)
        except FileError as exc:
            outcome = replace(outcome, warnings=(*outcome.warnings, str(exc)))
    return Done(outcome, timeline)


def _end_with_parent() -> None:
    """End this process when its parent has gone, whatever it is at: nobody is there to be told of it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _be_quiet() -> None:
    """What a tool's children print goes nowhere: stdout is for the report."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the process's life


def _no_outcome(job: Job, stage: Stage, error: str) -> Outcome:
    case = job.case
    return Outcome(
        id=case.id,
        name=case.name,
        path=str(case.written.path),
        variant=dict(case.variant),
        repetition=job.repetition,
        seed=stage.seed,
        status="error",
        error=error,
        error_kind="unexpected",
        turns=(),
        checks=(),
        warnings=(),
        model=case.scenario.model.id or stage.model,
        simulated=stage.endpoint is None,
        duration_s=0.0,
        took_s=0.0,
        cost_usd=None,
    )
