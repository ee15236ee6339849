"""Microphone and speaker, for real: PortAudio on a virtual sound card, against the simulator over a WebSocket."""

import json
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.xdist_group("sound card"), pytest.mark.timeout(120)]  # one at a time: sound has deadlines


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


def hear_an_answer(shell, card: Any) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
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


def feed_back(card: Any) -> None:
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
        [latency] = records_of(follow(process, "latency"), "latency")
        speaking.join()

    assert records[-1]["dropped_ms"] > 300  # type: ignore[operator]  # a number
    cut = next(r for r in rest if r["type"] == "transcript" and r["final"] and r["role"] == "model")
    assert 0 < len(str(cut["heard"])) < len(str(cut["text"]))

    assert 5 < latency["interrupted_to_silence_ms"] < 200  # type: ignore[operator]  # a number
    assert {r["source"] for r in records + rest if r["type"] == "speech.started"} >= {"local"}


def records_of(records: list[dict[str, object]], kind: str) -> list[dict[str, object]]:
    return [record for record in records if record["type"] == kind]


def test_a_sound_card_that_goes_away_is_said_to_be_gone_and_its_driver_says_nothing(shell, card) -> None:
    with shell.started("talk", "--sim", "--format", "json") as process:
        follow(process, "sound.echo")  # it is heard
        card.daemon.kill()
        records = follow(process, "sound.lost")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        err = process.stderr.read()

    assert "went away" in str(records[-1]["reason"])
    assert not err, err  # PortAudio's "Expression … failed" is for the log


def test_ctrl_c_ends_a_talk_whose_devices_do_not_open(shell, card) -> None:
    card.daemon.send_signal(signal.SIGSTOP)
    with shell.started("talk", "--sim", "--format", "json", "--log-level", "debug") as process:
        assert process.stderr is not None
        while "setup" not in process.stderr.readline():
            pass
        time.sleep(1)  # now it waits for the sound server
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_what_is_used_is_told_and_a_silent_microphone_is_too(shell, card) -> None:
    """The virtual microphone gives zeros, as a muted one does."""
    with shell.started("talk", "--sim", "--format", "json") as process:
        ready = follow(process, "session.ready")
        [warning] = records_of(follow(process, "warning"), "warning")
        process.send_signal(signal.SIGINT)
        closed = follow(process, "sound.closed")[-1]

    [sound] = records_of(ready, "sound.ready")
    assert sound["microphone_rate_hz"] == 16_000
    assert sound["speaker_rate_hz"] == 24_000
    assert 5 <= sound["speaker_latency_ms"] <= 20  # type: ignore[operator]  # a number
    assert sound["echo"] == "cancel"
    assert "your microphone is silent" in str(warning["message"])
    assert 4.5 < warning["t"] < 8  # type: ignore[operator]  # a number
    assert closed["underruns"] == 0


def test_a_device_chosen_once_is_used_again_until_the_default_is_asked_for(shell, card) -> None:
    def speaker_of(*args: str) -> object:
        outcome = shell("talk", "--sim", "-x", "hi", "-o", "speaker", "--format", "json", *args)
        assert outcome.code == 0, outcome.err
        return outcome.record("sound.ready")["speaker"]

    usual = speaker_of()
    assert usual == "default"
    assert speaker_of("--output-device", "PULSE") == "pulse"
    assert speaker_of() == "pulse"
    remembered = next((shell.folder / "state").rglob("devices.json"))
    assert remembered.stat().st_mode & 0o777 == 0o600
    remembered.write_text(remembered.read_text().replace("pulse", "USB of last week"))
    assert speaker_of() == usual
    assert speaker_of("--output-device", "default") == usual
    assert "USB" not in remembered.read_text()


