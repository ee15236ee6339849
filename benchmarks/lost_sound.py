"""
How long is a talk without its sound devices? A sound server is killed and frozen under a live talk, for real.

A private PulseAudio (`sound_rig.py`) plays microphone and speaker of one `flashlive talk --sim --format json`. In each
run it is killed, is away for some two seconds and is started again; then it is frozen for three seconds. What is
measured, from outside, median (largest) of all runs and of both devices:

    killed: noticed      SIGKILL -> `sound.lost` is read
    killed: back         the new server answers its first client -> `sound.restored` is read
    frozen: noticed      SIGSTOP -> `sound.lost`
    frozen: back         SIGCONT -> `sound.restored`

    python benchmarks/lost_sound.py [--runs 7]
"""

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from benchmarks.sound_rig import SoundCard, sound_card

ENDS = 2


class Listener:
    """Reads a talk's events, with the times at which they came."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._came: list[tuple[float, str]] = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self._came.append((time.monotonic(), json.loads(line)["type"]))
                self._more.notify_all()

    def wait(self, kind: str, since_s: float, n: int = ENDS) -> list[float]:
        """Return when so many events of a type came after a time, in milliseconds from there."""

        def found() -> list[float]:
            return [1000 * (when - since_s) for when, what in self._came if what == kind and when >= since_s]

        with self._more:
            if not self._more.wait_for(lambda: len(found()) >= n, 60):
                raise SystemExit(f"{kind} does not come")
            return found()[:n]


def measure(card: SoundCard, talk: Listener, add: Callable[[str, list[float]], None]) -> None:
    """Kill the server, then freeze it."""
    killed_s = time.monotonic()
    card.close()
    add("killed: noticed", talk.wait("sound.lost", killed_s))
    time.sleep(2 + 0.5 * random.random())  # noqa: S311 - meets the tries in any phase
    card.start()
    started_s = time.monotonic()
    add("killed: back", talk.wait("sound.restored", started_s - 0.2))
    time.sleep(6)  # longer than it takes to be back for good

    frozen_s = time.monotonic()
    card.signal(signal.SIGSTOP)
    add("frozen: noticed", talk.wait("sound.lost", frozen_s))
    time.sleep(max(0.0, frozen_s + 3 - time.monotonic()))
    thawed_s = time.monotonic()
    card.signal(signal.SIGCONT)
    add("frozen: back", talk.wait("sound.restored", thawed_s))
    time.sleep(6)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs: int = parser.parse_args().runs
    figures: dict[str, list[float]] = {}
    with sound_card() as card:
        command = [sys.executable, "-m", "flashlive_cli", "talk", "--sim", "--format", "json"]
        with subprocess.Popen(command, env=card.env, stdout=subprocess.PIPE, text=True) as process:
            begun_s = time.monotonic()
            talk = Listener(process)
            talk.wait("sound.echo", begun_s, 1)
            for _ in range(runs):
                measure(card, talk, lambda name, values: figures.setdefault(name, []).extend(values))
            process.send_signal(signal.SIGINT)
            if process.wait(20) != 128 + signal.SIGINT:
                raise SystemExit("the talk did not end as it should")
    for name, values in figures.items():
        print(f"{name:<16} {statistics.median(values):6.0f} ({max(values):.0f}) ms")


if __name__ == "__main__":
    main()
