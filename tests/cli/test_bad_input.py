"""Bad input gets one clear line and the right exit code."""

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SIM = ("talk", "--sim", "--speed", "20", "-x", "hi")

WRONG = {
    "no command of that name": (("tolk",), 2, "tolk"),
    "unknown option": (("talk", "--voise", "x"), 2, "--voice"),
    "option without a value": (("talk", "--voice"), 2, "--voice"),
    "an empty turn": (("talk", "--sim", "-x", ""), 2, "empty"),
    "a microphone beside a file": (("talk", "--sim", "-i", "mic", "-x", "hi"), 2, "--input mic"),
    "a microphone that runs fast": (("talk", "--sim", "--speed", "2"), 2, "--speed"),
    "no key": (("talk", "-x", "hi"), 2, "GEMINI_API_KEY"),
    "unknown voice": ((*SIM, "--voice", "Pukc"), 2, "Puck"),
    "retired model": ((*SIM, "--model", "gemini-2.0-flash-live-001"), 2, "gemini-3.8-live"),
    "unknown model": ((*SIM, "--model", "gemini-9-live-x"), 3, "gemini-3.8-live"),
    "a number that is none": ((*SIM, "--silence-ms", "soon"), 2, "silence-ms"),
    "a number out of range": ((*SIM, "--silence-ms", "-1"), 2, "silence-ms"),
    "a choice that is none": ((*SIM, "--thinking", "deeply"), 2, "thinking"),
    "speed zero": (("talk", "--sim", "--speed", "0", "-x", "hi"), 2, "speed"),
    "speed on the service": (("talk", "--speed", "2", "-x", "hi"), 2, "--sim"),
    "scenario on the service": (("talk", "--scenario", "s.toml", "-x", "hi"), 2, "--sim"),
    "scenario that is not there": ((*SIM, "--scenario", "none.toml"), 2, "none.toml"),
    "scenario with a slip": ((*SIM, "--scenario", "slip.toml"), 2, "reply"),
    "raw without a pipe": ((*SIM, "--raw"), 2, "--input -"),
    "stdin twice": (("talk", "--sim", "-i", "-", "-i", "-"), 2, "once"),
    "simulator and address": ((*SIM, "--url", "ws://127.0.0.1:1"), 2, "--url"),
    "address in the clear": (("talk", "-x", "hi", "--url", "ws://example.com"), 2, "unencrypted"),
    "address no name server knows": (("talk", "-x", "hi", "--url", "wss://a..b"), 2, "no URL"),
    "address that is none": (("talk", "-x", "hi", "--url", "nonsense"), 2, "nonsense"),
    "config that is not there": ((*SIM, "--config", "none.toml"), 2, "none.toml"),
    "config that is not TOML": ((*SIM, "--config", "broken.toml"), 2, "broken.toml:1"),
    "config with a slip": ((*SIM, "--config", "voise.toml"), 2, "did you mean voice"),
    "config with a wrong type": ((*SIM, "--config", "type.toml"), 2, "silence_ms"),
    "profile that is not there": ((*SIM, "--profile", "fast"), 2, "fast"),
    "input that is not there": (("talk", "--sim", "-i", "none.wav"), 2, "none.wav"),
    "input that is a folder": (("talk", "--sim", "-i", "."), 2, "directory"),
    "input that is empty": (("talk", "--sim", "-i", "empty.wav"), 2, "empty"),
    "input that is no WAV": (("talk", "--sim", "-i", "text.wav"), 2, "text.wav"),
    "input that is an MP3": (("talk", "--sim", "-i", "song.mp3"), 2, "ffmpeg"),
    "input cut in its header": (("talk", "--sim", "-i", "torn.wav"), 2, "torn.wav"),
    "input of 0 Hz": (("talk", "--sim", "-i", "zero.wav"), 2, "0 Hz"),
    "input compressed": (("talk", "--sim", "-i", "adpcm.wav"), 2, "ADPCM"),
    "input that is the output": (("talk", "--sim", "-i", "good.wav", "-o", "good.wav"), 2, "overwrite"),
    "output in no folder": ((*SIM, "-o", "nowhere/x.wav"), 2, "nowhere"),
    "output that is a folder": ((*SIM, "-o", "."), 2, "directory"),
    "output to a full disk": ((*SIM, "-o", "/dev/full"), 2, "No space left"),
    "log in no folder": ((*SIM, "--log-file", "nowhere/x.log"), 2, "nowhere"),
    "tools that are not there": ((*SIM, "-t", "none.py"), 2, "none.py"),
    "tools with a syntax error": ((*SIM, "-t", "syntax.py"), 2, "syntax.py:2"),
    "tools that do not import": ((*SIM, "-t", "raises.py"), 2, "raises.py:1"),
    "tools without types": ((*SIM, "-t", "untyped.py"), 2, "town"),
    "tools beyond the schema": ((*SIM, "-t", "beyond.py"), 2, "number"),
    "instruction that is not there": ((*SIM, "-s", "@none.txt"), 2, "none.txt"),
    "settings file that is there": (("config", "init", "voise.toml"), 2, "--force"),
    "an option with an escape": (("talk", "--\x1b[31m"), 2, "\\x1b"),
    "a file name with an escape": (("talk", "--sim", "-i", "a\x1b[31m.wav"), 2, "\\x1b"),
}


