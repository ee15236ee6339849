"""Microphone and speaker, for real: PortAudio on a virtual sound card, against the simulator over a WebSocket."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = ("pulseaudio", "pactl", "parec", "paplay")

pytestmark = [
    pytest.mark.xdist_group("sound card"),  # one at a time: sound has deadlines
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="the virtual sound card is PulseAudio's"),
    pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason="PulseAudio is not installed"),
]


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
        options = ["--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        options += ["--high-priority=no", "--realtime=no", "--log-level=error"]
        self.daemon = subprocess.Popen(
            ["pulseaudio", "-n", "-F", str(folder / "default.pa"), *options],
            env=inherited | here, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], env=self.env, capture_output=True, check=False).returncode:
            assert self.daemon.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        self.daemon.kill()
        self.daemon.wait()

    def speak(self, wav: Path) -> None:
        """Play a WAV into the microphone, to its end."""
        subprocess.run(["paplay", "-d", "mic", str(wav)], env=self.env, check=True)

    @contextlib.contextmanager
    def recorded(self) -> Iterator[IO[bytes]]:
        """Record the speaker, 24 kHz mono s16le, from now on."""
        with (self.folder / "tape").open("w+b") as tape:
            recorder = subprocess.Popen(
                ["parec", "-d", "spk.monitor", "--rate=24000", "--channels=1", "--format=s16le", "--raw",
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
def card(monkeypatch) -> Iterator[SoundCard]:
    folder = Path(tempfile.mkdtemp(prefix="fl-pa-"))  # short: a socket's path has 108 bytes
    sound_card = SoundCard(folder)
    for name in ("PULSE_SERVER", "PULSE_COOKIE"):
        monkeypatch.setenv(name, sound_card.env[name])
    yield sound_card
    sound_card.close()
    shutil.rmtree(folder, ignore_errors=True)


def follow(process: "subprocess.Popen[str]", kind: str) -> list[dict[str, object]]:
    """Read records until one of a type has come."""
    records = []
    assert process.stdout is not None
    for line in process.stdout:
        records.append(json.loads(line))
        if records[-1]["type"] == kind:
            return records
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


def test_a_question_spoken_into_the_microphone_is_answered_out_of_the_speaker(shell, card) -> None:
    """The whole answer, no sample lost or repeated. A busy machine may starve the sound card: one of three must do."""
    (shell.folder / "s.toml").write_text(
        '[[turn]]\n[turn.sim]\nheard = "Where is it?"\nreply = "Here."\nvoice_wav = "a.wav"\n'
    )
    t = np.arange(24000) / 24000
    said = 8000 * np.sin(2 * np.pi * (300 * t + 2000 * t**2))  # 300 to 4300 Hz: every sample in its own place
    with wave.open(str(shell.folder / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24000)
        file.writeframes(said.astype("<i2").tobytes())

    likenesses: list[float] = []
    while len(likenesses) < 3 and max(likenesses, default=0.0) <= 0.99:
        heard = hear_an_answer(shell, card)
        start = int(np.argmax(np.correlate(heard, said[2400:7200]))) - 2400
        likenesses.append(float(np.corrcoef(heard[start : start + said.size], said)[0, 1]))

    assert max(likenesses) > 0.99, likenesses


def hear_an_answer(shell, card: SoundCard) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Ask a question and return what came out of the speaker, at 24 kHz."""
    with (
        card.recorded() as tape,
        shell.started("talk", "--sim", "--scenario", "s.toml", "--format", "json") as process,
    ):
        follow(process, "session.ready")
        card.speak(EXAMPLES / "where-is-my-order.wav")
        records = follow(process, "reply.complete")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        time.sleep(0.3)  # what the recorder still holds
        tape.seek(0)
        heard = np.frombuffer(tape.read(), "<i2").astype(np.float64)

    assert [r["text"] for r in records if r.get("final")] == ["Where is it?", "Here."]
    latency = next(r for r in records if r["type"] == "latency")
    assert latency["audio_to_sample_ms"] < 500  # type: ignore[operator]  # a number
    return heard


