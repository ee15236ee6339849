"""
The virtual sound card of `live_sound.py`: PulseAudio, tapes of what sounds, somebody who speaks, and a process's cost.

    client ─► spk ─► spk.monitor ─► Tape            Speaker's mouth ─► mic ─► mic.monitor ─► client
                                                                                   └───────► Tape

Times are `time.monotonic` seconds, as are those of the far end: all clocks of a measurement are one.
"""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

TAPE_RATE_HZ = 48000  # the sinks' own: nothing between the sink and the tape may smear an edge
LOUD = 300  # of 32767; there is no noise on a virtual sound card, and what speaks here peaks at 8000 or more
HOLE_MS = 2
OTHERS = "CPU % of all else"


class SoundCard:
    """A private PulseAudio with a speaker `spk` and a microphone `mic`, neither of which is there."""

    def __init__(self, folder: Path) -> None:
        """Start it; `folder` has a short name, as the path of a socket has at most 108 bytes."""
        (folder / "default.pa").write_text(
            f"load-module module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={folder}/s\n"
            # norewinds: or an idle null sink renders two seconds at once and callbacks stop
            "load-module module-null-sink sink_name=spk rate=48000 channels=2 norewinds=1\n"
            "load-module module-null-sink sink_name=mic rate=48000 channels=1 norewinds=1\n"
            "set-default-sink spk\nset-default-source mic.monitor\n"
        )
        desktop = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        inherited = {name: value for name, value in os.environ.items() if name not in desktop}
        self.env = inherited | {"PULSE_SERVER": f"unix:{folder}/s", "PULSE_COOKIE": str(folder / "cookie")}
        self._here = inherited | {
            "HOME": str(folder), "PULSE_RUNTIME_PATH": str(folder), "PULSE_STATE_PATH": str(folder),
        }  # fmt: skip
        self._script = folder / "default.pa"
        self.start()

    def start(self) -> None:
        """Start it, also again."""
        options = ["--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        options += ["--high-priority=no", "--realtime=no", "--log-level=error"]
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", "-F", str(self._script), *options],
            env=self._here, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], env=self.env, capture_output=True, check=False).returncode:
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("PulseAudio does not start")
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Freeze the server, or thaw it."""
        self._daemon.send_signal(number)

    def close(self) -> None:
        """Stop it."""
        self._daemon.kill()
        self._daemon.wait()


@contextlib.contextmanager
def sound_card() -> Iterator[SoundCard]:
    """Have a sound card for a while."""
    with tempfile.TemporaryDirectory(prefix="fl-pa-", ignore_cleanup_errors=True) as name:
        card = SoundCard(Path(name))
        try:
            yield card
        finally:
            card.close()


class Tape:
    """
    A recording of what passes a monitor, with the times at which it came.

    A thread drains the recorder into a file and notes each arrival; `close` before anything is asked.
    """

    def __init__(self, card: SoundCard, monitor: str, path: Path) -> None:
        self._path = path
        self._arrivals: list[tuple[float, int]] = []
        self._recorder = subprocess.Popen(
            ["parec", "-d", monitor, f"--rate={TAPE_RATE_HZ}", "--channels=1", "--format=s16le", "--raw",
             "--latency-msec=5"], env=card.env, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._drain, name=f"tape {monitor}", daemon=True)
        self._thread.start()
        while not self._arrivals and self._recorder.poll() is None:
            time.sleep(0.01)

    def _drain(self) -> None:
        assert self._recorder.stdout is not None
        n_bytes = 0
        with self._path.open("wb") as file:
            while block := os.read(self._recorder.stdout.fileno(), 65536):
                n_bytes += file.write(block)
                self._arrivals.append((time.monotonic(), n_bytes))

    def close(self) -> None:
        """End the recording and take it up."""
        self._recorder.terminate()
        self._recorder.wait()
        self._thread.join()
        self.samples: Samples = np.memmap(self._path, "<i2", "r", shape=self._path.stat().st_size // 2)
        self._came_s, n_bytes = np.array(self._arrivals).T
        self._taped_s = n_bytes / 2 / TAPE_RATE_HZ

    def zero_s(self, start_s: float, end_s: float) -> float:
        """
        Tell when the first sample of the tape sounded, as seen between two times.

        A block comes late when the machine is busy and never early, so the earliest arrivals tell. Asked afresh
        for each measurement: how far a sink renders ahead changes with those who play on it.
        """
        near = (self._came_s > start_s - 0.5) & (self._came_s < end_s + 0.5)
        return float(np.percentile((self._came_s - self._taped_s)[near], 5))

    def between(self, start_s: float, end_s: float) -> tuple[Samples, float]:
        """Return what sounded between two times, and when its first sample did."""
        zero_s = self.zero_s(start_s, end_s)
        first, last = (max(0, round((t - zero_s) * TAPE_RATE_HZ)) for t in (start_s, end_s))
        return self.samples[first:last], first / TAPE_RATE_HZ + zero_s


def loud(samples: Samples) -> npt.NDArray[np.intp]:
    """Return the places of the samples that can be heard."""
    return np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)


def holes_ms(samples: Samples) -> float:
    """Return how much silence there is in what should be sound; the crossing of a zero is none."""
    pauses = np.diff(loud(samples), prepend=0, append=len(samples)) * 1000 / TAPE_RATE_HZ
    return float(pauses[pauses > HOLE_MS].sum())


class Mouth:
    """Somebody in front of the microphone: silence, and a burst of noise while `speaking`."""

    def __init__(self, card: SoundCard) -> None:
        self.speaking = False
        self._closing = False
        self._player = subprocess.Popen(
            ["pacat", "-d", "mic", "--rate=16000", "--channels=1", "--format=s16le", "--raw", "--latency-msec=20"],
            env=card.env, stdin=subprocess.PIPE,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._speak, name="mouth", daemon=True)
        self._thread.start()

    def _speak(self) -> None:
        assert self._player.stdin is not None
        noise = np.random.default_rng(1).integers(-9000, 9000, 160).astype("<i2").tobytes()
        due_s = time.monotonic()
        while not self._closing:
            with contextlib.suppress(OSError):  # it ends with the sound card
                self._player.stdin.write(noise if self.speaking else bytes(320))
                self._player.stdin.flush()
            due_s += 0.01
            time.sleep(max(0.0, due_s - time.monotonic()))

    def close(self) -> None:
        """Fall silent for good."""
        self._closing = True
        self._thread.join()
        self._player.kill()
        self._player.communicate()


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What a process and its children have used so far.

    Attributes:
        at_s: when that was.
        cpu_s: processor seconds.
        rss_mib: memory that is theirs now.
        others_s: processor seconds of all the rest of the machine, this measurement included.
    """

    at_s: float
    cpu_s: float
    rss_mib: float
    others_s: float

    def percent_since(self, before: "Cost") -> dict[str, float]:
        """Return what was used since then, in percent of one core."""
        share = 100 / (self.at_s - before.at_s)
        cpu, others = self.cpu_s - before.cpu_s, self.others_s - before.others_s
        return {"CPU %": share * cpu, OTHERS: share * max(0.0, others)}  # the machine's own count is a rough one


def cost(pid: int) -> Cost:
    """Ask the kernel what a process and its children cost."""
    ticks = kib = 0
    for one in _family(pid):
        with contextlib.suppress(OSError):  # it has just ended
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
            kib += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    busy = sum(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:4]))  # user, nice, system
    a_second = os.sysconf("SC_CLK_TCK")
    return Cost(time.monotonic(), ticks / a_second, kib / 1024, (busy - ticks) / a_second)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from _family(int(child))
