"""`flashlive talk` against the simulator: what it prints, what it writes, what it takes from a pipe."""

import json
import subprocess
import wave
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FAST = ("--sim", "--speed", "10")


def frames_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        return file.readframes(file.getnframes())


def test_the_demo_holds_a_spoken_conversation_with_a_tool(shell) -> None:
    done = shell(
        "talk", *FAST, "--format", "json", "--scenario", EXAMPLES / "order-status.toml",
        "--input", EXAMPLES / "where-is-my-order.wav", "--tools", EXAMPLES / "tools.py", "--output", "answer.wav",
    )  # fmt: skip

    assert done.code == 0, done
    assert done.record("session.ready")["tools"][0] == "check_order_status"
    called, finished = done.record("tool.called"), done.record("tool.finished")
    assert (called["name"], called["args"]) == ("check_order_status", {"order_id": "A-1001"})
    assert finished["ok"]
    assert "Thursday" in finished["response"]["output"]
    said = {record["role"]: record["text"] for record in done.records() if record.get("final")}
    assert said["user"] == "Where is my order A-1001?"
    assert "shipped" in said["model"]
    assert done.record("latency")["total_ms"] > 0
    assert done.record("session.closed")["code"] == 1000
    times = [record["t"] for record in done.records()]
    assert times == sorted(times)
    answer = frames_of(shell.folder / "answer.wav")
    assert len(answer) / 48000 == pytest.approx(done.record("reply.complete")["audio_ms"] / 1000, abs=0.001)
    assert len(answer) > 48000
    assert max(answer[1::2]) > 0


def test_turns_are_taken_in_the_order_given_whether_spoken_or_typed(shell) -> None:
    clip = shell.wav("clip.wav")

    done = shell("talk", *FAST, "-x", "first", "-i", clip, "-x", "last")

    assert done.code == 0, done
    said = [line for line in done.out.splitlines() if line.startswith("you: ")]
    assert [said[0], said[2]] == ["you: first", "you: last"]
    assert "speech" in said[1]
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["you", "gemini"] * 3


def test_a_wav_comes_in_by_a_pipe_and_the_voice_goes_out_by_one(shell) -> None:
    clip = shell.wav("clip.wav", rate=44100)

    with shell.started("talk", *FAST, "-i", "-", "-o", "-", stdin=subprocess.PIPE) as process:
        process.stdout.reconfigure(encoding="latin-1", newline="")
        process.stdin.buffer.write(clip.read_bytes())
        process.stdin.close()
        voice = process.stdout.read().encode("latin-1")
        notes = process.stderr.read()
        assert process.wait() == 0, notes

    assert voice[:4] == b"RIFF"
    assert len(voice) > 24000
    assert "you: " in notes
    assert "gemini: " in notes


def test_raw_sound_comes_in_by_a_pipe(shell) -> None:
    sound = shell.wav("clip.wav").read_bytes()[44:]

    with shell.started("talk", *FAST, "-i", "-", "--raw", stdin=subprocess.PIPE) as process:
        process.stdin.buffer.write(sound)
        process.stdin.close()
        assert "you: " in process.stdout.read()
        assert process.wait() == 0


