"""What rooms that do not see each other say of the same thing."""

from flashlive_cli.config import SETTINGS
from flashlive_cli.protocol.families import DEFAULT_MODEL
from flashlive_cli.session import calls, lane
from flashlive_cli.toolbox import MAX_RESULT_BYTES
from flashlive_cli.video import still


def test_a_talk_without_settings_has_the_default_model() -> None:
    assert SETTINGS["model"].default == DEFAULT_MODEL


def test_a_picture_may_be_as_large_as_the_line_takes_it() -> None:
    assert still.MOST_BYTES == lane.MOST_BYTES


def test_a_tools_largest_result_fits_among_those_that_wait() -> None:
    assert calls.MOST_INTERIM_BYTES >= MAX_RESULT_BYTES
