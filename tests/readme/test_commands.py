"""Every command of the README is typed as it stands there, by somebody who has just come."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.readme.conftest import CHECKOUT, Stranger, seconds_of
from tests.readme.shell import commands_of

COMMANDS = [each for name in ("README.md", "docs/pytest.md") for each in commands_of(CHECKOUT / name)]

ELSEWHERE = {
    "make test": "this is what it runs",
    "pipx install .": "tests/test_packaging.py installs what was built, as pipx does",
    "pip install 'flashlive-cli[tls]'": "the same, by the name it is to have",
    "pip install 'flashlive-cli[video]'": "the same",
    "export GEMINI_API_KEY=…": "the fixture `service` does, for a shell of its own",
}
"""Commands that are carried out, but not here: and where."""


TYPED: set[str] = set()


def these(*texts: str) -> pytest.MarkDecorator:
    """Commands that a test types; it gets them as `typed`."""
    TYPED.update(texts)
    return pytest.mark.parametrize("typed", [texts], ids=["walk"])


def types(stranger: Stranger, text: str, *, patience_s: float = 50) -> str:
    """Type a command that ends by itself, and well; return what it printed."""
    done = subprocess.run(
        ["sh", "-c", text], cwd=stranger.here, env=stranger.env, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False, timeout=patience_s,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def running(stranger: Stranger, *texts: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Type commands that go on until Ctrl-C; the last is the one that is waited for."""
    with contextlib.ExitStack() as stack:
        for text in texts:
            alone = "exec " * (not any(sign in text for sign in "|&"))
            process = subprocess.Popen(
                ["sh", "-c", alone + text.removesuffix("&")], cwd=stranger.here, env=stranger.env,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            stack.callback(process.communicate)
            stack.callback(_kill, process.pid)
        yield process


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def until_played(stranger: Stranger, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 40
    while len(set(stranger.played)) < 100:
        assert process.poll() is None, process.stdout.read() if process.stdout else b""
        assert time.monotonic() < deadline, "no answer was heard"
        time.sleep(0.1)


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)


@pytest.mark.timeout(120)
@these("make demo")
def test_make_demo_shows_what_the_readme_shows(stranger, typed) -> None:
    (stranger.here / ".venv").symlink_to(sys.prefix)  # what `make` would spend a minute on
    told = types(stranger, f"{typed[0]} -o .venv/.installed", patience_s=100)

    assert "gemini: Your order A-1001 has shipped and arrives on Thursday." in told
    assert seconds_of(stranger.here / "demo.wav") > 1


@these(
    'flashlive talk --text "Tell me a joke" --output joke.wav',
    "flashlive talk --input question.wav --voice Puck --tools tools.py --output answer.wav",
)
def test_first_words_with_a_key(stranger, service, typed) -> None:
    joke, question = typed
    assert "gemini:" in types(stranger, joke)
    assert seconds_of(stranger.here / "joke.wav") > 1

    stranger.have("question.wav")
    shutil.copyfile(stranger.here / "examples" / "tools.py", stranger.here / "tools.py")
    types(stranger, question)
    assert seconds_of(stranger.here / "answer.wav") > 1


@these(
    "flashlive sessions list",
    "flashlive sessions show last",
    "flashlive sessions export last --output talk.srt",
    "flashlive sessions export last --scenario tests/refund",
    "flashlive sessions export last --scenario tests/voice/refund",
    "flashlive test tests/voice/refund --sim",
    "flashlive test tests/voice/refund/scenario.toml --update-from evidence/refund",
    "pytest tests/voice --flashlive-speed 10",
    "pytest tests/voice --flashlive-url google -k smoke",
)
@pytest.mark.timeout(120)
def test_recordings_are_listed_shown_exported_and_tested(stranger, service, typed) -> None:
    types(stranger, "flashlive talk --text hello --record talks")
    lists, shows, exports, *scenarios = typed
    assert "gemini-3.1" in types(stranger, lists)
    assert "hello" in types(stranger, shows)
    types(stranger, exports)
    assert "hello" in (stranger.here / "talk.srt").read_text(encoding="utf-8")

    one, other, holds, updates, collects, collects_with_key = scenarios
    types(stranger, one)
    types(stranger, other)
    assert "1 passed" in types(stranger, holds)
    types(stranger, f"{holds} --evidence evidence && mv evidence/* evidence/refund")
    types(stranger, updates)
    scenario = stranger.here / "tests" / "voice" / "refund" / "scenario.toml"
    text = scenario.read_text(encoding="utf-8")
    scenario.write_text(f'tags = ["smoke"]\n{text}', encoding="utf-8")
    ours = f" -c {_their_settings(stranger)} --rootdir {stranger.here} -p no:cacheprovider"
    assert "1 passed" in types(stranger, collects + ours)
    # their service is a simulator under an address of its own
    with_key = collects_with_key.replace("google", stranger.env["GOOGLE_GEMINI_BASE_URL"])
    assert "1 passed" in types(stranger, with_key + ours)


def _their_settings(stranger: Stranger) -> Path:
    """Settings of pytest as docs/pytest.md has them, in the place of this project's own."""
    path = stranger.here / "theirs.toml"
    path.write_text('[pytest]\nflashlive_scenarios = ["tests/voice/*.toml"]\n', encoding="utf-8")
    return path


@these(
    "flashlive talk --video camera",
    "flashlive talk --video screen",
    "flashlive talk --video board.png",
    'flashlive talk --sim -x "What is this? @board.png"',
)
@pytest.mark.timeout(180)  # four talks in real time
def test_the_model_is_shown_pictures(stranger, service, display, typed) -> None:
    pytest.importorskip("cv2", reason="the extra `video` is not installed")
    camera, screen, image, inline = typed
    stranger.env |= {"DISPLAY": display.name}
    shutil.copyfile(stranger.here / "examples" / "timeline.png", stranger.here / "board.png")
    # their microphone is a file here: `-x` asks, so that the talk ends
    ask = ' -x "What do you see?" --format json'
    missing = types(stranger, camera + ask)
    assert '"type":"video.lost"' in missing.replace(" ", ""), "this machine has no camera, and the voice goes on"
    for shown in (screen, image):
        assert '"type":"video.sent"' in types(stranger, shown + ask).replace(" ", "")
    assert "picture" in types(stranger, inline)


@these(
    'espeak-ng --stdout "What time is it?" | flashlive talk -i - -o - | aplay',
    "arecord -q -f S16_LE -r 16000 -c 1 -t raw | flashlive talk -i - --raw -o - | aplay -q",
)
def test_sound_goes_through_pipes(stranger, service, typed) -> None:
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed")
    once, on_and_on = typed
    types(stranger, once)
    assert len(stranger.played) > 24_000

    (stranger.home / "played").unlink()
    with running(stranger, on_and_on) as process:
        until_played(stranger, process)
        interrupt(process)


@these(
    'flashlive talk --input cmd:"arecord -q -f S16_LE -r 16000 -c 1 -t raw" '
    '--output cmd:"aplay -q -f S16_LE -r 24000 -c 1 -t raw --buffer-time=60000"'
)
def test_programs_stand_in_for_a_sound_card(stranger, service, typed) -> None:
    with running(stranger, *typed) as process:
        until_played(stranger, process)
        interrupt(process)
        assert process.returncode == 130


@these(
    "(while sleep 1; do arecord -q -f S16_LE -r 16000 -c 1 -t raw | nc localhost 4000; done) &",
    "(while sleep 1; do nc localhost 4001 | aplay -q -f S16_LE -r 24000 -c 1 -t raw --buffer-time=60000; done) &",
    "ssh -t -L 4000:localhost:4000 -L 4001:localhost:4001 far "
    "flashlive talk --input \"'cmd:nc -l -p 4000'\" --output \"'cmd:nc -l -p 4001'\"",
)
@pytest.mark.xdist_group("fixed ports")
def test_sound_goes_through_ssh(stranger, service, typed) -> None:
    with running(stranger, *typed) as process:
        until_played(stranger, process)
        interrupt(process)


@these("flashlive talk")
@pytest.mark.xdist_group("sound card")
def test_microphone_and_speaker_are_the_default(card, stranger, service, typed) -> None:
    stranger.env |= {name: os.environ[name] for name in ("PULSE_SERVER", "PULSE_COOKIE")}
    with running(stranger, *typed) as process, card.recorded():
        time.sleep(1.5)  # for the microphone to be open
        card.speak(stranger.have("question.wav"))
        deadline = time.monotonic() + 30
        while len(set((card.folder / "tape").read_bytes()[-48_000:])) < 100:
            assert time.monotonic() < deadline, "no answer was heard"
            time.sleep(0.1)
        interrupt(process)
        assert process.returncode == 130


@these(
    "flashlive test examples/order-status.toml --sim",
    "flashlive test examples/scenarios --sim --speed 10 -j 2",
    "flashlive test examples/scenarios --repeat 5 --pass-at 4",
)
@pytest.mark.timeout(180)
def test_scenarios_are_run(stranger, service, typed) -> None:
    one, folder, again = typed
    assert types(stranger, one).endswith("1 passed\n")
    told = types(stranger, folder, patience_s=120)
    assert "failed" not in told
    # with the service all of it takes half an hour: one of them stands for the others
    # and without --sim nobody plays its part
    short = again.replace("examples/scenarios", "examples/scenarios --sim -k typed")
    assert "5/5" in types(stranger, short, patience_s=120)


@these(
    "flashlive sim -- python examples/live.py",
    "flashlive sim -- node examples/live.mjs",
    "flashlive sim --scenario examples/live-sim.toml --fail-on-unexpected --speed 5 -- pytest tests/voice",
)
@pytest.mark.xdist_group("sdks")
@pytest.mark.timeout(400)
def test_programs_of_other_stacks_run_against_the_simulator(stranger, typed, node, js_folder) -> None:
    python, script, suite = typed
    (stranger.here / "node_modules").symlink_to(js_folder / "node_modules")
    stranger.env["PATH"] = os.pathsep.join((stranger.env["PATH"], str(node.parent)))
    assert "shipped" in types(stranger, python.replace("sim --", "sim --scenario examples/live-sim.toml --"))
    types(stranger, script)
    voice = stranger.here / "tests" / "voice"
    voice.mkdir()
    live = (stranger.here / "examples" / "live.py").read_text(encoding="utf-8")
    (voice / "test_live.py").write_text(f"{live}\n\ndef test_it():\n    asyncio.run(main())\n", encoding="utf-8")
    types(stranger, suite.replace("pytest", "pytest -c /dev/null --rootdir ."))


def test_no_command_of_the_readme_is_left_out() -> None:
    written = {each.text for each in COMMANDS}

    assert [str(each) for each in COMMANDS if each.text not in TYPED | ELSEWHERE.keys()] == []
    assert (TYPED | ELSEWHERE.keys()) - written == set(), "the README does not have these any more"
