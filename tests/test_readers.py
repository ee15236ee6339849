"""Mutated files and messages; `benchmarks/fuzz_readers.py` throws as many as one likes, and lets atheris lead."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "benchmarks" / "fuzz_readers.py"


@pytest.mark.parametrize(("reader", "runs"), [("message", 2000), ("wav", 200), ("scenario", 300), ("settings", 300)])
def test_mutated_input_is_read_or_refused_as_documented(reader, runs) -> None:
    """With bounded memory and time: a header's promise of 4 GB is no reason to take them."""
    command = [sys.executable, FUZZ, "--seed", "7", "--only", reader, "--runs", str(runs)]

    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{runs} inputs" in done.stdout