def header(codec: int = 1, rate: int = 16000) -> bytes:
    import struct

    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 100, b"WAVE", b"fmt ", 16, codec, 1, rate, rate * 2, 2, 16, b"data", 64
    )


@pytest.fixture
def files(shell) -> Path:
    folder: Path = shell.folder
    (folder / "slip.toml").write_text('[[turn]]\n[turn.sim]\nreplay = "x"\n')
    (folder / "broken.toml").write_text("voice = \n")
    (folder / "voise.toml").write_text('voise = "Puck"\n')
    (folder / "type.toml").write_text('silence_ms = "long"\n')
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("hello, this is a text and no sound at all, although its name says so")
    (folder / "song.mp3").write_bytes(b"ID3\x04\0\0" + bytes(100))
    (folder / "torn.wav").write_bytes(header()[:30])
    (folder / "zero.wav").write_bytes(header(rate=0) + bytes(64))
    (folder / "adpcm.wav").write_bytes(header(codec=2) + bytes(64))
    (folder / "good.wav").write_bytes(header() + bytes(64))
    (folder / "syntax.py").write_text("x = 1\ndef f(:\n")
    (folder / "raises.py").write_text("import no_such_module_anywhere\n")
    (folder / "untyped.py").write_text("def weather(town):\n    return town\n")
    (folder / "beyond.py").write_text("def f(number: list) -> str:\n    return ''\n")
    return folder


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("args", "code", "words"), WRONG.values(), ids=WRONG.keys())
def test_bad_input_is_one_clear_line(shell, args, code, words) -> None:
    done = shell(*args)

    assert done.code == code, done
    line = done.err.splitlines()[-1]
    assert line.startswith("flashlive: error: "), done.err
    assert words in line
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    assert done.err.count("error:") == 1


@pytest.mark.parametrize(
    "args",
    [("talk", "-x", "hi"), (*SIM, "-s", "@none.txt"), (*SIM, "--scenario", "none.toml"), (*SIM, "-t", "none.py")],
)
def test_an_output_that_exists_is_not_touched_before_all_else_is_right(shell, args) -> None:
    precious = shell.folder / "precious.wav"
    precious.write_bytes(b"the only copy")

    assert shell(*args, "-o", precious).code == 2
    assert precious.read_bytes() == b"the only copy"


def test_a_wrong_key_is_refused_in_the_services_words_and_never_shown(shell, monkeypatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "sEcReT-wrong")
    with shell.simulator("--key", "right") as url:
        done = shell("talk", "--url", url, "-x", "hi", "--log-level", "debug", "--log-file", "log.txt")

    assert done.code == 3, done
    assert "API key not valid" in done.err
    assert "aistudio.google.com" in done.err
    assert "sEcReT" not in done.out + done.err + (shell.folder / "log.txt").read_text()


def test_a_wrong_option_points_to_the_help_of_its_command(shell) -> None:
    done = shell("talk", "--smi")

    assert done.code == 2
    assert done.err.endswith("(flashlive talk --help shows what there is)\n")


