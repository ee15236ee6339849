"""A suite as it runs: bars on a terminal, lines elsewhere."""

import io

import pytest

from flashlive_cli.ui.suite import Row, SuiteScreen, show_table

HOSTILE = "order [pink 5 dB] [/x]\x1b[31m"
SHOWN = "order [pink 5 dB] [/x]\\x1b[31m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _wide(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")


def test_bars_name_what_runs_letter_by_letter() -> None:
    stream = Terminal()
    with SuiteScreen(stream, 1, live=True) as screen:
        screen.started("run", HOSTILE, 2)
        screen.advanced("run", 2)
    drawn = stream.getvalue()

    assert SHOWN in drawn
    assert "1/2" in drawn


def test_where_nothing_is_drawn_each_run_that_is_over_is_a_line() -> None:
    stream = io.StringIO()
    with SuiteScreen(stream, 2, live=False) as screen:
        screen.started("run", HOSTILE, 2)
        screen.finished("run", "failed", HOSTILE, 1.25)

    assert stream.getvalue() == f"[1/2] failed  {SHOWN} (1.2 s)\n"


def test_on_a_terminal_only_what_did_not_pass_stays() -> None:
    stream = Terminal()
    with SuiteScreen(stream, 2, live=True) as screen:
        for name, status in (("first", "passed"), ("second", "error")):
            screen.started(name, name, 1)
            screen.finished(name, status, name, 1.0)  # type: ignore[arg-type] # both are known words

    assert "error" in stream.getvalue()
    assert "passed" not in stream.getvalue()


def test_the_table_shows_names_reasons_and_notes_as_they_are() -> None:
    stream = io.StringIO()
    row = Row("failed", HOSTILE, "", ("$0.1",), [f"turn 1: {HOSTILE}"], [f"a note of {HOSTILE}"])
    show_table(stream, ("cost",), [row, Row("passed", "good", "", ("$0.1",), [])])

    assert stream.getvalue().count(SHOWN) == 5
    assert f"  turn 1: {SHOWN}\n" in stream.getvalue()
    assert f"note: {SHOWN}\n  a note of {SHOWN}\n" in stream.getvalue()
    assert stream.getvalue().count("note: ") == 1
