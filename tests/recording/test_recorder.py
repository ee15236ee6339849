"""A talk's folder: what is in it, for whom, and what is left of it whatever happens."""

import json
import os
import random
import stat
import struct
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli import reports as r
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError
from flashlive_cli.recording.folder import read_session
from flashlive_cli.recording.recorder import Recorder

BEGAN = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)
KEY = "AIzaSy/Very_secret-0123456789"
FILES = {"events.ndjson", "wire.jsonl", "conversation.wav", "transcript.md"}


def unexpected(message: str) -> None:
    raise AssertionError(message)


def recorder(directory: Path, clock: Clock, **options) -> Recorder:
    options = {"failed": unexpected, "began": BEGAN, **options}
    return Recorder(directory, clock=clock, resampler=lambda: Resampler(16_000, 24_000), **options)


def test_a_talk_leaves_its_four_files(tmp_path: Path, clock, read_sound, read_lines) -> None:
    sound = np.full(320, 8000, np.int16).tobytes()
    with recorder(tmp_path / "new" / "recordings", clock) as kept:
        kept.listen(r.Stamped(0.5, 1, r.SessionReady("gemini-x", "Puck", (), simulated=False, setup_ms=300.0)))
        kept.sent('{"setup":\n {"model": "models/gemini-x"}}', 0.1)
        kept.received(b'{\n  "setupComplete": {}\n}\n', 0.5)
        kept.received("not json", 0.6)
        for index in range(50):
            kept.spoke(sound, 1.02 + index * 0.02)
        kept.listen(r.Stamped(2.0, 1, r.Transcript("user", "What time is it?", final=True)))
        kept.played(np.full(24_000, 4000, np.int16).tobytes(), 3.0)
        kept.listen(r.Stamped(4.0, 1, r.Transcript("model", "Noon.", final=True, heard="Noon.")))
        kept.listen(r.Stamped(4.0, 1, r.ReplyComplete(1000.0, interrupted=False)))
        kept.listen(r.Stamped(5.0, 2, r.SessionClosed(1000, "", 5.0, 1)))

    assert kept.folder.parent == tmp_path / "new" / "recordings"
    assert {path.name for path in kept.folder.iterdir()} == FILES
    user, model = read_sound(kept.folder)
    assert user.size == model.size == 4 * 24_000
    assert np.flatnonzero(np.abs(user) > 4000)[[0, -1]].tolist() == pytest.approx([24_000, 48_000], abs=24)
    assert np.flatnonzero(model)[[0, -1]].tolist() == [72_000, 95_999]
    assert (kept.folder / "wire.jsonl").read_text().splitlines() == [
        '{"t":0.1,"c":{"setup":{"model":"models/gemini-x"}}}',
        '{"t":0.5,"s":{"setupComplete":{}}}',
        '{"t":0.6,"s":"not json"}',
    ]
    events = read_lines(kept.folder / "events.ndjson")
    assert [event["type"] for event in events][:2] == ["session.ready", "transcript"]
    assert events[0] == r.record(r.Stamped(0.5, 1, r.SessionReady("gemini-x", "Puck", (), False, 300.0))) | {
        "tools": []
    }
    transcript = (kept.folder / "transcript.md").read_text()
    assert "2026-11-22" in transcript
    assert "gemini-x" in transcript
    assert "**you** (0:02): What time is it?" in transcript
    assert "**gemini** (0:04): Noon." in transcript


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_only_its_owner_may_look(tmp_path: Path, clock) -> None:
    old = os.umask(0)
    try:
        kept = recorder(tmp_path / "made", clock)
    finally:
        os.umask(old)
    kept.close()

    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.folder.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.folder.iterdir()} == {0o600}


def test_talks_of_the_same_second_get_folders_of_their_own(tmp_path: Path, clock) -> None:
    for _ in range(3):
        recorder(tmp_path, clock).close()

    name = BEGAN.strftime("%Y-%m-%d_%H-%M-%S")
    assert {folder.name for folder in tmp_path.iterdir()} == {name, f"{name}-2", f"{name}-3"}


def test_a_directory_that_cannot_be_is_told_in_one_line(tmp_path: Path, clock) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileError, match="cannot be recorded into") as caught:
        recorder(tmp_path / "file", clock)
    with pytest.raises(FileError):
        recorder(Path("nul\0l"), clock)
    assert "\n" not in str(caught.value)


