"""The table of what the simulator keeps to, as the documents have it."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_documents_list_the_rules_that_there_are_tests_of() -> None:
    table = [sys.executable, "tests/sim/conformance/table.py", "--collect-only"]
    env = os.environ | {"PYTHONUTF8": "1"}
    done = subprocess.run(table, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", check=True, timeout=50)
    listed = (ROOT / "docs" / "simulator-rules.md").read_text(encoding="utf-8")
    assert listed.endswith(done.stdout)

    n_rules = len(re.findall(r"^\| (?!message|---)", done.stdout, re.MULTILINE))
    assert f"It keeps to {n_rules} rules of the wire" in (ROOT / "README.md").read_text(encoding="utf-8")
