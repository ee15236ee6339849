"""How fast a scenario may run here: what has short deadlines must not miss them because a machine is busy."""

from flashlive_cli.scenario.schema import Scenario

IN_AN_INSTANT = {"interrupted_within_ms", "flushed_within_ms"}
SOON = {"first_audio_within_ms", "complete_within_ms"}


def speed_of(scenario: Scenario) -> float:
    """Return a speed at which each limit leaves a quarter of a second of the wall's time to spare."""
    expected = {name for turn in scenario.turn for name in turn.expect.model_fields_set}
    return 2.0 if expected & IN_AN_INSTANT else 5.0 if expected & SOON else 8.0
