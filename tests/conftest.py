"""What all tests share."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, settings

from tests.sdks import js_folder, node  # noqa: F401 - fixtures

# shared machines are noisy: how long an example takes says nothing here
settings.register_profile("flashlive", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flashlive")

# who starts the tests in the background, or by nohup, has them ignored, and what a test starts would inherit that
for _name, _usual in (("SIGINT", signal.default_int_handler), ("SIGQUIT", signal.SIG_DFL), ("SIGHUP", signal.SIG_DFL)):
    if (_number := getattr(signal, _name, None)) is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test be skipped in CI: what tests need is installed there, and a skip would hide that it is not."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


class SoundCard:
    """A private PulseAudio with a speaker `spk` and a microphone `mic`, neither of which is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "default.pa").write_text(
            f"load-module module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={folder}/s\n"
            # norewinds: or an idle null sink renders two seconds at once and callbacks stop
            "load-module module-null-sink sink_name=spk rate=48000 channels=2 norewinds=1\n"
            "load-module module-null-sink sink_name=mic rate=48000 channels=1 norewinds=1\n"
            "set-default-sink spk\nset-default-source mic.monitor\n"
        )
        hidden = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        self.env = inherited | {"PULSE_SERVER": f"unix:{folder}/s", "PULSE_COOKIE": str(folder / "cookie")}
        here = {"HOME": str(folder), "PULSE_RUNTIME_PATH": str(folder), "PULSE_STATE_PATH": str(folder)}
        self._daemon_env = inherited | here
        self.start()

    def start(self) -> None:
        """Start the sound server, also again, and wait until it answers."""
        options = ["--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        options += ["--high-priority=no", "--realtime=no", "--log-level=error"]
        self.daemon = subprocess.Popen(
            ["pulseaudio", "-n", "-F", str(self.folder / "default.pa"), *options],
            env=self._daemon_env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], env=self.env, capture_output=True, check=False).returncode:
            assert self.daemon.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        self.daemon.kill()  # also where it is stopped
        self.daemon.wait()

    def kill(self) -> None:
        """Kill the sound server; its clients are told by the end of their sockets."""
        self.daemon.kill()
        self.daemon.wait()

    def control(self, *command: str) -> str:
        """Have `pactl` do something."""
        return subprocess.run(["pactl", *command], env=self.env, check=True, capture_output=True, text=True).stdout

    def speak(self, wav: Path) -> None:
        """Play a WAV into the microphone, to its end."""
        subprocess.run(["paplay", "-d", "mic", str(wav)], env=self.env, check=True)

    @contextlib.contextmanager
    def recorded(self, rate_hz: int = 24_000) -> Iterator[IO[bytes]]:
        """Record the speaker, mono s16le, from now on."""
        with (self.folder / "tape").open("w+b") as tape:
            recorder = subprocess.Popen(
                ["parec", "-d", "spk.monitor", f"--rate={rate_hz}", "--channels=1", "--format=s16le", "--raw",
                 "--latency-msec=10"], env=self.env, stdout=tape,
            )  # fmt: skip
            try:
                while not (self.folder / "tape").stat().st_size:
                    assert recorder.poll() is None
                    time.sleep(0.01)
                yield tape
            finally:
                recorder.terminate()
                recorder.wait()


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    """A virtual sound card of one's own; mark its tests with `xdist_group("sound card")`: sound has deadlines."""
    if sys.platform != "linux":
        pytest.skip("the virtual sound card is PulseAudio's")
    if not all(map(shutil.which, ("pulseaudio", "pactl", "parec", "paplay"))):
        pytest.skip("PulseAudio is not installed")
    folder = Path(tempfile.mkdtemp(prefix="fl-pa-"))  # short: a socket's path has 108 bytes
    sound_card = SoundCard(folder)
    for name in ("PULSE_SERVER", "PULSE_COOKIE"):
        monkeypatch.setenv(name, sound_card.env[name])
    try:
        look_for_devices_anew()
        yield sound_card
    finally:
        sound_card.close()
        shutil.rmtree(folder, ignore_errors=True)
    no_stream_is_left()


def look_for_devices_anew() -> None:
    """
    Have PortAudio see the card, where this process has loaded it before: it looks for devices once.

    A test that loads it where there is no card would else leave "there is no speaker" to all that follow in its
    process.
    """
    no_stream_is_left()
    if (sounddevice := sys.modules.get("sounddevice")) is not None:
        while sounddevice._initialized:
            sounddevice._terminate()
        sounddevice._initialize()


def no_stream_is_left() -> None:
    """Fail where this process has a stream open still: it belongs to the test that ends, or to one before this."""
    stream = sys.modules.get("flashlive_cli.audio.stream")
    if stream is None:
        return
    deadline = time.monotonic() + 10  # a driver that hung in a frozen sound server ends with that
    while stream._there and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [f"the {each._role} ({each.device.name})" for each in stream._there]
    stream._there.clear()  # one failure is enough
    assert not left, f"streams of PortAudio are left open: {', '.join(left)}"
    assert not stream.driver_hangs(), "a sound driver hangs"


class Display:
    """An X server of one's own without a monitor, on which pictures can be shown."""

    def __init__(self, width: int, height: int) -> None:
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[writer], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writer)
        with os.fdopen(reader) as number:  # closed by a server that cannot start
            self.name = f":{number.readline().strip()}"
        assert self.name != ":", "Xvfb did not start"

    def show(self, picture: Path) -> None:
        """Have a PNG as the background of the whole screen."""
        subprocess.run(
            ["xloadimage", "-quiet", "-display", self.name, "-onroot", "-at", "0,0", str(picture)],
            check=True, capture_output=True,
        )  # fmt: skip

    def close(self) -> None:
        self.server.terminate()
        self.server.wait()


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    """A screen of 1024 by 768 that `DISPLAY` names."""
    if sys.platform != "linux":
        pytest.skip("the screen without a monitor is X11's")
    if not all(map(shutil.which, ("Xvfb", "xloadimage"))):
        pytest.skip("Xvfb or xloadimage is not installed")
    screen = Display(1024, 768)
    monkeypatch.setenv("DISPLAY", screen.name)
    yield screen
    screen.close()
