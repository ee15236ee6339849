"""`flashlive test`: exit codes, one clear line for what is wrong, and ways out."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = '[[turn]]\ntext = "hello"\n[turn.expect]\nreply = "fine"\n[turn.sim]\nreply = "I am fine."\n'


def flashlive(*args: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "flashlive_cli", "test", *map(str, args)],
        capture_output=True, text=True, check=False, cwd=cwd, env=env, timeout=50,
    )  # fmt: skip


def is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wav(n_frames: int) -> bytes:
    """Return the bytes of silence, 8 kHz mono."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * n_frames))
    return written.getvalue()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_scenario_that_passes_is_told_in_a_table(good) -> None:
    done = flashlive("--sim", "--speed", 10, good)

    assert done.returncode == 0, done.stderr
    assert "passed   good" in done.stdout
    assert done.stdout.endswith("1 passed\n")
    assert "[1/1] passed  good" in done.stderr


def test_a_scenario_that_fails_says_what_was_expected_and_what_came(good) -> None:
    good.write_text(GOOD.replace("fine.", "\\u001b[31mill."), encoding="utf-8")
    done = flashlive("--sim", "--speed", 10, good)

    assert done.returncode == 1
    assert "turn 1: reply: expected /fine/, got 'I am" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nix.toml",), "nix.toml: there is no such file or folder"),
        (("good.toml", "--pass-at", "2"), "--pass-at 2 goes with --repeat"),
        (("good.toml", "--url", "ws://127.0.0.1:1"), "--sim and --url exclude each other"),
        (("good.toml", "--shard", "3/2"), "expected I/N"),
        (("good.toml", "-k", "nothing"), "no scenario is left to run"),
        (("bad.toml",), "bad.toml:2: unknown key `txt` in [turn]; did you mean `text`?"),
        (("tools.toml",), "there is no file"),
        (("good.toml", "--model", "gemini-2.0-flash-exp"), "was shut down"),
        (("good.toml", "--voice", "Pick"), "Puck"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(good, args, words) -> None:
    (good.parent / "bad.toml").write_text('[[turn]]\ntxt = "hello"\n', encoding="utf-8")
    (good.parent / "tools.toml").write_text('tools = "nix.py"\n' + GOOD, encoding="utf-8")
    done = flashlive("--sim", *args, cwd=good.parent)

    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_all_that_is_wrong_is_told_before_anything_is_run(good, options) -> None:
    (good.parent / "b.toml").write_text('nam = "x"\n' + GOOD + 'cals = []\ndelay_ms = "x"\n', encoding="utf-8")
    (good.parent / "a.toml").write_text("[[turn]]\nsay = 'nix.wav'\n[turn.expect]\nrepl = ''\n", encoding="utf-8")
    done = flashlive("--sim", *options, ".", cwd=good.parent)

    assert (done.returncode, done.stdout) == (2, "")
    assert [line.partition(": there")[0] for line in done.stderr.splitlines()] == [
        "flashlive: error: a.toml:2",
        "flashlive: error: a.toml:4: unknown key `repl` in [turn.expect]; did you mean `reply`?",
        "flashlive: error: b.toml:1: unknown key `nam`; did you mean `name`?",
        "flashlive: error: b.toml:6: unknown key `cals` in [turn.sim]; did you mean `calls`?",
    ]


def test_all_paths_that_lead_nowhere_are_told(good) -> None:
    done = flashlive("--sim", "nix", good, "nax.toml", cwd=good.parent)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"flashlive: error: {name}: there is no such file or folder" for name in ("nax.toml", "nix")
    ]


def test_without_a_key_the_way_out_is_named(good) -> None:
    done = flashlive(good)

    assert done.returncode == 2
    assert "there is no API key" in done.stderr
    assert "--sim" in done.stderr


def test_a_service_that_is_not_there_is_exit_code_3(good) -> None:
    done = flashlive("--url", "ws://127.0.0.1:9", good)

    assert done.returncode == 3
    assert "error" in done.stdout


def test_tools_that_do_not_load_are_exit_code_2(good) -> None:
    (good.parent / "tools.py").write_text("def broken(:\n", encoding="utf-8")
    good.write_text('tools = "tools.py"\n' + GOOD, encoding="utf-8")
    done = flashlive("--sim", good)

    assert done.returncode == 2
    assert "tools.py:1" in done.stdout


def test_what_it_came_to_is_written_down_in_all_forms(good, tmp_path) -> None:
    out = tmp_path / "out"
    files = ("--junit", out / "report.xml", "--html", out / "report.html", "--evidence", out / "evidence")
    done = flashlive("--sim", "--speed", 10, "--json", "--repeat", 2, *files, good)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["totals"]["passed"] == 2
    assert [each["repetition"] for each in report["scenarios"]] == [1, 2]
    cases = ET.parse(out / "report.xml").getroot().iter("testcase")
    assert [case.get("name") for case in cases] == ["good #1", "good #2"]
    assert "I am fine." in (out / "report.html").read_text(encoding="utf-8")
    kept = {path.name for path in (out / "evidence" / "good.2").iterdir()}
    assert kept == {"conversation.wav", "events.ndjson", "timeline.html", "transcript.md", "wire.jsonl"}


