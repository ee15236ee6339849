"""Sound servers that are killed, frozen or lose their devices under a live talk, and talks that stand still."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashlive_cli.audio import recovery

EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTION = EXAMPLES / "where-is-my-order.wav"
pytestmark = [pytest.mark.xdist_group("sound card"), pytest.mark.timeout(120)]  # one at a time: sound has deadlines

Record = dict[str, Any]


class Following:
    """A live talk whose records are read as they come, each with the time at which it did."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.records: list[tuple[float, Record]] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.records.append((time.monotonic(), json.loads(line)))
                self._more.notify_all()

    def of(self, kind: str, since_s: float = 0.0) -> list[tuple[float, Record]]:
        return [(when, record) for when, record in self.records if record["type"] == kind and when >= since_s]

    def wait(self, kind: str, n: int = 1, since_s: float = 0.0) -> list[tuple[float, Record]]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.of(kind, since_s)) >= n, 30), [r for _, r in self.records]
            return self.of(kind, since_s)

    def end(self, code: int = 130) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == code
        self._thread.join()


@pytest.fixture
def talk(shell: Any, card: Any) -> Iterator[Following]:
    turns = '[[turn]]\n[turn.sim]\nheard = "Where is it?"\nreply = "Here it is, in the third row."\n'
    (shell.folder / "s.toml").write_text(3 * turns)
    with shell.started("talk", "--sim", "--scenario", "s.toml", "--format", "json") as process:
        following = Following(process)
        following.wait("session.ready")
        following.wait("sound.echo")  # the first sound was heard
        yield following
        process.kill()
        following._thread.join()


def is_answered(talk: Following, card: Any) -> None:
    """Ask aloud; the answer is heard at the card."""
    asked_s = time.monotonic()
    with card.recorded() as tape:
        card.speak(QUESTION)
        talk.wait("reply.complete", since_s=asked_s)
        time.sleep(0.5)
        tape.seek(0)
        heard = np.frombuffer(tape.read(), "<i2")
    assert talk.of("transcript", asked_s)[0][1]["role"] == "user"
    assert np.count_nonzero(np.abs(heard.astype(int)) > 300) > 2400


def test_a_talk_goes_on_when_its_sound_server_is_killed_and_started_again(talk, card) -> None:
    is_answered(talk, card)
    killed_s = time.monotonic()
    card.kill()
    lost = talk.wait("sound.lost", 2)
    time.sleep(1)
    started_s = time.monotonic()
    card.start()
    restored = talk.wait("sound.restored", 2)
    is_answered(talk, card)
    talk.end()

    assert (
        {record["side"] for _, record in lost}
        == {record["side"] for _, record in restored}
        == {
            "microphone",
            "speaker",
        }
    )
    assert all(when - killed_s < 2 for when, _ in lost)
    assert all(when - started_s < 5 for when, _ in restored)
    echoes = [record["state"] for when, record in talk.of("sound.echo") if when > killed_s]
    assert not echoes or echoes[0] == "learning"  # the room is learned anew
    [(_, closed)] = talk.of("sound.closed")
    assert closed["microphone_lost_ms"] > 1000
    assert not talk.process.stderr or not talk.process.stderr.read()


def test_a_talk_goes_on_when_its_sound_server_is_frozen_for_three_seconds(talk, card) -> None:
    frozen_s = time.monotonic()
    card.daemon.send_signal(signal.SIGSTOP)
    lost = talk.wait("sound.lost", 2)
    time.sleep(max(0.0, frozen_s + 3 - time.monotonic()))
    card.daemon.send_signal(signal.SIGCONT)
    talk.wait("sound.restored", 2)
    is_answered(talk, card)
    talk.end()

    assert all(when - frozen_s < 2 for when, _ in lost)


def module_of(card: Any, name: str) -> str:
    rows = [line.split("\t") for line in card.control("list", "short", "modules").splitlines()]
    return next(index for index, _, *args in rows if args and f"sink_name={name} " in f"{args[0]} ")


def chosen_devices(card: Any, folder: Path) -> dict[str, str]:
    """Give the sound server's speaker and microphone names of their own, which can be chosen."""
    (folder / "asound.conf").write_text(
        "".join(
            f'pcm.{name} {{ type pulse device "{device}" hint {{ show on description "{name}" }} }}\n'
            for name, device in (("flspk", "spk"), ("flmic", "mic.monitor"))
        )
    )
    return {"ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{folder / 'asound.conf'}"}


def test_a_talk_moves_to_the_system_default_when_the_devices_chosen_are_gone(shell, card, monkeypatch) -> None:
    """Those that were chosen do not exist in the sound server that is started anew."""
    for name, value in chosen_devices(card, shell.folder).items():
        monkeypatch.setenv(name, value)
    names = ("--input-device", "flmic", "--output-device", "flspk")
    with shell.started("talk", "--sim", "--format", "json", *names) as process:
        talk = Following(process)
        [(_, ready)] = talk.wait("sound.ready")
        assert (ready["microphone"], ready["speaker"]) == ("flmic", "flspk")
        killed_s = time.monotonic()
        card.kill()
        script = card.folder / "default.pa"
        script.write_text(script.read_text().replace("spk", "other").replace("mic", "another"))
        talk.wait("sound.lost", 2, since_s=killed_s)
        started_s = time.monotonic()
        card.start()
        restored = talk.wait("sound.restored", 2, since_s=started_s)  # on a busy machine one may have stalled before
        assert {record["device"] for _, record in restored} <= {"default", "pulse"}  # whichever is found first
        time.sleep(1)
        subprocess.run(["paplay", "-d", "another", str(QUESTION)], env=card.env, check=True)
        talk.wait("reply.first_sample")
        talk.end()


