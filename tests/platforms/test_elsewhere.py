"""On Windows and macOS: as far as that can be seen from here."""

import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = Path(__file__).with_name("elsewhere.py")
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no need to fake it where it is so")
both = pytest.mark.parametrize("platform", ["win32", "darwin"])


def elsewhere(platform: str, *args: str | Path, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "FLASHLIVE_", "GEMINI_"))}
    return subprocess.run(
        [sys.executable, "-W", "error", str(ELSEWHERE), platform, *map(str, args)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder, timeout=50,
        env={**kept, "HOME": str(folder), **env},
    )  # fmt: skip


@both
def test_every_module_is_imported(platform, tmp_path) -> None:
    done = elsewhere(platform, "import", folder=tmp_path)

    package = ROOT / "flashlive_cli"
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in package.rglob("*.py")}
    expected = {name.removesuffix(".__init__") for name in files} - {"flashlive_cli", "flashlive_cli.__main__"}
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == expected


def test_the_fake_takes_away_what_windows_has_not(tmp_path) -> None:
    """Or the tests here would say nothing."""
    probe = "import os, signal, sys; sys.argv = ['', 'win32', 'import']; import elsewhere; elsewhere.become('win32');"
    wrong = "bad = [hasattr(os, 'killpg'), hasattr(signal, 'SIGTSTP'), sys.platform != 'win32'];"
    found = "exec('try: import termios\\nexcept ImportError: pass\\nelse: bad.append(True)'); sys.exit(any(bad))"
    done = subprocess.run([sys.executable, "-c", probe + wrong + found], cwd=ELSEWHERE.parent, check=False)

    assert done.returncode == 0


@both
def test_a_talk_is_held_recorded_and_read(platform, tmp_path) -> None:
    done = elsewhere(
        platform, "run", "talk", "--sim", "--speed", "20", "--scenario", EXAMPLES / "order-status.toml",
        "--input", EXAMPLES / "where-is-my-order.wav", "--tools", EXAMPLES / "tools.py", "--output", "answer.wav",
        "--record", "kept", "--transcript", "words.md", "--log-file", "log.txt", "--log-level", "debug",
        folder=tmp_path,
    )  # fmt: skip
    shown = elsewhere(platform, "run", "sessions", "show", "last", "--dir", "kept", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "has shipped and arrives on Thursday" in done.stdout
    assert "has shipped and arrives on Thursday" in shown.stdout
    assert "has shipped" in (tmp_path / "words.md").read_text()
    with wave.open(str(tmp_path / "answer.wav")) as answer:
        assert answer.getnframes() > 24_000


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("--help",), 0, "Hold a conversation"),
        (("config", "init", "made.toml"), 0, "wrote made.toml"),
        (("config", "path"), 0, "config.toml"),
        (("devices",), 4, "no sound device"),
        (("talk", "--sim", "-x", "hi", "--output", "cmd:cat"), 0, "You typed: hi"),
        (("talk", "--sim", "-x", "hi", "--output", "cmd:false"), 4, "flashlive: error: false "),
        (("talk", "--sim", "--input", "none.wav"), 2, "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_commands_end_on_windows_as_they_do_here(command, code, said, tmp_path) -> None:
    done = elsewhere("win32", "run", *command, folder=tmp_path, PULSE_SERVER="unix:/nowhere")

    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("platform", "place"), [("win32", "Local/flashlive"), ("darwin", "home/Library/Application Support/flashlive")]
)
def test_files_are_kept_where_the_system_keeps_them(platform, place, tmp_path) -> None:
    (tmp_path / "home").mkdir()
    env = {
        "HOME": str(tmp_path / "home"),
        "LOCALAPPDATA": str(tmp_path / "Local"),
        "APPDATA": str(tmp_path / "Roaming"),
    }

    done = elsewhere(platform, "folders", folder=tmp_path / "home", **env)

    assert done.stdout.splitlines() == [str(tmp_path / place / name) for name in ("config.toml", "devices.json")]


def test_a_windows_console_is_opened_and_its_keys_are_heard(tmp_path) -> None:
    (tmp_path / "CONIN$").touch()

    assert elsewhere("win32", "keys", "m\xe0H q", folder=tmp_path).stdout == "m up space q\n"


def test_without_a_windows_console_nobody_can_type(tmp_path) -> None:
    assert elsewhere("win32", "keys", "m", folder=tmp_path).stdout == "nobody can type\n"


@pytest.mark.timeout(240)
def test_nothing_is_called_that_windows_has_not(tmp_path) -> None:
    """As far as types tell. `keyboard_posix` is begun on POSIX alone."""
    command = [sys.executable, "-m", "mypy", "--platform", "win32", "--no-warn-unreachable", "flashlive_cli"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )

    errors = [line for line in done.stdout.splitlines() if re.search(r":\d+: error:", line)]
    assert "Found" in done.stdout or "Success" in done.stdout
    assert [line for line in errors if "keyboard_posix" not in line] == []
