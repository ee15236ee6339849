"""Reading `[turn.sim]`, and playing it."""

import struct
import tomllib
import wave
from pathlib import Path

import pytest

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.sim.script import ScriptedCall, read_script
from tests.sim.pictures import RED_PNG, RED_WORDS


@pytest.fixture
def scenario(tmp_path):
    def write(text):
        path = tmp_path / "order.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def load_script(path):
    return read_script(tomllib.loads(path.read_text(encoding="utf-8")), path)


def write_wav(path, seconds=0.5, rate_hz=24_000, width=2):
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(width)
        wav.setframerate(rate_hz)
        wav.writeframes(b"\x10" * width * round(seconds * rate_hz))


def test_the_example_is_read():
    script = load_script(Path(__file__).parents[2] / "examples" / "order-status.toml")
    (turn,) = script.turns
    assert turn.heard == "Where is my order A-1001?"
    assert turn.calls == (ScriptedCall("check_order_status", {"order_id": "A-1001"}),)


def test_keys_of_others_are_left_alone_and_silent_turns_are_none(scenario):
    script = load_script(
        scenario(
            """
            name = "x"
            tools = "tools.py"
            [[turn]]
            silence_ms = 2000
            [[turn]]
            text = "Hi"
            after = { event = "reply.first_sample", ms = 800 }
            expect = { anything = 1 }
            [[turn]]
            say = "a.wav"
            sim = { reply = "Yes.", delay_ms = 1500 }
            """
        )
    )
    assert [(turn.reply, turn.delay_ms) for turn in script.turns] == [(None, None), ("Yes.", 1500)]


@pytest.mark.parametrize(
    ("sim", "words"),
    [
        ('rply = "x"', "turn 1: unknown key `rply` in [turn.sim]; did you mean `reply`?"),
        ("zzz = 1", "known are heard, reply, calls, voice_wav, delay_ms"),
        ("heard = 1", "`heard` must be text"),
        ("delay_ms = true", "`delay_ms` must be a number of milliseconds"),
        ("delay_ms = -1", "delay_ms must be between"),
        ('sees = "a cat"', "`sees` must be a number of pictures"),
        ("sees = -1", "sees must be between"),
        ("calls = 1", "`calls` must be a list"),
        ("calls = [1]", "each of `calls`"),
        ("calls = [{}]", "a call needs a `name`"),
        ('calls = [{ name = "f", arg = {} }]', "unknown key `arg` in `calls`; did you mean `args`?"),
        ('calls = [{ name = "f", args = { d = 2026-01-01 } }]', "cannot be said in JSON"),
        ('reply = "{result}"', "{result} in `reply` stands for nothing, because the turn makes no calls"),
        ('reply = "{resul}"\ncalls = [{ name = "f" }]', "did you mean `result`?"),
    ],
)
def test_a_mistake_names_file_turn_and_key(scenario, sim, words):
    path = scenario(f"[[turn]]\n[turn.sim]\n{sim}\n")
    with pytest.raises(ConfigError) as error:
        load_script(path)
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


def test_other_shapes_are_refused(scenario):
    for text in ("turn = 1", "turn = [1]", "[[turn]]\nsim = 1", '[[turn]]\nsilence_ms = 1\nsim = { reply = "" }'):
        with pytest.raises(ConfigError):
            load_script(scenario(text))


def test_recordings_that_cannot_be_read(scenario, tmp_path):
    missing = '[[turn]]\n[turn.sim]\nvoice_wav = "no.wav"\n'
    with pytest.raises(FileError, match=r"no\.wav: No such file"):
        load_script(scenario(missing))
    write_wav(tmp_path / "no.wav", width=1)
    with pytest.raises(FileError, match="not a WAV file of 16-bit PCM"):
        load_script(scenario(missing))


