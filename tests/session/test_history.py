"""What has been said, for a session that begins anew."""

from flashlive_cli.protocol.commands import Content
from flashlive_cli.reports import ReplyStarted, ToolFinished, Transcript
from flashlive_cli.session.history import MOST_CHARS, History


def test_what_both_sides_said_is_kept_and_of_the_model_only_what_was_heard() -> None:
    history = History()
    for report in (
        Transcript("user", "Where", final=False),
        Transcript("user", "Where is it?", final=True),
        ReplyStarted(),
        ToolFinished("1", "find", True, {"output": "ż"}, 1.0),
        Transcript("model", "It is here, and", final=True, heard="It is"),
        Transcript("model", "Not heard at all.", final=True, heard=""),
    ):
        history.note(report)

    assert history.turns() == (
        Content("user", "Where is it?"),
        Content("user", '(The function find was called and has returned {"output": "ż"})'),
        Content("model", "It is"),
    )


def test_the_latest_turns_are_kept_as_far_as_there_is_room() -> None:
    history = History([Content("user", "before")])
    for number in range(5):
        history.note(Transcript("user", str(number) * (MOST_CHARS // 3), final=True))

    assert [turn.text[0] for turn in history.turns()] == ["2", "3", "4"]