def test_unloading_the_sink_and_the_source_in_use_while_others_are_there_does_not_end_the_talk(talk, card) -> None:
    """The server moves the streams without a word, or ends them, and they are opened anew."""
    for name in ("other", "another"):
        card.control("load-module", "module-null-sink", f"sink_name={name}", "norewinds=1")
    card.control("set-default-sink", "other")
    card.control("set-default-source", "another.monitor")
    for name in ("spk", "mic"):
        card.control("unload-module", module_of(card, name))
    time.sleep(2.5)
    assert len(talk.of("sound.lost")) == len(talk.of("sound.restored"))
    asked_s = time.monotonic()
    subprocess.run(["paplay", "-d", "another", str(QUESTION)], env=card.env, check=True)
    talk.wait("reply.first_sample", since_s=asked_s)
    talk.end()


def test_a_new_default_does_not_take_a_talk_away_from_devices_that_work(talk, card) -> None:
    card.control("load-module", "module-null-sink", "sink_name=plugged", "norewinds=1")
    time.sleep(2)
    is_answered(talk, card)
    talk.end()

    assert not talk.of("sound.lost")


def test_devices_that_are_gone_for_good_end_the_talk_with_one_line(shell, card, monkeypatch) -> None:
    monkeypatch.setattr(recovery, "PATIENCE_S", 2.0)

    def kill_when_heard() -> None:
        while not card.control("list", "short", "source-outputs"):
            time.sleep(0.05)
        time.sleep(0.5)
        card.kill()

    killing = threading.Thread(target=kill_when_heard)
    killing.start()
    outcome = shell("talk", "--sim", "--format", "plain", "--input", "mic", "--output", "speaker")
    killing.join()

    assert outcome.code == 4
    [error] = [line for line in outcome.err.splitlines() if "error" in line]
    assert "went away, and for 2 s nothing could take its place" in error
    assert outcome.err.count("waiting up to 2 s for it, or for another") == 2
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("flashlive-")]
    assert not left


def test_ctrl_c_ends_a_talk_that_looks_for_its_devices(talk, card) -> None:
    card.kill()
    talk.wait("sound.lost", 2)
    time.sleep(0.7)
    talk.end()


def test_ctrl_c_ends_a_talk_that_waits_for_a_frozen_sound_server(talk, card) -> None:
    card.daemon.send_signal(signal.SIGSTOP)
    talk.wait("sound.lost", 2)
    time.sleep(2.5)
    began_s = time.monotonic()
    talk.end()
    assert time.monotonic() - began_s < 8


def test_a_talk_that_stood_still_itself_sends_no_heap_of_the_past_and_goes_on(shell, card) -> None:
    """What the user said while the laptop slept is over; what the service gets is no more than there was time for."""
    wire = shell.folder / "rec"
    with shell.started("talk", "--sim", "--format", "json", "--record", str(wire)) as process:
        talk = Following(process)
        talk.wait("session.ready")
        time.sleep(1)
        speaking = threading.Thread(target=card.speak, args=(QUESTION,))
        stopped_s = time.monotonic()
        process.send_signal(signal.SIGSTOP)
        speaking.start()
        speaking.join()
        time.sleep(max(0.0, stopped_s + 5 - time.monotonic()))
        resumed_s = time.monotonic()
        process.send_signal(signal.SIGCONT)
        time.sleep(3)
        assert not talk.of("reply.started")
        assert len(talk.of("sound.lost")) == len(talk.of("sound.restored"))
        is_answered(talk, card)
        ended_s = time.monotonic()
        talk.end()

    [path] = wire.rglob("wire.jsonl")
    sent_s = [
        message["t"]
        for message in map(json.loads, path.read_text().splitlines())
        if "audio" in message.get("c", {}).get("realtimeInput", {})
    ]
    jump = int(np.argmax(np.diff(sent_s)))
    after = np.array(sent_s[jump + 1 :])
    assert after[0] - sent_s[jump] > 4.5
    assert (
        np.count_nonzero(after < after[0] + 0.5) <= 25 + 18
    )  # half a second, and 300 ms of the past with a chunk or two
    assert after.size < 50 * (ended_s - resumed_s + 1) + 18
    [(_, closed)] = talk.of("sound.closed")
    assert closed["microphone_lost_ms"] == pytest.approx(5000, abs=600)


def test_the_lost_device_is_on_the_plain_screen(shell, card) -> None:
    with shell.started("talk", "--sim", "--format", "plain") as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("talking to" in line for line in lines)
        card.kill()
        assert any("went away; waiting up to 60 s for it, or for another" in line for line in lines)
        card.start()
        assert any("going on after" in line and "with " in line for line in lines)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
