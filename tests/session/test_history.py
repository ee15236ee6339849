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
        history.note(report, 1.0)

    assert history.turns() == (
        Content("user", "Where is it?"),
        Content("user", '(The function find was called and has returned {"output": "ż"})'),
        Content("model", "It is"),
    )


def test_the_latest_turns_are_kept_as_far_as_there_is_room() -> None:
    history = History([Content("user", "before")])
    for number in range(5):
        history.note(Transcript("user", str(number) * (MOST_CHARS // 3), final=True), 1.0)

    assert [turn.text[0] for turn in history.turns()] == ["2", "3", "4"]


def test_what_the_user_is_about_to_ask_again_is_left_out_and_what_came_of_it_is_not() -> None:
    history = History([Content("user", "before")])
    history.note(Transcript("user", "Hello?", final=True), 0.0)
    history.note(Transcript("user", "A table for two.", final=True), 1.0)
    history.note(ToolFinished("1", "book", True, {"output": "booked"}, 1.0), 2.0)
    history.note(Transcript("model", "I have", final=True, heard="I"), 3.0)

    told = Content("user", '(The function book was called and has returned {"output": "booked"})')
    before = (Content("user", "before"), Content("user", "Hello?"))
    assert history.turns(asked_again=1.0) == (*before, told, Content("model", "I"))
    assert history.turns() == (*before, Content("user", "A table for two."), told, Content("model", "I"))