def test_a_report_that_cannot_be_written_is_one_line_at_once(good) -> None:
    done = flashlive("--sim", "--speed", 10, "--junit", good / "report.xml", good)

    assert done.returncode == 2
    assert done.stderr.endswith("good.toml is no folder\n")
    assert len(done.stderr.splitlines()) == 1, "said before anything is run"


def test_cost_is_counted_by_the_prices_of_the_users_own(good) -> None:
    (good.parent / "flashlive.toml").write_text(
        '[prices."gemini-3.1-flash-live-preview"]\ntext_in = 1e6\naudio_in = 1e6\ntext_out = 1e6\naudio_out = 1e6\n',
        encoding="utf-8",
    )
    done = flashlive("--sim", "--speed", 10, "--json", good, cwd=good.parent)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["cost_usd"] > 10, "a million dollars for a million tokens"


def test_update_from_takes_over_what_a_run_has(good, tmp_path) -> None:
    assert flashlive("--sim", "--speed", 10, "--evidence", tmp_path / "evidence", good).returncode == 0
    good.write_text(GOOD.replace("I am fine.", "something else") + "# a remark\n", encoding="utf-8")
    done = flashlive("--update-from", tmp_path / "evidence" / "good", good)

    assert done.returncode == 0, done.stderr
    assert 'reply = "I am fine."' in good.read_text(encoding="utf-8")
    assert "# a remark" in good.read_text(encoding="utf-8")
    assert flashlive("--update-from", tmp_path / "evidence" / "good", good).stdout == "nothing has changed\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--junit", "good.toml"), "--junit good.toml would overwrite"),
        (("--html", "clip.wav"), "--html clip.wav would overwrite"),
        (("--junit", "same", "--html", "same"), "--html same would overwrite --junit"),
        (("--junit", "-"), "--junit - would be a file of that name"),
        (("--evidence", "good.toml"), "--evidence good.toml would overwrite"),
        (("--evidence", "clip.wav/x"), "cannot hold evidence"),
    ],
)
def test_no_report_overwrites_what_is_read(good, args, words) -> None:
    shutil.copyfile(EXAMPLES / "where-is-my-order.wav", good.parent / "clip.wav")
    good.write_text(GOOD + '[[turn]]\nsay = "clip.wav"\n', encoding="utf-8")
    before = good.read_bytes(), (good.parent / "clip.wav").read_bytes()
    done = flashlive("--sim", *args, "good.toml", cwd=good.parent)

    assert done.returncode == 2
    assert words in done.stderr
    assert (good.read_bytes(), (good.parent / "clip.wav").read_bytes()) == before


def test_what_was_not_run_is_in_the_reports(good) -> None:
    for name in ("a", "b"):
        (good.parent / f"{name}.toml").write_text(GOOD.replace("fine.", "ill."), encoding="utf-8")
    done = flashlive("--sim", "--speed", 10, "-j", 1, "-x", "--json", "--junit", "r.xml", ".", cwd=good.parent)

    assert done.returncode == 1
    assert json.loads(done.stdout)["totals"]["not_run"] == 2
    suite = ET.parse(good.parent / "r.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "2", "1")


def test_an_empty_share_is_no_failure(good) -> None:
    done = flashlive("--sim", "--shard", "2/2", good)

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "nothing to run")


def test_on_a_terminal_bars_come_and_go(shell, window) -> None:
    (shell.folder / "good.toml").write_text(GOOD, encoding="utf-8")
    (shell.folder / "bad.toml").write_text(GOOD.replace("fine.", "ill."), encoding="utf-8")
    at = window()
    at.start("test", "--sim", "--speed", "10", "good.toml", "bad.toml")
    assert at.ended() == 1

    assert at.modes() == at.before
    assert "all" in at.words
    assert "1 passed, 1 failed" in at.words
    assert "unexpected" not in at.words


def test_a_dry_run_lists_what_would_be_run(good) -> None:
    done = flashlive("--dry-run", good, EXAMPLES / "order-status.toml")

    assert done.returncode == 0
    other = EXAMPLES / "order-status.toml"
    assert done.stdout.splitlines() == [f"{good}: good (1 turn)", f"{other}: order status (1 turn)"]


