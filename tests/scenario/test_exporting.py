"""Recorded talks become scenarios, and those pass on the simulator; recordings of runs bring a scenario up to date."""

import asyncio
import json
import re
import shutil
import sys
import tomllib
import wave
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.cli import main
from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.scenario.clips import SoundClip
from flashlive_cli.scenario.exporting import export_scenario
from flashlive_cli.scenario.judging import figures_of
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.recorded import read_recording
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.updating import update_scenario
from flashlive_cli.scenario.variants import cases_of

EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTION = EXAMPLES / "where-is-my-order.wav"
SPEED = 10

STORY = (
    "Once upon a time there was a story that nobody could ever bring to its end, for somebody always had a question."
)
FAR_END = f"""
[[turn]]
[turn.sim]
heard = "Tell me a story about A-1001."
reply = "{STORY}"
[[turn]]
[turn.sim]
heard = "Where is my order A-1001?"
calls = [{{ name = "check_order_status", args = {{ order_id = "A-1001" }} }}]
reply = "{{result}} (that is {{all}} I know)"
"""


def hold(path: Path, evidence: Path | None = None, speed: float = SPEED):
    (case,) = cases_of(read_scenario(path))
    return asyncio.run(hold_case(case, Stage(speed=speed, evidence=evidence))).outcome


def spoken(*parts: float | Path) -> bytes:
    """16 kHz mono s16le: seconds of silence, and recordings."""
    sound = b""
    for part in parts:
        if isinstance(part, Path):
            with wave.open(str(part)) as file:
                assert file.getframerate() == 16000
                sound += file.readframes(file.getnframes())
        else:
            sound += bytes(round(part * 16000) * 2)
    return sound


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Somebody who speaks by a program into a recorded live talk, and the folder that comes of it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def talk(sound: bytes, far_end: str, *options: str, stops_after_s: float) -> Path:
        (tmp_path / "far-end.toml").write_text(far_end.replace("{all}", "all"))
        (tmp_path / "words.raw").write_bytes(sound)
        program = "import sys, pathlib; sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes())"
        (tmp_path / "speak.py").write_text(program)
        code = main(
            [
                *("talk", "--sim", "--scenario", str(tmp_path / "far-end.toml"), "--record", str(tmp_path / "talks")),
                *("--input", f"cmd:{sys.executable} {tmp_path / 'speak.py'} {tmp_path / 'words.raw'}"),
                *("--output", "none", "--max-duration", str(stops_after_s), *options),
            ]
        )
        assert code == 0
        (folder,) = (tmp_path / "talks").iterdir()
        return folder

    return talk


def test_a_recorded_talk_with_speech_a_tool_and_a_barge_in_passes_as_a_scenario(person, tmp_path) -> None:
    """In real time: the program is heard as it speaks."""
    sound = spoken(0.8, QUESTION, 3.4, QUESTION, 6.5)
    folder = person(sound, FAR_END, "--tools", str(EXAMPLES / "tools.py"), stops_after_s=14)

    made = export_scenario(folder, tmp_path / "scenario")

    assert (made.n_turns, made.notes) == (2, ())
    table = tomllib.loads(made.path.read_text())
    story, order = table["turn"]
    assert story["say"] == "turn-1.wav"
    assert story["expect"]["heard"] == "(?i)story"
    assert re.search(story["expect"]["reply"], STORY)
    assert story["sim"]["heard"] == "Tell me a story about A-1001."
    assert order["after"]["event"] == "reply.first_sample"
    assert 700 < order["after"]["ms"] < 4000
    assert order["expect"]["interrupted"] is True
    assert 700 <= order["expect"]["interrupted_within_ms"] <= 2000
    assert order["expect"]["flushed_within_ms"] == 100
    assert order["expect"]["reply"] == "(?is)shipped.*Thursday"
    assert order["expect"]["calls"] == [{"name": "check_order_status", "args": {"order_id": "A-1001"}}]
    stub = table["tools"]["stubs"]["check_order_status"]
    assert stub["returns"] == "It has shipped and arrives on Thursday."
    assert stub["parameters"]["required"] == ["order_id"]
    with wave.open(str(QUESTION)) as said, wave.open(str(tmp_path / "scenario" / "turn-1.wav")) as clip:
        assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (16000, 1, 2)
        # the question, and half a second of margin; the file has some silence of its own
        assert clip.getnframes() == pytest.approx(said.getnframes() + 8000, abs=12000)
        assert clip.getnframes() > 16000
    outcome = hold(made.path)
    assert outcome.status == "passed", outcome.reasons
    assert not outcome.warnings