def test_the_key_and_the_handles_are_in_no_file(tmp_path: Path, clock) -> None:
    spelled = [KEY, json.dumps(KEY)[1:-1], KEY.replace("/", "\\/"), KEY.replace("/", "%2F").replace("_", "\\u005f")]
    with recorder(tmp_path, clock, secrets=["", KEY]) as kept:
        for each in spelled:
            kept.sent(json.dumps({"clientContent": {"turns": [{"text": each}]}}), 0.1)
            kept.sent('{"torn": "' + each, 0.1)
            kept.received(json.dumps({"serverContent": {each: [each]}}).encode(), 0.2)
            kept.listen(r.Stamped(0.2, 1, r.ToolCalled("1", f"f{each}", {each: [{"x": each}]})))
            kept.listen(r.Stamped(0.3, 1, r.ToolFinished("1", f"f{each}", True, {"output": {"a": each}}, 1.0)))
            kept.listen(r.Stamped(0.4, 1, r.Transcript("user", f"it is {each}", final=True)))
            kept.listen(r.Stamped(0.5, 1, r.Transcript("model", f"so {each}", final=True, heard=f"so {each}")))
            kept.listen(r.Stamped(0.5, 1, r.ReplyComplete(0.0, interrupted=False)))
            kept.listen(r.Stamped(0.6, 1, r.Warned(f"bad key {each}")))
        kept.sent('{"setup": {"sessionResumption": {"handle": "h-1-secret"}}}', 0.1)
        kept.received(b'{"sessionResumptionUpdate": {"newHandle": "h-2-secret", "resumable": true}}', 0.2)

    for path in kept.folder.iterdir():
        content = path.read_bytes().decode("latin-1")
        for each in (*spelled, "Very", "secret"):
            assert each not in content, path.name
    assert "[key]" in (kept.folder / "transcript.md").read_text().replace("\\", "")


def test_what_a_tool_changes_later_is_recorded_as_it_was(tmp_path: Path, clock, read_lines) -> None:
    shelf = {"apples": [1]}
    kept = recorder(tmp_path, clock)
    kept.listen(r.Stamped(0.3, 1, r.ToolFinished("1", "f", True, {"output": shelf}, 1.0)))
    shelf["apples"].append(2)
    kept.close()

    assert read_lines(kept.folder / "events.ndjson")[0]["response"] == {"output": {"apples": [1]}}


def test_lines_are_lines_whatever_is_said(tmp_path: Path, clock, read_lines) -> None:
    text = "a\nb\u2028c\x1b[31m\ud800 ż"
    with recorder(tmp_path, clock) as kept:
        kept.listen(r.Stamped(0.2, 1, r.Transcript("user", text, final=True)))
        kept.received(json.dumps({"text": text}).encode(), 0.2)

    assert read_lines(kept.folder / "events.ndjson")[0]["text"] == text
    assert read_lines(kept.folder / "wire.jsonl")[0]["s"] == {"text": text}
    for name in ("events.ndjson", "wire.jsonl", "transcript.md"):
        assert "\x1b" not in (kept.folder / name).read_text()


def test_nothing_waits_for_the_disk(tmp_path: Path, clock) -> None:
    """All file work is the thread's: before it is started, everything is taken all the same."""
    kept = recorder(tmp_path, clock)
    for index in range(1000):
        kept.spoke(bytes(640), index * 0.02)
        kept.received(b"{}", index * 0.02)
    before = (kept.folder / "wire.jsonl").stat().st_size
    kept.close()

    assert before == 0
    assert len((kept.folder / "wire.jsonl").read_text().splitlines()) == 1000


def test_the_thread_ends_and_closing_again_does_nothing(tmp_path: Path, clock) -> None:
    with recorder(tmp_path, clock) as kept:
        assert any(thread.name == "flashlive-recorder" for thread in threading.enumerate())
    kept.close()
    kept.sent("{}", 1.0)

    assert not any(thread.name == "flashlive-recorder" for thread in threading.enumerate())


def test_late_sound_is_put_where_it_belongs(tmp_path: Path, clock, hand, read_sound) -> None:
    """The model's sound is on the disk already when two seconds of microphone come that were held back."""
    with recorder(tmp_path, clock) as kept:
        kept.played(np.full(72_000, 4000, np.int16).tobytes(), 0.0)
        hand.now_s = 3.0
        deadline = time.monotonic() + 10
        while read_sound(kept.folder)[1].size < 72_000:
            assert time.monotonic() < deadline
            hand.now_s += 0.01
            time.sleep(0.01)
        for _ in range(100):
            kept.spoke(np.full(320, 8000, np.int16).tobytes(), 3.0)

    user, model = read_sound(kept.folder)
    assert np.flatnonzero(np.abs(user) > 4000)[[0, -1]].tolist() == pytest.approx([24_000, 72_000], abs=24)
    assert np.count_nonzero(model == 4000) == 72_000


