"""A recording performed as a server: what matters is kind, order and content."""

import asyncio
import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.errors import ConfigError, FileError, FlashliveError
from flashlive_cli.sim.inbound import ActivityStart, Answers, Typed
from flashlive_cli.sim.tape import Begun, Heard, read_tape

MODEL = "models/gemini-3.8-live"
SETUP = {"setup": {"model": MODEL, "outputAudioTranscription": {}}}
HANDLE = {"sessionResumptionUpdate": {"newHandle": "[handle]", "resumable": True}}
TURN_COMPLETE = {"serverContent": {"turnComplete": True}}


def sound(ms: int) -> dict[str, Any]:
    data = base64.b64encode(bytes(32 * ms)).decode()
    return {"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}}


def says(text: str) -> dict[str, Any]:
    return {"serverContent": {"outputTranscription": {"text": text}}}


def typed(text: str) -> dict[str, Any]:
    return {"realtimeInput": {"text": text}}


def answers(*calls: tuple[str, str]) -> dict[str, Any]:
    return {"toolResponse": {"functionResponses": [{"id": i, "name": name, "response": {}} for i, name in calls]}}


OPENING: list[tuple[float, str, Any]] = [(0, "c", SETUP), (0.3, "s", {"setupComplete": {}}), (0.31, "s", HANDLE)]


@pytest.fixture
def tape(tmp_path):
    """Writes a recording; the opening is there already."""

    def write(*lines: tuple[float, str, Any], name: str = "wire.jsonl", opening: Any = OPENING) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps({"t": t, by: what}) + "\n" for t, by, what in (*opening, *lines)))
        return path

    return write


@pytest.fixture
async def replayed(stage):
    """Serves a recording and dials it; what was otherwise than on it is in `stage.mismatches`."""
    stage.mismatches = []

    async def dial(path: Path, **options: Any) -> Any:
        if not stage.url:
            await stage.serve(tape=read_tape(path), on_mismatch=stage.mismatches.append, **options)
        return await stage.dial()

    return dial


async def settled(stage):
    """The connection is over on the server's side, too."""
    async with asyncio.timeout(10):
        while "gone" not in stage.notes[-1]:
            await asyncio.sleep(0.01)


TALK = (
    (1.0, "c", typed("Hello")),
    (1.7, "s", says("Good ")),
    (2.7, "s", says("day.")),
    (3.0, "s", TURN_COMPLETE),
)


async def test_a_client_that_says_the_same_gets_the_same_in_the_same_time(stage, replayed, tape):
    client = await replayed(tape(*TALK))
    await client.setup(MODEL)
    began = client.clock.now()
    await client.type("Hello")
    got = await client.turn()

    assert got == [says("Good "), says("day."), TURN_COMPLETE]
    after = [at - began for at in client.at[-3:]]
    assert after[0] >= 0.7
    assert after[1] >= 1.7
    assert after[2] >= 2.0
    await client.ws.close()
    await settled(stage)
    assert stage.mismatches == []


async def test_other_words_of_the_same_sort_are_told_and_answered_all_the_same(stage, replayed, tape):
    client = await replayed(tape(*TALK))
    await client.setup(MODEL)
    await client.send(clientContent={"turns": [{"role": "user", "parts": [{"text": "Bye"}]}], "turnComplete": True})
    await client.turn()
    assert stage.mismatches == ["#1 expected live text 'Hello', got content 'Bye'"]


async def test_what_has_no_place_is_told_and_passed_over(stage, replayed, tape):
    client = await replayed(tape(*TALK))
    await client.send(setup={"model": "models/gemini-3.1-flash-live-preview", "outputAudioTranscription": {}})
    await client.until("sessionResumptionUpdate")
    await client.send(realtimeInput={"audioStreamEnd": True})
    await client.type("Hello")
    await client.turn()
    await client.type("More")
    assert await client.closed() == (1011, "The recording ends here.")
    assert stage.mismatches == [
        f"#1 expected model {MODEL}, got models/gemini-3.1-flash-live-preview",
        "#1 expected live text 'Hello', got audioStreamEnd",
        "#1 live text 'More' after the end of the recording",
    ]


async def test_a_client_that_leaves_early_is_told_of(stage, replayed, tape):
    client = await replayed(tape(*TALK))
    await client.setup(MODEL)
    await client.ws.close()
    await settled(stage)
    assert stage.mismatches == ["#1 the client left before live text 'Hello'"]


