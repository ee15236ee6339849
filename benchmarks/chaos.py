"""
A thousand talks at which much goes wrong: does each end in success or in a documented error, and is it told truly?

Each is drawn from its number (`ordeal.py`): a model, turns or a live talk with a user who does this and that, faults of
the simulator at any moment, and a line that cuts, delays, corrupts and trickles. The reports of each are held against
what passed over the simulator's sockets (`truth.py`). After each, nothing may be left: no task, thread or socket, no
exception that nobody has seen, no warning of a resource.

Prints a table of what the talks came to, and each that went wrong. Exits 1 when one did.

    python benchmarks/chaos.py [--talks 1000] [--first 0] [--processes 2] [--verbose]
"""

import argparse
import asyncio
import gc
import io
import multiprocessing
import os
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ordeal import MOST_S, Story, draw, undergo
from benchmarks.truth import wrongs
from flashlive_cli.reports import SessionMoving, SessionResumed, Warned


@dataclass(frozen=True)
class Verdict:
    """
    What one ordeal came to.

    Attributes:
        name: the ordeal.
        outcome: for the table.
        wrong: what is wrong with it; empty for nothing.
        took_s: real seconds.
        faults: names of its faults.
        moves, resumed, asked_again, warnings: how often.
    """

    name: str
    outcome: str
    wrong: tuple[str, ...]
    took_s: float = 0.0
    faults: tuple[str, ...] = ()
    moves: int = 0
    resumed: int = 0
    asked_again: int = 0
    warnings: int = 0


def main() -> None:
    """Hold the talks, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--talks", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--verbose", action="store_true", help="name every talk")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.talks)
    began_s, verdicts = time.perf_counter(), []
    with multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=100) as pool:
        for verdict in pool.imap_unordered(judge, numbers):
            verdicts.append(verdict)
            if verdict.wrong or options.verbose:
                lines = "".join(f"\n    {line}" for line in verdict.wrong)
                print(f"{verdict.outcome} {verdict.took_s:.1f} s {verdict.name}{lines}", flush=True)
    for line in _table(verdicts):
        print(line)
    print(f"{time.perf_counter() - began_s:.0f} s with {options.processes} processes")
    sys.exit(any(verdict.wrong for verdict in verdicts))


def _table(verdicts: list[Verdict]) -> Iterator[str]:
    for outcome, n in Counter(verdict.outcome for verdict in verdicts).most_common():
        yield f"{n:6}  {outcome}"
    yield f"{sum(bool(verdict.wrong) for verdict in verdicts):6}  went wrong"
    yield f"{max(verdict.took_s for verdict in verdicts):6.1f}  seconds took the longest"
    for name in ("moves", "resumed", "asked_again", "warnings"):
        yield f"{sum(getattr(verdict, name) for verdict in verdicts):6}  {name.replace('_', ' ')} in all"
    faults = Counter(name for verdict in verdicts for name in set(verdict.faults))
    yield "faults: " + ", ".join(f"{name} {n}" for name, n in sorted(faults.items()))


def judge(number: int) -> Verdict:
    """Hold one talk, and say what it came to."""
    ordeal = draw(number)
    story, wrong = Story(ordeal), list[str]()
    with _watched(wrong):
        try:
            story = asyncio.run(_undergone(number, wrong))
        except TimeoutError:
            wrong.append("it hung")
        except Exception:  # noqa: BLE001 - whatever it is, it is what we look for
            wrong.append("it raised:\n" + traceback.format_exc())
        else:
            wrong += wrongs(story)
    reports = story.reports()
    resumed = [report for report in reports if isinstance(report, SessionResumed)]
    return Verdict(
        name=str(ordeal),
        outcome="success" if story.error is None and not wrong else type(story.error).__name__ if story.error else "?",
        wrong=tuple(wrong),
        took_s=story.took_s,
        faults=tuple(fault.name for fault in ordeal.faults),
        moves=sum(isinstance(report, SessionMoving) for report in reports),
        resumed=len(resumed),
        asked_again=sum(report.asked_again for report in resumed),
        warnings=sum(isinstance(report, Warned) for report in reports),
    )


async def _undergone(number: int, wrong: list[str]) -> Story:
    def unseen(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        wrong.append(f"nobody has seen: {context.get('message')} {context.get('exception')!r}")

    def hangs() -> None:
        for task in asyncio.all_tasks():
            told = io.StringIO()
            task.print_stack(file=told)
            wrong.append(f"about to hang: {task.get_name()} in {told.getvalue()}")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(unseen)
    hanging = loop.call_later(MOST_S - 1.0, hangs)
    story = await undergo(draw(number))
    hanging.cancel()
    await asyncio.sleep(0)
    if left := {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}:
        wrong.append(f"tasks are left: {sorted(left)}")
    return story


@contextmanager
def _watched(wrong: list[str]) -> Iterator[None]:
    """See what is left behind."""
    before, sockets = set(threading.enumerate()), _sockets()
    hook, sys.unraisablehook = sys.unraisablehook, lambda seen: wrong.append(f"nobody has seen: {seen.exc_value!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
            gc.collect()
    finally:
        sys.unraisablehook = hook
    if left := {thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("flashlive")}:
        wrong.append(f"threads are left: {sorted(left)}")
    if left := _sockets() - sockets:
        wrong.append(f"sockets are left: {sorted(left)}")


def _sockets() -> set[str]:
    """The sockets and pipes this process has open, where the system tells."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            found.add(str(entry.readlink()))
        except OSError:  # the folder itself
            continue
    return {name for name in found if name.startswith(("socket:", "pipe:"))}


if __name__ == "__main__":
    main()