def test_words_of_the_simulator_itself_are_not_expected(person, tmp_path) -> None:
    folder = person(spoken(0.5, QUESTION, 6.5), "", "--tools", str(EXAMPLES / "tools.py"), stops_after_s=10)
    path = export_scenario(folder, tmp_path / "scenario").path

    (turn,) = tomllib.loads(path.read_text())["turn"]
    assert "simulator" in turn["sim"]["reply"]
    assert turn["expect"].keys() == {"first_audio_within_ms"}
    assert 3500 <= turn["expect"]["first_audio_within_ms"] <= 6000
    assert turn["expect"]["first_audio_within_ms"] % 100 == 0
    assert "# reply = …" in path.read_text()
    assert hold(path).status == "passed"


def test_what_an_export_expects_can_fail(person, tmp_path) -> None:
    folder = person(spoken(0.5, QUESTION, 4.5), FAR_END, stops_after_s=8)
    path = export_scenario(folder, tmp_path / "scenario").path
    assert hold(path).status == "passed"
    text = path.read_text()

    path.write_text(text.replace(f'reply = "{STORY}"', 'reply = "No."'))
    (reason,) = hold(path).reasons
    assert "reply: expected" in reason
    path.write_text(text.replace('heard = "Tell me a story about A-1001."', 'heard = "Rhubarb."'))
    (reason,) = hold(path).reasons
    assert "heard: expected" in reason


SCRIPTED = f"""
system = "@instruction.txt"
voice = "Puck"
[model]
id = "gemini-2.5-flash-native-audio-preview-12-2025"
temperature = 0.5
[turn_taking]
silence_ms = 700
[tools.stubs.look_up]
sequence = [{{ found = true, "odd key" = [1, 2.5] }}, "nothing"]
takes_ms = 400
description = "Look \\"it\\" up."
[tools.stubs.fail]
error = "no such thing"
[[turn]]
text = "look it up"
[turn.sim]
calls = [{{ name = "look_up", args = {{ what = {{ equals = "x" }}, n = 2 }} }}, {{ name = "look_up" }}]
reply = "Found."
[[turn]]
say = "{QUESTION.as_posix()}"
[turn.sim]
heard = "Can it fail?"
calls = [{{ name = "fail" }}]
[[turn]]
silence_ms = 1500
[[turn]]
text = "two\\nlines \\\\ and a \\u001b character"
[turn.sim]
reply = "Braces {{ }} and a backslash \\\\d, and that is all I have to say about it now, at some length."
[[turn]]
text = "stop"
after = {{ event = "reply.first_sample", ms = 500 }}
[turn.sim]
reply = "I have stopped."
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The evidence of a run that has a little of everything."""
    (tmp_path / "instruction.txt").write_text("@ is how I begin.\nBe brief.\n")
    (tmp_path / "all.toml").write_text(SCRIPTED)
    outcome = hold(tmp_path / "all.toml", tmp_path / "evidence")
    assert outcome.status == "passed", outcome.reasons
    return tmp_path / "evidence" / "all"


