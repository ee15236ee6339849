"""What a stranger gets: the wheel and the source archive, built, looked into, installed into an empty environment."""

import os
import re
import select
import shutil
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from pathlib import Path

import pytest

from flashlive_cli import __version__

ROOT = Path(__file__).parents[1]
BUILD_TIMEOUT_S = 120

# one worker builds once; building and installing asks the package registry
pytestmark = [pytest.mark.registry, pytest.mark.xdist_group("packaging"), pytest.mark.timeout(300)]


def run(*command: str | Path, **options) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S, **options
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel, built from the source archive, and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries", "1", "--timeout", "10"]
    asked = subprocess.run(
        [*command, "--dest", str(tmp_path_factory.mktemp("probe")), "hatchling"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:
        pytest.skip(f"no package registry: {asked.stderr.strip().splitlines()[-1]}")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory) -> Path:
    """The folder of an empty environment's programs, with nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python = programs / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--only-binary", ":all:", archives[0])
    return programs


@pytest.fixture
def stranger(tmp_path) -> dict[str, str]:
    """The environment variables of somebody who has nothing of ours: an empty home, no settings, no key."""
    kept = {name: os.environ[name] for name in ("LANG", "SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(tmp_path), "PATH": os.defpath}


def test_the_archives_are_what_an_index_accepts(archives) -> None:
    done = run(sys.executable, "-m", "twine", "check", "--strict", *archives, env={**os.environ, "NO_COLOR": "1"})

    assert done.stdout.count("PASSED") == 2


def test_the_wheel_holds_the_package_and_nothing_else(archives) -> None:
    package = ROOT / "flashlive_cli"
    modules = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py")}
    page = {path.relative_to(ROOT).as_posix() for path in (package / "scenario" / "page").iterdir()}
    about = f"flashlive_cli-{__version__}.dist-info/"

    with zipfile.ZipFile(archives[0]) as wheel:
        names = set(wheel.namelist())

    described = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert names == modules | page | {"flashlive_cli/py.typed"} | {about + name for name in described}


def test_the_source_archive_holds_what_its_own_makefile_needs_and_no_litter(archives) -> None:
    with tarfile.open(archives[1]) as source:
        files = {Path(*Path(member.name).parts[1:]): member for member in source.getmembers() if member.isfile()}
        contents = {path: source.extractfile(member) for path, member in files.items() if path.name != "PKG-INFO"}
        changed = [path for path, file in contents.items() if not file or file.read() != (ROOT / path).read_bytes()]

    needed = {"Makefile", ".ci/run", ".ci/system", "README.md", "CHANGELOG.md", "LICENSE", "config.example.toml"}
    assert not changed
    assert needed <= {path.as_posix() for path in files}
    assert {Path("tests/conftest.py"), Path("examples/where-is-my-order.wav")} <= set(files)
    kinds = {".py", ".toml", ".md", ".wav", ".svg", ".png", ".mjs", ".typed", ".jsonl", ".json", ".yml", ".txt", ""}
    kinds |= {".html", ".css", ".js", ".xsd"}
    assert {path.suffix for path in files} <= kinds
    assert {path.parts[0] for path in files if len(path.parts) > 1} == {
        ".ci", ".github", "benchmarks", "docs", "examples", "flashlive_cli", "tests"
    }  # fmt: skip
    assert not [path for path in files if "cache" in str(path)]


def test_the_installed_command_tells_its_version_and_talks(installed, stranger, tmp_path) -> None:
    command = installed / "flashlive"

    assert run(command, "--version", env=stranger, cwd=tmp_path).stdout == f"flashlive {__version__}\n"
    said = run(
        command, "talk", "--sim", "--speed", "20", "-x", "hello", "--output", "a.wav", env=stranger, cwd=tmp_path
    )
    assert "hello" in said.stdout
    assert (tmp_path / "a.wav").stat().st_size > 10_000
    run(command, "config", "init", "made.toml", env=stranger, cwd=tmp_path)
    assert (tmp_path / "made.toml").read_text() == (ROOT / "config.example.toml").read_text()


def test_the_version_is_written_in_one_place(archives) -> None:
    assert f"-{__version__}-" in archives[0].name
    assert not re.search(r"^version\s*=", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_tools_files_of_others_are_type_checked_against_the_installed_package(installed, tmp_path) -> None:
    """Without py.typed, mypy calls the package untyped and says nothing about a wrong use of it."""
    (tmp_path / "mine.py").write_text(
        "from flashlive_cli import tool\n\n\n@tool(ask=3)\ndef roll() -> int:\n    return 4\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed / "python", "mine.py"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 1
    assert "import-untyped" not in done.stdout
    assert "[call-overload]" in done.stdout


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="no bash here")
def test_bash_completes_voices_once_completion_is_installed(installed, stranger, tmp_path) -> None:
    import pty

    env = {**stranger, "PATH": f"{installed}:{os.defpath}", "TERM": "dumb", "INPUTRC": os.devnull}
    # something after it, as bash would else become the command, and leave none that it could see itself called from
    run("bash", "-c", "flashlive --install-completion && true", env=env)
    keyboard, screen = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", tmp_path / ".bashrc", "-i"],
        stdin=screen, stdout=screen, stderr=screen, env=env, cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    os.close(screen)
    try:
        os.write(keyboard, b"PS1=ready'> '\n")
        shown_until(keyboard, rb"ready> $")
        os.write(keyboard, b"flashlive talk --voice Pu\t\t")
        shown_until(keyboard, rb"Puck +Pulcherrima\s+ready> flashlive talk --voice Pu$")
        os.write(keyboard, b"c\t")  # one voice is left
        shown_until(keyboard, rb"^ck $")
    finally:
        shell.kill()
        shell.wait()
        os.close(keyboard)


def shown_until(terminal: int, expected: bytes) -> None:
    """Read what a terminal shows until it matches."""
    shown = b""
    deadline = time.monotonic() + 30
    while not re.search(expected, shown):
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 0.5)[0]:
            shown += os.read(terminal, 4096)
