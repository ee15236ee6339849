"""The wall's clock may be set at any time: nothing but these may look at it."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "flashlive_cli"
WALL = {"time", "time_ns", "now", "utcnow", "today"}
MAY = {
    "session/slumber.py",  # notices sleep by it, and decides nothing else
    "cli/resume.py",  # a handle's age, from one process to another
    "cli/suite.py",  # when a run of scenarios began, for its reports
    "cli/checks/network.py",  # a certificate's end
    "sim/certificate.py",
    "sim/tokens.py",  # a token's end is a date
    "recording/recorder.py",  # dates of files
    "recording/transcript.py",
}


def looks_at_the_wall(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in WALL:
            whose = node.value
            name = whose.id if isinstance(whose, ast.Name) else whose.attr if isinstance(whose, ast.Attribute) else ""
            if (name == "time" and node.attr.startswith("time")) or (name in {"datetime", "date"}):
                return True
    return False


def test_nothing_else_goes_by_the_wall_clock() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if looks_at_the_wall(path)}

    assert found == MAY