def test_settings_tools_and_odd_texts_are_kept(run, tmp_path) -> None:
    made = export_scenario(run, tmp_path / "scenario")

    table = tomllib.loads(made.path.read_text())
    assert "\x1b" not in made.path.read_text()
    assert table["system"].split() == ["@", "is", "how", "I", "begin.", "Be", "brief."]
    assert table["voice"] == {"name": "Puck"}
    assert table["model"] == {"id": "gemini-2.5-flash-native-audio-preview-12-2025", "temperature": 0.5}
    assert table["turn_taking"] == {"silence_ms": 700}
    stubs = table["tools"]["stubs"]
    assert stubs["look_up"]["sequence"] == [{"found": True, "odd key": [1, 2.5]}, "nothing"]
    assert stubs["look_up"]["description"] == 'Look "it" up.'
    assert 380 < stubs["look_up"]["takes_ms"] < 900
    assert stubs["fail"]["error"] == "no such thing"
    typed, spoken_turn, odd, stop = table["turn"]
    assert typed["text"] == "look it up"
    assert typed["expect"]["calls"][0]["args"] == {"what": {"equals": {"equals": "x"}}, "n": 2}
    assert spoken_turn["expect"]["calls"] == [{"name": "fail"}]
    assert "reply" not in spoken_turn["expect"], "the simulator is sorry in words of its own"
    assert odd["text"] == "two\nlines \\ and a \x1b character"
    assert stop["after"]["event"] == "reply.first_sample"
    outcome = hold(made.path)
    assert outcome.status == "passed", outcome.reasons


