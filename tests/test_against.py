"""The comparison with other clients: its arithmetic, and what it says where it cannot measure."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.against import Client, cell, failures_of, install, measure_start, table

IN_TERMINAL = Path(__file__).parents[1] / "benchmarks" / "in_terminal.py"


def client(name: str) -> Client:
    return Client(name, [sys.executable, "-c", "pass"], "import this")


def give_up(words: str) -> None:
    raise SystemExit(words)


@pytest.mark.parametrize(
    ("values", "base", "text"),
    [
        ([30.0, 10.0, 20.0], [10.0], "20 (2.0 x)"),
        ([0.5], [0.2], "0.50 (2.5 x)"),
        ([3.0], [1.0], "3.00"),  # both less than what is measured wrong
        ([None, 8.0, None], [8.0], "8.00 (1.0 x)"),
        ([None], [8.0], "never"),
        (None, [8.0], "-"),
    ],
)
def test_a_cell_is_a_median_and_a_ratio_where_that_says_something(values, base, text) -> None:
    assert cell(values, base, 0.1 if max(base) < 1 else 5.0) == text


def test_who_cannot_be_measured_has_the_reason_below_the_table() -> None:
    ours, other = client("ours"), client("other")
    ours.note("import s", 0.2)
    with failures_of(other):
        give_up("other gave up, code 1:\nTraceback\nRuntimeError: no key")

    assert table([ours, other]).splitlines()[-1].startswith("other: ")
    assert table([ours, other]).endswith("RuntimeError: no key")
    assert "0.20" in table([ours, other])


def test_imports_are_measured_in_processor_seconds_and_may_fail() -> None:
    there, missing = client("there"), Client("missing", [sys.executable], "import no_such_package")
    measure_start(there)
    with failures_of(missing):
        measure_start(missing)

    assert all(value and 0 < value < 5 for value in there.figures["import s"])
    assert "No module named 'no_such_package'" in missing.failed


def test_what_does_not_install_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "peer" / "bin").mkdir(parents=True)
    (tmp_path / "peer" / "bin" / "python").symlink_to(sys.executable)
    peer = Client("peer", [str(tmp_path / "peer" / "bin" / "python"), "peer.py"], "", wanted=("no-such-package-here",))

    install(peer, tmp_path)

    assert peer.failed.startswith("does not install: ")


@pytest.mark.skipif(sys.platform == "win32", reason="a pty is POSIX's")
def test_a_program_is_given_a_terminal_and_its_exit_code_is_ours() -> None:
    program = "import sys; print(sys.stdin.isatty(), sys.stdout.isatty()); sys.exit(7)"
    done = subprocess.run(
        [sys.executable, IN_TERMINAL, sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (7, "True True")