def test_a_server_that_is_not_there_is_exit_3(shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = shell("talk", "--url", f"ws://127.0.0.1:{taken.getsockname()[1]}", "-x", "hi")

    assert (done.code, done.err.count("\n")) == (3, 1), done
    assert "cannot be reached" in done.err


def test_an_error_is_a_record_too_where_records_are_asked_for(shell) -> None:
    done = shell(*SIM, "--format", "json", "--model", "gemini-9-live-x")

    assert done.code == 3
    assert done.record("error")["exit_code"] == 3
    assert "gemini-3.8-live" in done.record("error")["message"]
    assert f"flashlive: error: {done.record('error')['message']}\n" in done.err


def test_a_truncated_wav_is_played_as_far_as_it_goes(shell) -> None:
    whole = shell.wav("clip.wav", seconds=1.0)
    whole.write_bytes(whole.read_bytes()[:-9001])

    done = shell("talk", "--sim", "--speed", "10", "-i", whole)

    assert done.code == 0, done
    assert "clip.wav" in done.err
    assert "you: " in done.out


def test_a_clip_of_silence_is_said_to_be_one(shell, monkeypatch) -> None:
    monkeypatch.setenv("FLASHLIVE_ANSWER_TIMEOUT_S", "0.2")
    clip = shell.folder / "silent.wav"
    clip.write_bytes(header() + bytes(64))

    done = shell("talk", "--sim", "--speed", "10", "-i", clip)

    assert done.code == 3
    assert "nothing that sounds like speech" in done.err


def test_the_answer_is_for_its_owners_eyes_only(shell) -> None:
    assert shell(*SIM, "-o", "answer.wav").code == 0
    assert stat.S_IMODE((shell.folder / "answer.wav").stat().st_mode) == 0o600


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_full_disk_under_stdout_ends_the_talk_in_one_line(shell, form) -> None:
    command = (*SIM, "--format", form)
    with open("/dev/full", "w") as full, shell.started(*command, stdout=full) as process:  # noqa: PTH123 - a device
        assert process.wait(30) == 1
        err = process.stderr.read()

    assert err.count("stdout takes no more output: No space left on device\n") == 1
    assert "Traceback" not in err


def test_a_reader_who_leaves_ends_the_talk_quietly(shell) -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as pipe, shell.started(*SIM, "-x", "two", "-x", "three", stdout=pipe) as process:
        os.close(ours)
        assert process.wait(30) == 1
        err = process.stderr.read()

    assert "Traceback" not in err
    assert err.count("error:") == 1


@pytest.mark.parametrize("ending", [("--url", "ws://127.0.0.1:1"), ("--sim", "--model", "gemini-9-live-x")])
def test_an_output_that_exists_is_not_touched_before_the_service_has_accepted(shell, ending) -> None:
    precious = shell.folder / "precious.wav"
    precious.write_bytes(b"the only copy")

    assert shell("talk", "-x", "hi", *ending, "-o", precious).code == 3
    assert precious.read_bytes() == b"the only copy"
    assert shell("talk", "-x", "hi", *ending, "-o", "new.wav").code == 3
    assert not (shell.folder / "new.wav").exists()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "args",
    [
        ("-t", "one.py", "-o", "link.wav"),
        ("-s", "@sys.wav", "-o", "sys.wav"),
        ("--scenario", "script.wav", "-o", "./script.wav"),
        ("-i", "good.wav", "--log-file", "good.wav"),
        ("-o", "new.wav", "--log-file", "new.wav"),
    ],
    ids=" ".join,
)
def test_nothing_that_is_read_is_written_over(shell, args) -> None:
    for name in ("one.py", "sys.wav", "script.wav"):
        (shell.folder / name).write_text("# mine")
    (shell.folder / "link.wav").symlink_to("one.py")
    before = {path: path.read_bytes() for path in shell.folder.glob("*.*") if path.is_file()}

    done = shell(*SIM, *args)

    assert done.code == 2, done
    assert "would overwrite" in done.err
    assert {path: path.read_bytes() for path in shell.folder.glob("*.*") if path.is_file()} == before


def test_a_closed_stdout_is_one_line(shell) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m flashlive_cli talk --sim -x hi >&-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    assert "standard output is closed" in done.stderr


@pytest.mark.parametrize("command", [("voices",), ("models",), ("config", "show")])
def test_a_full_disk_under_any_command_is_one_line(shell, command) -> None:
    with open("/dev/full", "w") as full, shell.started(*command, stdout=full) as process:  # noqa: PTH123 - a device
        assert process.wait(20) == 1
        assert process.stderr.read() == "flashlive: error: stdout takes no more output: No space left on device\n"


def test_a_wrong_setting_names_its_source(shell) -> None:
    (shell.folder / "flashlive.toml").write_text('voice = "Pukc"\n')

    done = shell(*SIM)

    assert done.code == 2
    assert "flashlive.toml: there is no voice 'Pukc'; the nearest is Puck" in done.err


NOBODY = "~nobody-of-that-name/x"


@pytest.mark.skipif(sys.platform == "win32", reason="there every name has a home, beside one's own")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param((*SIM, "-s", f"@{NOBODY}"), id="instruction"),
        pytest.param((*SIM, "-t", NOBODY), id="tools"),
        pytest.param((*SIM, "--mcp", NOBODY), id="servers"),
        pytest.param((*SIM, "--record", NOBODY), id="recording"),
        pytest.param((*SIM, "--transcript", NOBODY), id="transcript"),
        pytest.param((*SIM, "--video", NOBODY), id="video"),
        pytest.param(("tools", EXAMPLES / "tools.py", "--call", "get_weather", "--args", f"@{NOBODY}"), id="arguments"),
        pytest.param(("sessions", "list"), id="where recordings are"),
    ],
)
def test_a_path_into_the_home_of_nobody_is_one_line(shell, monkeypatch, command) -> None:
    if command[0] == "sessions":
        monkeypatch.setenv("FLASHLIVE_RECORD", NOBODY)

    outcome = shell(*command)

    assert outcome.code == 2
    assert outcome.err == f"flashlive: error: {NOBODY}: nobody here has that home\n"