def test_an_export_goes_into_an_empty_folder_and_needs_an_answered_turn(run, tmp_path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").touch()
    with pytest.raises(ConfigError, match="something in it"):
        export_scenario(run, tmp_path / "full")
    with pytest.raises(FileError, match="no recording"):
        export_scenario(tmp_path / "full", tmp_path / "scenario")
    (run / "events.ndjson").write_text("")
    with pytest.raises(ConfigError, match="no turn"):
        export_scenario(run, tmp_path / "scenario")
    assert not (tmp_path / "scenario").exists()


def test_a_recording_that_was_cut_off_or_lost_its_sound_is_exported_as_far_as_it_goes(run, tmp_path) -> None:
    lines = (run / "events.ndjson").read_text().splitlines(keepends=True)
    asked = next(number for number, line in enumerate(lines) if '"two\\nlines' in line)
    (run / "events.ndjson").write_text("".join(lines[: asked + 1]) + '{"torn')
    (run / "conversation.wav").unlink()
    (run / "wire.jsonl").unlink()

    made = export_scenario(run, tmp_path / "scenario")

    assert made.n_turns == 2
    assert [note.partition(":")[0] for note in made.notes][1:] == ["turn 2 has no sound in the recording"]
    assert "was not answered" in made.notes[0]
    assert read_scenario(made.path).scenario.turn[1].say_text == "Can it fail?"


@pytest.mark.parametrize("damage", ["t", "text", "args", "turn", "role"])
def test_damaged_events_are_passed_over(run, tmp_path, damage) -> None:
    lines = [json.loads(line) for line in (run / "events.ndjson").read_text().splitlines()]
    for number, line in enumerate(lines):
        if damage in line and number % 2:
            line[damage] = [None, {"x": "y"}]
    (run / "events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))

    try:
        path = export_scenario(run, tmp_path / "scenario").path
    except ConfigError as exc:
        assert "no turn" in str(exc)  # noqa: PT017 - it may be beyond use, and then says so
    else:
        assert read_scenario(path).scenario.turn


@pytest.mark.parametrize(("late_s", "waits"), [(0.3, True), (1.5, False)])
def test_an_end_that_is_told_a_little_late_was_waited_for(run, tmp_path, late_s: float, waits: bool) -> None:
    _, asked, *_ = read_recording(run).turns
    events = [json.loads(line) for line in (run / "events.ndjson").read_text().splitlines()]
    end = next(line for line in events if line["type"] == "reply.complete")
    end["t"] = asked.phrases[0].start_s + late_s
    events.sort(key=lambda line: line["t"])
    (run / "events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in events))

    table = tomllib.loads(export_scenario(run, tmp_path / "scenario").path.read_text())

    assert ("after" not in table["turn"][1]) == waits


def test_pauses_that_would_end_a_turn_are_cut_short(run, tmp_path) -> None:
    """Two phrases that nobody answered in between are one turn, and one utterance."""
    events = [json.loads(line) for line in (run / "events.ndjson").read_text().splitlines()]
    kept = [line for line in events if line["type"] in {"session.ready", "session.closed"}]
    (run / "conversation.wav").write_bytes(b"")
    question = np.frombuffer(spoken(QUESTION), "<i2")
    twice = np.concatenate([np.zeros(16000), question, np.zeros(16000), question, np.zeros(16000)])
    at_24k = np.interp(np.arange(len(twice) * 3 // 2) * 2 / 3, np.arange(len(twice)), twice)
    with wave.open(str(run / "conversation.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(24000)
        file.writeframes(np.stack([at_24k, np.zeros_like(at_24k)], axis=1).astype("<i2").tobytes())
    length_s = len(question) / 16000
    for t, words in ((1 + length_s, "Where is"), (2.5 + 2 * length_s, "my order?")):
        said = {"type": "transcript", "t": t, "turn": 1, "role": "user", "text": words}
        kept += [said | {"final": False}, said | {"final": True}]
    kept += [
        {"type": "reply.started", "t": 8.5, "turn": 1},
        {"type": "transcript", "t": 8.6, "turn": 1, "role": "model", "text": "Here.", "final": True, "heard": "Here."},
        {"type": "reply.complete", "t": 8.7, "turn": 1, "audio_ms": 100.0, "interrupted": False},
    ]
    (run / "events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in kept))

    (turn,) = read_recording(run).turns
    made = export_scenario(run, tmp_path / "scenario")

    assert turn.heard == "Where is my order?"
    assert len(turn.phrases) == 2
    assert made.n_turns == 1
    assert "cut short" in made.notes[0]
    with wave.open(str(tmp_path / "scenario" / "turn-1.wav")) as file:
        assert file.getnframes() / 16000 < 2 * length_s + 1.2


UPDATED = f"""# a comment at the top

name = "order"   # beside a key

[tools.stubs]
check_order_status = {{ returns = "It has shipped.", description = "Look it up." }}

# what is asked
[[turn]]
say = "{QUESTION.as_posix()}"
  [turn.expect]
  no_calls   = true      # odd spaces stay
[[turn]]
silence_ms = 200
[[turn]]
text = "And now?"
[turn.sim]
# of the simulator
delay_ms = 300
reply = "old"            # what it said then
calls = [{{ name = "check_order_status", answer = "shipped" }}]
"""
OF_THE_SERVICE = UPDATED.replace("  no_calls   = true      # odd spaces stay", "").replace(
    'reply = "old"            # what it said then\ncalls = [{ name = "check_order_status", answer = "shipped" }]',
    'reply = "Quite new."\ncalls = [{ name = "check_order_status", args = { order_id = "B-2" } }]',
)
OF_THE_SERVICE = OF_THE_SERVICE.replace(
    "  [turn.expect]\n", '[turn.sim]\nheard = "Where is my order?"\nreply = "I do not know."\n'
)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """The recording of a run that came out otherwise than the scenario's simulator has it."""
    (tmp_path / "service.toml").write_text(OF_THE_SERVICE)
    outcome = hold(tmp_path / "service.toml", tmp_path / "evidence")
    assert outcome.status == "passed", outcome.reasons
    return tmp_path / "evidence" / "service"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_scenario_is_brought_up_to_what_was_said_and_keeps_its_looks(service, tmp_path, newline) -> None:
    path = tmp_path / "order.toml"
    path.write_bytes(UPDATED.replace("\n", newline).encode())
    path.chmod(0o640)

    changes = update_scenario(path, service)

    old, new = ('[{ name = "check_order_status", answer = "shipped" }]', '[{ name = "check_order_status", args = {')
    assert changes.pop(2).startswith(f"turn 3: calls: {old} -> {new}")
    assert changes == [
        'turn 1: heard: "Where is my order?"',
        'turn 1: reply: "I do not know."',
        'turn 3: reply: "old" -> "Quite new."',
    ]
    text = path.read_bytes().decode()
    assert text.count("\n") == text.count(newline)
    for kept in (
        "# a comment at the top",
        "# beside a key",
        "# what is asked",
        "  no_calls   = true      # odd spaces",
    ):
        assert kept in text
    for kept in ("# of the simulator", 'reply = "Quite new."            # what it said then', "delay_ms = 300"):
        assert kept in text
    table = tomllib.loads(text)
    assert table["turn"][0]["sim"] == {"heard": "Where is my order?", "reply": "I do not know."}
    assert table["turn"][2]["sim"]["calls"] == [
        {"name": "check_order_status", "args": {"order_id": "B-2"}, "answer": "shipped"}
    ]
    assert path.stat().st_mode & 0o777 == 0o640 or sys.platform == "win32"
    assert hold(path).status == "passed"
    assert sorted(each.name for each in tmp_path.glob("*order*")) == ["order.toml"], "nothing is left behind"

    before = path.stat().st_mtime_ns
    assert update_scenario(path, service) == []
    assert path.stat().st_mtime_ns == before


def test_a_recording_of_another_talk_is_refused_and_nothing_written(service, tmp_path) -> None:
    path = tmp_path / "order.toml"
    for text, why in (
        (UPDATED + '[[turn]]\ntext = "More"\n', "3 turns"),
        (UPDATED.replace('text = "And now?"', 'text = "And then?"'), "types 'And then\\?'"),
        (UPDATED.replace('text = "And now?"', f'say = "{QUESTION.as_posix()}"'), "typed"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=why):
            update_scenario(path, service)
        assert path.read_text() == text
    with pytest.raises(FileError, match="no recording"):
        update_scenario(path, tmp_path / "nowhere")


def test_included_turns_and_turns_in_arrays_are_understood(service, tmp_path) -> None:
    head, _, last = UPDATED.partition("[[turn]]\nsilence_ms = 200\n")
    (tmp_path / "greeting.toml").write_text(head)
    path = tmp_path / "order.toml"
    path.write_text(f'include = "greeting.toml"\n{last}')
    assert update_scenario(path, service)[0] == "turn 1 is of an included file: left alone"
    assert 'reply = "Quite new."' in path.read_text()
    assert (tmp_path / "greeting.toml").read_text() == head

    path.write_text(f'turn = [{{ say = "{QUESTION.as_posix()}" }}, {{ text = "And now?" }}]\n{head.partition("#")[0]}')
    update_scenario(path, service)
    assert tomllib.loads(path.read_text())["turn"][1]["sim"]["reply"] == "Quite new."


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links take rights there")
def test_a_link_stays_a_link(service, tmp_path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "order.toml").write_text(UPDATED)
    (tmp_path / "order.toml").symlink_to(tmp_path / "real" / "order.toml")

    assert update_scenario(tmp_path / "order.toml", service)

    assert (tmp_path / "order.toml").is_symlink()
    assert "Quite new." in (tmp_path / "real" / "order.toml").read_text()


def test_what_is_measured_in_a_recording_is_what_was_measured_in_the_run(tmp_path) -> None:
    said = f'[[turn]]\nsay = "{QUESTION.as_posix()}"\n'
    cut = 'after = { event = "reply.first_sample", ms = 900 }\n[turn.sim]\nreply = "Yes, please."\n'
    (tmp_path / "cut.toml").write_text(f'{said}[[turn]]\ntext = "Hi"\n{said}[turn.sim]\nreply = "{STORY}"\n{said}{cut}')
    outcome = hold(tmp_path / "cut.toml", tmp_path / "evidence", speed=4)

    turns = read_recording(tmp_path / "evidence" / "cut").turns

    assert len(turns) == len(outcome.turns) == 4
    for turn, measured in zip(turns, outcome.turns, strict=True):
        found = figures_of(turn.course)
        for name in ("first_audio_ms", "complete_ms", "interrupted_ms", "flushed_ms"):
            assert getattr(found, name) == pytest.approx(getattr(measured.figures, name), abs=400), name


def test_clips_are_the_users_sound_where_it_was(run) -> None:
    recording = read_recording(run)
    spoken_turn = next(turn for turn in recording.turns if turn.phrases)

    sound, _ = recording.clip(spoken_turn, 0.7, 0.5)

    said = np.frombuffer(spoken(QUESTION), "<i2").astype(float)
    clip = np.frombuffer(sound, "<i2").astype(float)
    likeness = np.correlate(clip, said[4000:20000], "valid")
    at = int(np.argmax(likeness))
    same = np.corrcoef(clip[at : at + 16000], said[4000:20000])[0, 1]
    assert same > 0.99
    assert SoundClip("x", sound).duration_s == len(sound) / 32000
    shutil.rmtree(run)