async def test_a_script_is_played_turn_by_turn_and_then_left(stage, sounds, scenario, tmp_path):
    write_wav(tmp_path / "answer.wav", 0.5)
    path = scenario(
        """
        [[turn]]
        [turn.sim]
        heard = "What do I hear?"
        reply = "A recording."
        voice_wav = "answer.wav"
        [[turn]]
        [turn.sim]
        calls = [{ name = "f", args = { a = [1, 2] } }, { name = "g" }]
        reply = "F gave {f}, both gave {result}."
        delay_ms = 1500
        """
    )
    await stage.serve(script=load_script(path))
    for _ in range(2):  # every connection plays it from its start
        client = await stage.dial()
        await client.setup()
        await client.say(sounds.speech_like(1) + sounds.silence(1.5))
        turn = await client.turn()
        assert next(m for m in turn if "inputTranscription" in m.get("serverContent", {})) == {
            "serverContent": {"inputTranscription": {"text": "What do I hear?"}}
        }
        assert sounds.said(turn) == "A recording."
        assert b"".join(map(sounds.pcm_of, turn)) == b"\x10\x10" * 12_000

        asked_at = client.clock.now()
        await client.type("anything")
        calls = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"]
        assert client.clock.now() - asked_at >= 1.5
        assert [(call["name"], call["args"]) for call in calls] == [("f", {"a": [1, 2]}), ("g", {})]
        for call in calls:
            answer = {"id": call["id"], "name": call["name"], "response": {"output": call["name"].upper()}}
            await client.send(toolResponse={"functionResponses": [answer]})
        assert sounds.said(await client.turn()) == "F gave F, both gave F G."
        await client.type("on your own")
        assert sounds.said(await client.turn()) == "You typed: on your own"


def test_a_turn_that_expects_silence_is_none_unless_it_says_how_it_is_played(scenario):
    script = load_script(
        scenario(
            """
            [[turn]]
            say = "knock.wav"
            expect = { silence = true }
            [[turn]]
            say_text = "Hi"
            expect = { silence = true }
            sim = { reply = "I should not say this." }
            """
        )
    )
    (turn,) = script.turns
    assert turn.reply == "I should not say this."
    assert turn.spoken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[turn]]\n[turn.sim]\ncalls = [{ name = "f", answer = "a{99999999999}" }]',
            "`answer` is no regular expression",
        ),
        (
            f'[[turn]]\n[turn.sim]\ncalls = [{{ name = "f", answer = "{"(" * 3000}{")" * 3000}" }}]',
            "`answer` is no regular",
        ),
        ('[[turn]]\n[turn.sim]\nvoice_wav = "a\\u0000b"', "null byte"),
    ],
    ids=["repetition", "depth of a pattern", "zero byte"],
)
def test_what_is_beyond_reading_is_told_as_any_other_mistake(scenario, text, words):
    path = scenario("")
    path.write_text(text)

    with pytest.raises((ConfigError, FileError), match=words):
        load_script(path)


@pytest.mark.parametrize("rate_hz", [1, 2**32 - 1])
def test_a_recording_at_an_impossible_rate_is_refused(scenario, tmp_path, rate_hz):
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 0, 2, 16)
    sound = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff" + bytes(2000)
    (tmp_path / "answer.wav").write_bytes(sound)

    with pytest.raises(FileError, match="not a WAV file of 16-bit PCM"):
        load_script(scenario('[[turn]]\n[turn.sim]\nvoice_wav = "answer.wav"'))


async def test_calls_of_functions_that_nobody_declared_are_doubted_once(stage, scenario):
    """They are made all the same: what a client answers then is worth a test."""
    calls = 'calls = [{ name = "f" }, { name = "g" }, { name = "f" }]'
    path = scenario(f"[[turn]]\n[turn.sim]\n{calls}\n[[turn]]\n[turn.sim]\n{calls}\n")
    doubts: list[str] = []
    mismatches: list[str] = []
    await stage.serve(script=load_script(path), on_doubt=doubts.append, on_mismatch=mismatches.append)
    for _ in range(2):
        client = await stage.dial()
        await client.setup(tools=[{"functionDeclarations": [{"name": "g"}]}])
        await client.type("anything")
        await client.until("toolCall")
        await client.type("and again")
        await client.until("toolCall")
    assert doubts == [
        "the scenario calls f, which the client has not declared: the service would never do that",
    ]
    assert mismatches == []


async def test_a_reply_tells_of_the_pictures_that_came(stage, sounds, scenario):
    path = scenario('[[turn]]\n[turn.sim]\nsees = 1\nreply = "Look: {seen}"\n' * 2)
    await stage.serve(script=load_script(path))
    client = await stage.dial()
    await client.setup()
    await client.send(realtime_input={"video": {"data": RED_PNG, "mime_type": "image/png"}})
    await client.type("What is it?")
    assert f"Look: I see a picture of {RED_WORDS}." in sounds.said(await client.turn())
    await client.type("And now?")
    assert "Look: I see no picture." in sounds.said(await client.turn())