def test_a_barge_in_within_a_clip_cuts_the_reply_that_the_file_holds(shell) -> None:
    """The user asks for something long, waits a little, and speaks again: the rest of the reply is not in the file."""
    one = shell.wav("one.wav", seconds=0.8).read_bytes()[44:]
    with wave.open(str(shell.folder / "cut.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(one + bytes(32000 * 4) + one)
    (shell.folder / "long.toml").write_text(
        '[[turn]]\n[turn.sim]\nheard = "Tell me a story"\nreply = "'
        + "Once upon a time there was a king. " * 12
        + '"\n'
        '[[turn]]\n[turn.sim]\nheard = "Stop"\nreply = "Fine."\n'
    )

    done = shell(
        "talk", "--sim", "--speed", "5", "--format", "json", "--scenario", "long.toml", "-i", "cut.wav", "-o", "o.wav"
    )

    assert done.code == 0, done
    flushed = done.record("reply.flushed")
    assert flushed["dropped_ms"] > 1000
    cut, whole = (record for record in done.records() if record.get("final") and record["role"] == "model")
    assert cut["text"].startswith(cut["heard"])
    assert 0 < len(cut["heard"]) < len(cut["text"])
    assert whole["heard"] == whole["text"] == "Fine."
    barge_in = next(record for record in done.records() if record.get("kind") == "barge_in")
    assert 0 < barge_in["speech_start_to_interrupted_ms"] < 1500
    heard_ms = len(frames_of(shell.folder / "o.wav")) / 48
    assert heard_ms == pytest.approx(flushed["heard_ms"] + done.record("reply.complete")["audio_ms"], abs=30)


@pytest.mark.parametrize(
    "model",
    [
        "gemini-3.1-flash-live-preview",
        "gemini-3.1-flash-live",
        "models/gemini-3.8-live",
        "gemini-3.8-live-extended-thinking",
        "gemini-2.5-flash-native-audio-latest",
    ],
)
def test_every_family_holds_a_conversation_with_a_tool(shell, model: str) -> None:
    done = shell(
        "talk", *FAST, "--model", model, "-t", EXAMPLES / "tools.py", "-x", "How is the weather in Oslo?", "-v", "puck",
        "--thinking", "low", "--language", "en-GB", "--silence-ms", "500", "--start-sensitivity", "low",
    )  # fmt: skip

    assert done.code == 0, done
    assert "tool: get_weather(" in done.out
    assert done.out.splitlines()[-1].startswith("gemini: ")


def test_a_system_instruction_comes_from_a_file(shell) -> None:
    (shell.folder / "s.txt").write_text("Be brief.")

    assert shell("talk", *FAST, "-x", "hi", "-s", "@s.txt").code == 0
    assert shell("talk", *FAST, "-x", "hi", "-s", "@none.txt").code == 2


def test_what_a_tool_prints_and_raises_stays_in_its_lines(shell) -> None:
    (shell.folder / "tools.py").write_text(
        "import sys\n"
        "def shout(text: str) -> str:\n"
        '    """Shout."""\n'
        "    print('loud\\x1b[31m')\n"
        "    sys.exit('leaving')\n"
    )

    done = shell("talk", *FAST, "-t", "tools.py", "-x", "please shout something")

    assert done.code == 0, done
    assert "tool: shout printed: loud" in done.out
    assert "tool: shout -> error: " in done.out
    assert "\x1b" not in done.out + done.err


def test_a_talk_with_a_simulator_of_its_own_process_needs_no_key_on_this_machine(shell) -> None:
    with shell.simulator() as url:
        done = shell("talk", "--url", url, "-x", "hello", "-x", "bye")

    assert done.code == 0, done
    assert "simulator" in done.out


def test_an_answer_that_stalls_for_ever_is_told_and_is_no_success(shell) -> None:
    stalls = '[[turn]]\n[turn.sim]\nreply = "Once upon a time there was a king."\nfaults = ["stall:seconds=0"]\n'
    (shell.folder / "stalls.toml").write_text(stalls)
    result = shell("talk", "--sim", "--scenario", "stalls.toml", "--speed", "20", "-x", "a story", "--format", "json")

    assert result.code == 3
    assert result.record("error")["exit_code"] == 3
    assert "broke off in the middle" in result.record("warning")["message"]


def test_a_limit_ends_a_talk_politely_before_the_next_turn(shell) -> None:
    done = shell("talk", *FAST, "-x", "one", "-x", "two", "--max-duration", "0.5")

    assert done.code == 0
    assert "you: two" not in done.out
    assert "stopped after 0.5 s" in done.err


def test_a_child_process_of_a_tool_does_not_get_between_the_lines(shell) -> None:
    (shell.folder / "tools.py").write_text(
        "import os, sys\n"
        "print('loading\\x1b[31m')\n"
        "sys.stderr.write('\\x1b]0;title\\x07')\n"
        "def shout(text: str) -> str:\n"
        '    """Shout."""\n'
        "    os.system('echo from a child')\n"
        "    return 'done'\n"
    )

    with shell.started("talk", *FAST, "-t", "tools.py", "-x", "please shout", "--format", "json") as process:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err

    assert [json.loads(line)["type"] for line in out.splitlines()][-1] == "session.closed"
    assert "from a child" in err
    assert "loading\\x1b[31m" in err
    assert "\x1b" not in err


def test_a_tool_takes_the_time_it_takes_however_fast_the_talk_runs(shell) -> None:
    """It is told in the conversation's seconds, of which ten pass in one: as the stamps of its events tell it."""
    (shell.folder / "tools.py").write_text(
        "import time\ndef nap(text: str) -> str:\n    '''Nap.'''\n    time.sleep(0.2)\n    return 'slept'\n"
    )

    done = shell("talk", *FAST, "-t", "tools.py", "-x", "nap please", "--format", "json")

    called, finished = done.record("tool.called"), done.record("tool.finished")
    assert finished["duration_ms"] >= 2000
    assert finished["duration_ms"] == pytest.approx(1000 * (finished["t"] - called["t"]), abs=50)
