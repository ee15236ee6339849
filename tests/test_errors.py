"""What errors say, as a whole and in parts, and across processes."""

import ast
import pickle
from pathlib import Path

import pytest

from flashlive_cli.errors import (
    ConfigError,
    ConnectionLost,
    ConnectionRejected,
    FlashliveError,
    SoundSystemHangs,
    reason_of,
)

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
EVERY_SHAPE = [
    ConfigError("no such voice"),
    ConfigError("no such voice", "try Puck"),
    ConnectionRejected("refused (1007: no; not you)", "try another key", code=1007, reason="no; not you"),
    ConnectionLost("gone", code=1011, reason="overloaded", by_server=True),
    SoundSystemHangs(),
]


def test_one_line_says_what_is_so_and_what_to_try() -> None:
    assert str(ConfigError("no such voice", "try Puck")) == "no such voice; try Puck"
    assert str(ConfigError("no such voice")) == "no such voice"
    assert str(SoundSystemHangs()) == "the sound system does not react; is your sound server frozen?"


@pytest.mark.parametrize("error", EVERY_SHAPE, ids=lambda error: type(error).__name__)
def test_an_error_comes_whole_out_of_another_process(error: FlashliveError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


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