def feed_back(card: SoundCard) -> None:
    """Let the microphone hear the speaker, 60 ms later, as on a laptop."""
    room = ["module-loopback", "source=spk.monitor", "sink=mic", "latency_msec=60"]
    dont_move = ["source_dont_move=1", "sink_dont_move=1"]
    subprocess.run(["pactl", "load-module", *room, *dont_move], env=card.env, check=True, capture_output=True)
    subprocess.run(["pactl", "set-sink-volume", "spk", "70%"], env=card.env, check=True)


@pytest.mark.parametrize("mode", ["off", "cancel"])
def test_a_user_who_speaks_over_the_reply_silences_the_speaker(shell, card, mode) -> None:
    """With headphones at once; on loudspeakers once the canceller has learned the room."""
    long = "Once upon a time there was a king. " * 30
    (shell.folder / "s.toml").write_text(
        f'[[turn]]\n[turn.sim]\nreply = "{long}"\n[[turn]]\n[turn.sim]\nreply = "Fine."\n'
    )
    if mode == "cancel":
        feed_back(card)

    with shell.started("talk", "--sim", "--scenario", "s.toml", "--format", "json", "--echo", mode) as process:
        follow(process, "session.ready")
        card.speak(EXAMPLES / "where-is-my-order.wav")
        follow(process, "reply.first_sample")
        if mode == "cancel":
            time.sleep(3.5)  # the canceller's warm-up, and some
        speaking = threading.Thread(target=card.speak, args=(EXAMPLES / "where-is-my-order.wav",))
        speaking.start()
        records = follow(process, "reply.flushed")
        rest = follow(process, "reply.complete")
        speaking.join()

    assert records[-1]["dropped_ms"] > 300  # type: ignore[operator]  # a number
    cut = next(r for r in rest if r["type"] == "transcript" and r["final"] and r["role"] == "model")
    assert 0 < len(str(cut["heard"])) < len(str(cut["text"]))


def test_a_sound_card_that_goes_away_is_said_to_be_gone(shell, card) -> None:
    with shell.started("talk", "--sim", "--format", "json") as process:
        follow(process, "session.ready")
        card.daemon.kill()
        records = follow(process, "error")
        assert process.wait(20) == 4

    assert "went away" in str(records[-1]["message"])


def test_devices_are_chosen_by_number_or_part_of_a_name(shell, card) -> None:
    for wanted, code, words in (("nosuch", 4, "fits no speaker"), ("e", 2, "fits more than one")):
        with shell.started("talk", "--sim", "-x", "hi", "-o", "speaker", "--output-device", wanted) as process:
            assert process.wait(30) == code
            assert words in process.stderr.read()
    with shell.started("talk", "--sim", "-x", "hi", "-o", "speaker", "--output-device", "PULSE") as process:
        assert process.wait(60) == 0, process.stderr.read()


def test_without_a_sound_card_the_way_out_is_named(shell, monkeypatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    with shell.started("talk", "--sim") as process:
        assert process.wait(30) == 4
        err = process.stderr.read()

    assert "there is no microphone" in err
    assert "--input FILE.wav" in err


@pytest.mark.parametrize("mode", ["cancel", "half", "off"])
def test_on_loudspeakers_the_model_interrupts_itself_only_where_echo_is_off(shell, card, mode) -> None:
    """The speaker is heard in the microphone, 60 ms later; nobody else speaks once the story has begun."""
    story = "Once upon a time there was a lighthouse keeper who counted ships. " * 4
    (shell.folder / "s.toml").write_text(f'[[turn]]\n[turn.sim]\nreply = "{story}"\n')
    feed_back(card)

    with shell.started("talk", "--sim", "--scenario", "s.toml", "--format", "json", "--echo", mode) as process:
        follow(process, "session.ready")
        card.speak(EXAMPLES / "where-is-my-order.wav")
        records = follow(process, "reply.complete")

    cut = [r for r in records if r["type"] == "reply.flushed"]
    assert bool(cut) == (mode == "off")
    if mode != "off":
        assert records[-1]["audio_ms"] > 8000  # type: ignore[operator]  # a number: long enough to be heard
