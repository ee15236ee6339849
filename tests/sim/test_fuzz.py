"""Two thousand mutated messages; `benchmarks/fuzz_sim.py` throws as many as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_sim.py"


@pytest.mark.parametrize("options", [["--messages", "1500"], ["--messages", "500", "--wire"]])
def test_no_mutated_message_breaks_a_conversation(options):
    run = subprocess.run([sys.executable, FUZZ, "--seed", "7", *options], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "no crash" in run.stdout
