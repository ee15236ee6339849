"""What errors say, as a whole and in parts, and across processes."""

import pickle

import pytest

from flashlive_cli.errors import ConfigError, ConnectionLost, ConnectionRejected, FlashliveError, SoundSystemHangs

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