SPOKEN = (
    *[(1 + i / 10, "c", sound(100)) for i in range(10)],
    (2.0, "s", {"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.5s"}}),
    *[(2 + i / 10, "c", sound(100)) for i in range(20)],
    (4.0, "s", says("I heard you.")),
    (4.1, "c", sound(100)),
    (4.2, "s", TURN_COMPLETE),
)


@pytest.mark.parametrize("ms", [20, 100, 370, 3100])
async def test_sound_is_one_thing_however_it_is_cut(stage, replayed, tape, ms):
    client = await replayed(tape(*SPOKEN))
    await client.setup(MODEL)
    for _ in range(-(-3100 // ms)):
        await client.send(**sound(ms))
    assert says("I heard you.") in await client.turn()
    await client.ws.close()
    await settled(stage)
    assert stage.mismatches == []


async def test_the_server_waits_for_the_sound_that_it_had_heard(stage, replayed, tape):
    client = await replayed(tape(*SPOKEN))
    await client.setup(MODEL)
    await client.send(**sound(1000))
    await client.until("voiceActivity")
    await client.nothing_for(5)
    await client.send(**sound(2100))
    await client.turn()


async def test_sound_that_nobody_reacted_to_may_come_or_stay_away(stage, replayed, tape):
    lines = [(0.5 + i / 10, "c", sound(100)) for i in range(30)]
    path = tape(*sorted([*lines, *TALK], key=lambda line: line[0]))
    for noisy in (False, True):
        client = await replayed(path)
        await client.setup(MODEL)
        if noisy:
            await client.say(bytes(32_000))
        await client.type("Hello")
        await client.turn()
        await client.ws.close()
        await settled(stage)
    assert stage.mismatches == []


CALLS = (
    (1.0, "c", typed("Both")),
    (1.5, "s", {"toolCall": {"functionCalls": [{"name": "a", "args": {}, "id": "1"}, {"name": "b", "id": "2"}]}}),
    (1.6, "c", answers(("1", "a"))),
    (1.7, "c", answers(("2", "b"))),
    (2.0, "s", says("Done.")),
    (2.1, "s", TURN_COMPLETE),
)


@pytest.mark.parametrize(
    "sent",
    [
        [answers(("1", "a")), answers(("2", "b"))],
        [answers(("2", "b")), answers(("1", "a"))],
        [answers(("1", "a"), ("2", "b"))],
    ],
)
async def test_answers_may_come_together_and_in_any_order(stage, replayed, tape, sent):
    client = await replayed(tape(*CALLS))
    await client.setup(MODEL)
    await client.type("Both")
    await client.until("toolCall")
    for message in sent:
        await client.send(**message)
    assert says("Done.") in await client.turn()
    assert stage.mismatches == []


async def test_an_answer_to_something_else_is_told(stage, replayed, tape):
    client = await replayed(tape(*CALLS))
    await client.setup(MODEL)
    await client.type("Both")
    await client.until("toolCall")
    await client.send(**answers(("3", "c")))
    await client.send(**answers(("1", "b"), ("2", "b")))
    await client.turn()
    assert stage.mismatches == [
        "#1 an answer to 3, which the recording does not hold",
        "#1 expected an answer of a, got one of b",
    ]


async def test_a_session_is_taken_up_again_where_the_recording_took_it_up(stage, replayed, tape):
    again = {"setup": {"model": MODEL, "sessionResumption": {"handle": "[handle]"}}}
    second = [(5.0, "c", again), (5.3, "s", {"setupComplete": {}}), (5.31, "s", HANDLE)]
    path = tape(*TALK, *second, (6.0, "c", typed("Again")), (6.2, "s", says("Yes.")), (6.3, "s", TURN_COMPLETE))
    client = await replayed(path)
    await client.setup(MODEL)
    handle = client.seen[-1]["sessionResumptionUpdate"]["newHandle"]
    await client.type("Hello")
    await client.turn()
    await client.ws.close()

    resumed = await replayed(path)
    await resumed.setup(MODEL, sessionResumption={"handle": handle})
    await resumed.type("Again")
    assert says("Yes.") in await resumed.turn()
    other = await replayed(path)
    await other.send(setup={"model": MODEL, "sessionResumption": {"handle": "x"}})
    assert (await other.closed())[0] == 1008
    assert stage.mismatches == []


async def test_the_end_is_performed_as_it_was(stage, replayed, tape):
    reason = "You exceeded your current quota, please check your plan and billing details."
    end = {"by": "s", "code": 1011, "reason": reason}
    client = await replayed(tape((0.5, "close", end)))
    await client.setup(MODEL)
    assert await client.closed() == (1011, reason)
    assert stage.mismatches == []


async def test_a_message_that_was_no_json_is_sent_as_it_was(replayed, tape):
    client = await replayed(tape((0.5, "s", '{"serverContent": {"turn'), (0.6, "s", TURN_COMPLETE)))
    await client.setup(MODEL)
    assert await client.ws.recv() == b'{"serverContent": {"turn'


async def test_the_talks_of_a_folder_are_performed_in_turns(stage, replayed, tape, tmp_path):
    for name in ("one", "two"):
        tape((1.0, "c", typed("Hi")), (1.1, "s", says(name)), (1.2, "s", TURN_COMPLETE), name=f"{name}.jsonl")
    for expected in ("one", "two", "one"):
        client = await replayed(tmp_path)
        await client.setup(MODEL)
        await client.type("Hi")
        assert says(expected) in await client.turn()


async def test_a_recording_of_the_simulator_is_replayed_in_the_same_kinds(stage, replayed, sounds, tmp_path):
    from flashlive_cli.cli.traffic import TrafficFiles

    with TrafficFiles(tmp_path / "traffic", failed=pytest.fail) as files:
        await stage.serve(on_wire=files.take)
        client = await stage.dial()
        await client.setup(MODEL)
        await client.say(sounds.silence(0.3) + sounds.speech_like(1.5) + sounds.silence(1.5), pace=True)
        spoken = await client.turn()
        await client.type("Hello")
        both = [spoken, await client.turn()]
        await client.ws.close()
        await settled(stage)
    stage.url = ""

    client = await replayed(tmp_path / "traffic")
    await client.setup(MODEL)
    await client.say(sounds.silence(0.3) + sounds.speech_like(1.5) + sounds.silence(1.5))
    spoken = await client.turn()
    await client.type("Hello")
    replayed_both = [spoken, await client.turn()]
    assert replayed_both == both
    await client.ws.close()
    await settled(stage)
    assert stage.mismatches == []


def test_steps_are_what_the_client_said(tape):
    path = tape(*CALLS, (3, "c", {"realtimeInput": {"activityStart": {}}}), *[(t + 4, by, w) for t, by, w in SPOKEN])
    ((scene,),) = read_tape(path).talks
    assert [type(step) for step in scene.steps] == [Begun, Typed, Answers, Answers, Heard]
    heard = scene.steps[-1]
    assert isinstance(heard, Heard)
    assert heard.needed_s == pytest.approx(3.1)
    assert ActivityStart not in {type(step) for step in scene.steps}, "explicit activity is refused under detection"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing to replay"),
        ('{"t": 0, "s": {"setupComplete": {}}}\n', "nothing to replay"),
        ('{"t": 0, "c": {}}\n[]\n', r"wire.jsonl:2: not a recorded message"),
        ('{"t": "0"}\n{}\n', r"wire.jsonl:1: not a recorded message"),
        ('{\n{"t": 0}\n', r"wire.jsonl:1: not JSON"),
        ('{"t": 0, "c": {"setup": {"modell": 1}}}\n', r"wire.jsonl:1: .*Unknown name"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(tmp_path, text, words):
    path = tmp_path / "wire.jsonl"
    path.write_text(text)
    with pytest.raises((ConfigError, FileError), match=words):
        read_tape(path)


def test_a_torn_last_line_is_no_reason_to_refuse_the_rest(tape):
    path = tape(*TALK)
    path.write_text(path.read_text() + '{"t": 9, "s": {"serv')
    assert len(read_tape(path).talks[0][0].cues) == 5


@given(st.lists(st.text(max_size=40) | st.sampled_from(['{"t":0,"c":{"setup":{"model":"m"}}}', '{"t":1,"s":[1]}'])))
def test_any_file_is_read_or_refused(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tape") / "x.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    with contextlib.suppress(FlashliveError):
        read_tape(path)
