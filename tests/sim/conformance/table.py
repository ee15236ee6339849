"""
Print what the simulator holds, as a Markdown table: each message, each rule about it, and the families it holds for.

    python tests/sim/conformance/table.py [--collect-only]

Runs the conformance tests next to this file; a rule has a mark where its test passed. With `--collect-only` nothing
runs, and every test counts as passed. Exits with 1 when a test failed.
"""

import contextlib
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FAMILIES = ("3.1", "3.8", "3.8 ET", "2.5")
LEGEND = (
    "3.1 = gemini-3.1-flash-live-preview, 3.8 = gemini-3.8-live, 3.8 ET = gemini-3.8-live-extended-thinking, "
    "2.5 = gemini-2.5-flash-native-audio-*"
)


@dataclass
class Held:
    """A pytest plugin that keeps what was held: (message, words) by family."""

    rules: dict[tuple[str, str], dict[str, bool]] = field(default_factory=dict)
    of_test: dict[str, tuple[tuple[str, str], str]] = field(default_factory=dict)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note every rule and its families."""
        for item in session.items:
            mark = item.get_closest_marker("rule")
            if mark is not None and isinstance(item, pytest.Function):
                rule, family = (mark.args[0], mark.args[1]), str(item.callspec.params["family"])
                self.of_test[item.nodeid] = rule, family
                self.rules.setdefault(rule, {}).setdefault(family, True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One failure and the rule is not held."""
        if report.failed and report.nodeid in self.of_test:
            rule, family = self.of_test[report.nodeid]
            self.rules[rule][family] = False

    def markdown(self) -> str:
        """The table, grouped by message in alphabetical order, without regard to case."""
        lines = [f"| message | rule | {' | '.join(FAMILIES)} |", "| --- | --- |" + " :-: |" * len(FAMILIES)]
        before = ""
        for (message, words), held in sorted(self.rules.items(), key=lambda rule: rule[0][0].lower()):
            marks = ["" if family not in held else "✓" if held[family] else "✗" for family in FAMILIES]
            shown = "" if message == before else message if " " in message else f"`{message}`"
            lines.append(f"| {shown} | {words} | {' | '.join(marks)} |")
            before = message
        return "\n".join([*lines, "", LEGEND])


def main() -> int:
    """Run, print, and return the exit code."""
    held = Held()
    here = Path(__file__).parent
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:], str(here)], plugins=[held])
    print(held.markdown())
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main())
