"""How the system's refusals are worded."""

import ast
from pathlib import Path

import pytest

from flashlive_cli.errors import reason_of

PACKAGE = Path(__file__).parents[1] / "flashlive_cli"
MAY_READ_STRERROR = {
    "errors.py",
    "session/connection.py",  # of an SSLError it is the library's shorthand, and the verdict on a certificate says more
    "cli/checks/network.py",  # the same
    *(
        "cli/casting.py",
        "cli/tools.py",
        "config/files.py",
        "session/setups.py",
    ),  # what a file gives always has a number
}


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (FileNotFoundError(2, "No such file or directory", "a.wav"), "No such file or directory"),
        (OSError("the reader left"), "the reader left"),
        (ValueError("embedded null byte"), "embedded null byte"),
    ],
)
def test_a_refusal_has_words_also_where_it_has_no_number(exc, words) -> None:
    assert reason_of(exc) == words


def test_only_one_place_words_what_the_system_refuses() -> None:
    """`strerror` is None where an OSError has no number: `reason_of` knows that."""
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "strerror" and ast.unparse(node.value) != "os"
    }

    assert readers <= MAY_READ_STRERROR