WRITER = """
import os, struct, sys, time
from pathlib import Path
import numpy as np
from flashlive_cli import reports as r
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.clock import Clock
from flashlive_cli.recording.recorder import Recorder

clock = Clock(float(sys.argv[2]))
rng = np.random.default_rng(0)
with Recorder(Path(sys.argv[1]), clock=clock, resampler=lambda: Resampler(16000, 24000), failed=print) as kept:
    kept.listen(r.Stamped(0.0, 1, r.SessionReady("gemini-x", "Puck", (), simulated=True, setup_ms=1.0)))
    step = 0
    while True:
        step += 1
        t = step * 0.02
        while clock.now() < t:
            time.sleep(0.001)
        kept.spoke(rng.integers(-9000, 9000, 320).astype("<i2").tobytes(), clock.now())
        kept.played(rng.integers(-9000, 9000, 480).astype("<i2").tobytes(), t - 0.02)
        kept.sent('{"realtimeInput": {"audio": {"data": "%s"}}}' % ("A" * 856), t)
        kept.received(b'{"serverContent":\\n {}}', t)
        if step % 5 == 0:
            kept.listen(r.Stamped(t, 1 + step // 100, r.Transcript("model", "word ", final=False)))
        if step % 100 == 0:
            kept.listen(r.Stamped(t, step // 100, r.Transcript("model", "words", final=True, heard="words")))
            kept.listen(r.Stamped(t, step // 100, r.ReplyComplete(1.0, interrupted=False)))
        os.write(1, struct.pack("<d", t))
"""

SPEED = 10.0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("seed", range(10))
def test_a_killed_recording_is_readable_and_lacks_a_second_at_most(
    tmp_path: Path, seed: int, read_sound, read_lines
) -> None:
    alive_s = random.Random(seed).uniform(0.1, 3.0)
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(SPEED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = process.stdout.read(8)
        time.sleep(alive_s)  # not to wait for anything: the random moment
        process.kill()
        told += process.stdout.read()
    last_s = struct.unpack_from("<d", told, len(told) // 8 * 8 - 8)[0]
    (folder,) = tmp_path.iterdir()

    user, model = read_sound(folder)
    events, wire = read_lines(folder / "events.ndjson"), read_lines(folder / "wire.jsonl")
    at_least_s = last_s - 1.0 * SPEED
    assert user.size / 24_000 >= at_least_s
    assert np.count_nonzero(user) >= 0.95 * 24_000 * at_least_s
    assert np.count_nonzero(model) >= 0.95 * 24_000 * at_least_s
    assert wire[-1]["t"] >= at_least_s if at_least_s > 0 else True
    assert events == [] or events[-1]["t"] >= at_least_s - 0.2
    assert (folder / "transcript.md").read_text().count("**gemini**") >= int(at_least_s / 2)
    session = read_session(folder)
    assert session.story.ending == "cut"


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from flashlive_cli import reports as r
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.clock import Clock
from flashlive_cli.recording.recorder import Recorder
import threading

told = []
full = threading.Event()
def failed(message):
    told.append(message)
    full.set()

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
with Recorder(Path(sys.argv[1]), clock=Clock(20), resampler=lambda: Resampler(16000, 24000), failed=failed) as kept:
    for step in range(1, 1000):
        if sys.argv[3] == "sound":
            kept.spoke(np.full(320, 5000, "<i2").tobytes(), step * 0.02)
        kept.sent('{"step": %d}' % step, step * 0.02)
        kept.listen(r.Stamped(step * 0.02, 1, r.Transcript("user", "words " * 5, final=True)))
    assert full.wait(20)
    for step in range(1000, 2000):
        kept.sent('{"step": %d}' % step, step * 0.02)
print(len(told), *told)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
@pytest.mark.parametrize(("limit", "what"), [(100_000, "sound"), (300_000, "sound"), (100_000, "words")])
def test_a_full_disk_ends_the_recording_with_one_warning(
    tmp_path: Path, limit: int, what: str, read_sound, read_lines
) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path), str(limit), what]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 the recording in ")
    assert done.stdout.count("\n") == 1
    (folder,) = tmp_path.iterdir()
    read_sound(folder)
    read_lines(folder / "events.ndjson")
    for name in ("events.ndjson", "wire.jsonl"):
        text = (folder / name).read_text()
        assert text == "" or text.endswith("}\n"), "no line is torn"
    read_session(folder)


def test_a_recording_that_dies_of_a_mistake_says_so_once_and_lets_the_talk_go_on(tmp_path: Path, clock) -> None:
    told: list[str] = []
    kept = recorder(tmp_path, clock, failed=told.append)
    kept._scribe.put(object(), 1)  # type: ignore[arg-type]
    kept.close()
    kept.sent("{}", 1.0)

    assert len(told) == 1
    assert "AssertionError" in told[0]