def test_a_scenario_that_checks_nothing_passes_and_is_noted(good) -> None:
    (good.parent / "idle.toml").write_text('[[turn]]\ntext = "hello"\n', encoding="utf-8")
    words = "checks nothing: no turn has [turn.expect], and there is no [expect]"
    dry = flashlive("--dry-run", ".", cwd=good.parent)
    done = flashlive("--sim", "--speed", 10, ".", cwd=good.parent)

    assert dry.stdout.splitlines() == ["good.toml: good (1 turn)", f"idle.toml: idle (1 turn); {words}"]
    assert (dry.returncode, done.returncode) == (0, 0)
    assert done.stdout.endswith(f"\nnote: idle\n  {words}\n2 passed\n")
    assert done.stdout.count("note: ") == 1


def test_of_sound_that_is_not_as_it_should_be_the_user_is_told(good) -> None:
    (good.parent / "cut.wav").write_bytes((EXAMPLES / "where-is-my-order.wav").read_bytes()[:-4000])
    good.write_text(GOOD.replace('text = "hello"', 'say = "cut.wav"'), encoding="utf-8")
    dry = flashlive("--dry-run", good)
    done = flashlive("--sim", "--speed", 10, "--repeat", 2, good)

    assert (dry.returncode, done.returncode) == (0, 0)
    assert dry.stdout == f"{good}: good (1 turn)\n"
    warning = f"warning: {good.parent / 'cut.wav'}: is cut short"
    assert dry.stderr.startswith(f"flashlive: {warning}")
    assert len(dry.stderr.splitlines()) == 1
    assert f"\nnote: good\n  {warning}" in done.stdout
    assert done.stdout.count("warning: ") == 1


def test_a_dry_run_opens_every_file_that_is_named(good) -> None:
    beside = good.parent
    for name in ("a.wav", "hum.wav", "pink.wav", "board.png"):
        (beside / name).write_bytes(b"RIFF")
    (beside / "long.wav").write_bytes(wav(n_frames=8000 * 601))
    (beside / "odd.txt").write_bytes(b"\xff")
    (beside / "common.toml").write_text('[noise]\nsnr_db = 9\nfile = "hum.wav"\n', encoding="utf-8")
    good.write_text(
        'include = "common.toml"\nsystem = "@odd.txt"\ntools = "odd.txt"\n'
        '[matrix]\nnoise = ["none",\n{ snr_db = 3, file = "pink.wav" }]\n'
        '[[turn]]\nsay = "a.wav"\n[[turn]]\nsay = "long.wav"\n[[turn]]\nimage = "board.png"\ntext = "Look"\n',
        encoding="utf-8",
    )
    done = flashlive("--dry-run", "good.toml", cwd=beside)

    assert (done.returncode, done.stdout) == (2, "")
    told = [
        line.removeprefix("flashlive: error: ").replace(f"{beside}{os.sep}", "") for line in done.stderr.splitlines()
    ]
    assert told == [
        "common.toml:3: hum.wav: ends in the middle of its header",
        "good.toml:2: odd.txt: is not UTF-8 text",
        "good.toml:3: odd.txt: is not UTF-8 text",
        "good.toml:6: pink.wav: ends in the middle of its header",
        "good.toml:8: a.wav: ends in the middle of its header",
        "good.toml:10: long.wav: 601 s are more than the 600 a turn may take",
        "good.toml:12: board.png: no image that can be read (PNG, JPEG, WebP, BMP, TIFF)",
    ]


@pytest.mark.skipif(os.name == "nt" or not shutil.which("pgrep"), reason="POSIX signals and processes")
def test_workers_that_have_just_been_started_say_nothing_of_ctrl_c(good) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flashlive_cli", "test", "--sim", "-j", "8", "--repeat", "8", str(good)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while _n_children(process.pid) < 2:  # the first is multiprocessing's own
        assert time.monotonic() < deadline, "no worker is started"
        time.sleep(0.002)
    time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, told = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in told


def _n_children(parent: int) -> int:
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
    return len(found.stdout.split())


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])  # `timeout` sends to the process, and to its group
@pytest.mark.parametrize(
    ("number", "code", "by"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP")],
)
def test_ended_from_outside_it_tells_what_there_is_and_leaves_no_process(good, number, code, by, times) -> None:
    good.write_text("[[turn]]\nsilence_ms = 60000\n", encoding="utf-8")
    args = ["--sim", "--speed", "10", "-j", "2", str(good), str(EXAMPLES / "order-status.toml")]
    process = subprocess.Popen(
        [sys.executable, "-m", "flashlive_cli", "test", *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        assert "order status" in process.stderr.readline()
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.05)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == code
        assert f"1 passed, 1 not run; stopped by {by}" in out
        deadline = time.monotonic() + 10
        while is_there(process.pid):
            assert time.monotonic() < deadline, "a worker is left"
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_workers_end_with_a_parent_that_is_killed(good) -> None:
    good.write_text("[[turn]]\nsilence_ms = 60000\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "flashlive_cli", "test", "--sim", str(good)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while _n_children(process.pid) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    while is_there(process.pid):
        assert time.monotonic() < deadline, "a worker is left"
        time.sleep(0.05)