def test_programs_stand_in_for_a_sound_card(shell) -> None:
    """`cmd:`: a program's stdout is the microphone, and another's stdin the speaker."""
    shell.wav("q.wav", 1.0)
    (shell.folder / "s.toml").write_text('[[turn]]\n[turn.sim]\nheard = "Where is it?"\nreply = "Here it is."\n')
    listen = f'{sys.executable} -c "import sys, shutil; sys.stdin.read()"'
    speak = (
        "import sys, time, wave; pcm = wave.open('q.wav').readframes(99999)\n"
        "time.sleep(1)\n"
        "for start in range(0, len(pcm) + 32000 * 30, 640):\n"
        "    sys.stdout.buffer.write(pcm[start:start + 640].ljust(640, bytes(1)))\n"
        "    sys.stdout.flush()\n"
        "    time.sleep(.02)\n"
    )
    (shell.folder / "speak.py").write_text(speak)
    args = ("--input", f"cmd:{sys.executable} speak.py", "--output", f"cmd:{listen}", "--format", "json")

    with shell.started("talk", "--sim", "--scenario", "s.toml", *args) as process:
        ready = follow(process, "session.ready")
        rest = follow(process, "reply.complete")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130

    [sound] = records_of(ready, "sound.ready")
    assert "speak.py" in str(sound["microphone"])
    assert sound["echo"] is None
    assert [r["text"] for r in rest if r.get("final")] == ["Where is it?", "Here it is."]
    assert records_of(rest, "reply.first_sample")


def test_a_program_that_cannot_be_started_is_a_device_error(shell) -> None:
    for option in ("--input", "--output"):
        outcome = shell("talk", "--sim", *(["-x", "hi"] if option == "--output" else []), option, "cmd:no-such-program")
        assert outcome.code == 4
        assert "no-such-program cannot be started" in outcome.err
    assert shell("talk", "--sim", "--input", "cmd:", "-x", "hi").code == 2
    assert shell("talk", "--sim", "--input", "cmd:x", "--echo", "cancel").code == 2


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
    """
    The speaker is heard in the microphone, 60 ms later; nobody else speaks once the story has begun.

    A busy machine may starve the sound card, and what is heard then is no echo any more: with `cancel` one run of three
    must do.
    """
    story = "Once upon a time there was a lighthouse keeper who counted ships. " * 4
    (shell.folder / "s.toml").write_text(f'[[turn]]\n[turn.sim]\nreply = "{story}"\n')
    feed_back(card)

    for _ in range(3):
        with shell.started("talk", "--sim", "--scenario", "s.toml", "--format", "json", "--echo", mode) as process:
            follow(process, "session.ready")
            card.speak(EXAMPLES / "where-is-my-order.wav")
            records = follow(process, "reply.complete")
        cut = bool(records_of(records, "reply.flushed"))
        if cut == (mode == "off") or mode != "cancel":
            break

    assert cut == (mode == "off")
    if mode != "off":
        assert records[-1]["audio_ms"] > 8000  # type: ignore[operator]  # a number: long enough to be heard


def test_ctrl_c_while_the_sound_server_is_frozen_in_mid_reply_is_no_catastrophe(shell, card) -> None:
    """The devices are being closed, which hangs, when they are found to have stalled."""
    with shell.started("talk", "--sim", "--format", "json", "--output", "speaker", "-x", "tell me a story") as process:
        follow(process, "reply.first_sample")
        card.daemon.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert not process.stderr.read()


def test_a_speaker_program_that_dies_while_the_microphone_opens_ends_the_talk_in_order(shell, card) -> None:
    for _ in range(6):
        with shell.started("talk", "--sim", "--output", "cmd:false") as process:
            assert process.wait(20) == 4, process.stderr.read()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--input", "speaker"), "speaker"),
        (("-x", "hi", "--output", "mic"), "name it so"),
        (("-x", "hi", "--input-device", "0"), "--input-device goes with a microphone"),
        (("-x", "hi", "--echo", "cancel"), "--echo goes with microphone and speaker"),
        (("--input-device", " "), "is empty"),
    ],
)
def test_words_and_flags_that_belong_elsewhere_are_refused(shell, args, words) -> None:
    outcome = shell("talk", "--sim", *args)

    assert outcome.code == 2
    assert words in outcome.err
